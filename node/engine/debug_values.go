// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"math"
	"strings"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/dataset"
	"github.com/espalier-io/espalier/node/listpack"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// What DEBUG tells about the values of keys. It sees those that have expired,
// too.

// debugKey looks up the key of a subcommand. It answers itself where there is
// none.
func debugKey(ctx *command.Context) (v store.Value, found bool) {
	if v, found = ctx.DB.Peek(ctx.Argv[2]); !found {
		ctx.Error(command.ErrNoSuchKey)
	}
	return v, found
}

func (e *Engine) debugObject(ctx *command.Context) {
	v, found := debugKey(ctx)
	if !found {
		return
	}
	const frame = 1 + 2 + 8 // type, version and checksum around the value
	var it rdb.Item
	dataset.Describe(&it, v)
	size := len(rdb.Dump(&it, e.cfg.RDBCompression)) - frame
	ctx.Reply.Simple(fmt.Sprintf("Value at:0x0 refcount:1 encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d%s",
		v.Encoding(), size, v.Access(), e.store.Idle(v.Access()), e.listFigures(v)))
}

// listFigures are those of a list's nodes.
func (e *Engine) listFigures(v store.Value) string {
	if v.Encoding() != store.EncQuicklist {
		return ""
	}
	l := v.List()
	bytes := 0
	for n := range l.Nodes() {
		bytes += len(n.Data)
	}
	return fmt.Sprintf(" ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:0 ql_uncompressed_size:%d",
		l.NumNodes(), float64(l.Len())/float64(max(1, l.NumNodes())), e.cfg.ListMaxListpackSize, bytes)
}

func (e *Engine) debugListpack(ctx *command.Context) {
	v, found := debugKey(ctx)
	switch {
	case !found:
	case v.Encoding() != store.EncListpack:
		ctx.Error("ERR Not a listpack encoded object.")
	default:
		e.logElements(v.Packed())
		ctx.Reply.Simple("Listpack structure printed on stdout")
	}
}

// logElements logs what a listpack is made of.
func (e *Engine) logElements(lp []byte) {
	const shown = 40
	e.log.Noticef("{total bytes %d} {num entries %d}", len(lp), listpack.Len(lp))
	for i, off := 0, listpack.First(lp); off >= 0; i, off = i+1, listpack.Next(lp, off) {
		text := listpack.Get(lp, off).Append(nil)
		e.log.Noticef("{index %d, offset %d, %d bytes} %.*q", i, off, len(text), shown, text)
	}
}

func (e *Engine) debugQuicklist(ctx *command.Context) {
	v, found := debugKey(ctx)
	switch {
	case !found:
	case v.Encoding() != store.EncQuicklist:
		ctx.Error("ERR Not a quicklist encoded object.")
	default:
		full := false
		if len(ctx.Argv) > 3 {
			full = atoi(ctx.Argv[3]) != 0
		}
		l := v.List()
		e.log.Noticef("{count : %d} {nodes : %d}", l.Len(), l.NumNodes())
		for n := range l.Nodes() {
			e.log.Noticef("{quicklist node: plain %v, %d bytes}", n.Plain, len(n.Data))
			if full && !n.Plain {
				e.logElements(n.Data)
			}
		}
		ctx.Reply.Simple("Quicklist structure printed on stdout")
	}
}

// debugPlainThreshold says from which size on an element of a list is a node of
// its own; 0 brings the default back.
func (e *Engine) debugPlainThreshold(ctx *command.Context) {
	const most = 1<<32 - 1<<20
	n, ok := config.ParseMemory(string(ctx.Argv[2]))
	if !ok || n > most {
		ctx.Error("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
		return
	}
	e.debugging.listPlain = int(n)
	e.configureStore(e.store)
	ctx.Reply.OK()
}

// debugValueTableStats tells of the tree that stands where Redis has a hash
// table.
func (e *Engine) debugValueTableStats(ctx *command.Context) {
	v, found := debugKey(ctx)
	if !found {
		return
	}
	var n int
	switch enc := v.Encoding(); {
	case enc == store.EncSkiplist:
		n = v.ZSet().Len()
	case enc == store.EncHT && v.Type() == store.TypeHash:
		n = v.Hash().Len()
	case enc == store.EncHT:
		n = v.Set().Len()
	default:
		ctx.Error("ERR The value stored at the specified key is not represented using an hash table")
		return
	}
	bytes, _ := ctx.DB.MemoryUsage(ctx.Argv[2]) // it is there
	var text strings.Builder
	fmt.Fprintf(&text, "Tree stats (main tree):\n number of elements: %d\n bytes: %d\n", n, bytes)
	ctx.Reply.Verbatim("txt", text.String())
}

// Dumping is how DUMP and RESTORE treat values (command.Host).
func (e *Engine) Dumping() command.Dumping {
	return command.Dumping{Compress: e.cfg.RDBCompression, Unchecked: e.saving.skipSumming}
}

// PayloadRefused logs why RESTORE did not take a payload (command.Host).
func (e *Engine) PayloadRefused(reason error) {
	e.log.Warningf("RESTORE was refused, payload integrity check failed: %v", reason)
}

// limits are those up to which collections stay packed.
func limits(v *config.Values, listPlain int) store.Limits {
	size := func(n int64) int { return int(min(n, math.MaxInt)) }
	l := store.Limits{
		HashEntries: size(v.HashMaxListpackEntries), HashValue: size(v.HashMaxListpackValue),
		SetIntset:   size(v.SetMaxIntsetEntries),
		ZSetEntries: size(v.ZSetMaxListpackEntries), ZSetValue: size(v.ZSetMaxListpackValue),
		ListNode: v.ListMaxListpackSize, ListPlain: store.DefaultLimits.ListPlain,
		SparseHLL: size(v.HLLSparseMaxBytes),
	}
	if listPlain > 0 {
		l.ListPlain = listPlain
	}
	return l
}
