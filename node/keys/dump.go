// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"slices"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/dataset"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/resp"
)

func dump(ctx *command.Context) {
	v, found := ctx.Read(ctx.Argv[1])
	if !found {
		ctx.Reply.Null()
		return
	}
	var it rdb.Item
	dataset.Describe(&it, v)
	ctx.Reply.Bulk(rdb.Dump(&it, ctx.Dumping().Compress))
}

// restoreOptions are what stands behind the payload of RESTORE.
type restoreOptions struct {
	replace, absolute bool
	idle, frequency   int64 // -1 where not given
}

func parseRestoreOptions(args [][]byte) (o restoreOptions, text string) {
	o.idle, o.frequency = -1, -1
	for ; len(args) > 0; args = args[1:] {
		more := len(args) > 1
		var ok bool
		switch {
		case is(args[0], "REPLACE"):
			o.replace = true
		case is(args[0], "ABSTTL"):
			o.absolute = true
		case is(args[0], "IDLETIME") && more && o.frequency == -1:
			if o.idle, ok = resp.ParseInt(args[1]); !ok {
				return o, command.ErrNotInteger
			}
			if o.idle < 0 {
				return o, "ERR Invalid IDLETIME value, must be >= 0"
			}
			args = args[1:]
		case is(args[0], "FREQ") && more && o.idle == -1:
			if o.frequency, ok = resp.ParseInt(args[1]); !ok {
				return o, command.ErrNotInteger
			}
			if o.frequency < 0 || o.frequency > 255 {
				return o, "ERR Invalid FREQ value, must be >= 0 and <= 255"
			}
			args = args[1:]
		default:
			return o, command.ErrSyntax
		}
	}
	return o, ""
}

// restore looks at its arguments in Redis's order, which decides what is wrong
// with a call that is wrong in several ways.
func restore(ctx *command.Context) {
	key := ctx.Argv[1]
	o, text := parseRestoreOptions(ctx.Argv[4:])
	if text != "" {
		ctx.Error(text)
		return
	}
	_, taken := ctx.Write(key)
	if taken && !o.replace {
		ctx.Error("BUSYKEY Target key name already exists.")
		return
	}
	ttl, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
		return
	case ttl < 0:
		ctx.Error("ERR Invalid TTL value, must be >= 0")
		return
	}
	it := rdb.Item{DB: ctx.Index, Key: key}
	if err := rdb.Restore(ctx.Argv[3], &it, ctx.Dumping().Unchecked); err != nil {
		refuse(ctx, err)
		return
	}
	at := ttl
	if ttl != 0 && !o.absolute {
		at += ctx.Now
	}
	if ttl != 0 && at <= ctx.Now && ctx.MayExpire() {
		if taken {
			ctx.DB.Delete(key)
			ctx.Modified(command.EventGeneric, "del", key)
			ctx.Propagate([]byte("DEL"), key)
		}
		ctx.Reply.OK()
		return
	}
	if _, err := dataset.Put(ctx.DB, &it); err != nil {
		refuse(ctx, err)
		return
	}
	if ttl != 0 {
		ctx.DB.SetExpire(key, max(at, 0))
	}
	setAccess(ctx, key, &o)
	ctx.Modified(command.EventGeneric, "restore", key)
	if ttl != 0 && !o.absolute {
		argv := slices.Clone(ctx.Argv)
		argv[2] = strconv.AppendInt(nil, at, 10)
		ctx.Propagate(append(argv, []byte("ABSTTL"))...)
	}
	ctx.Reply.OK()
}

func refuse(ctx *command.Context, err error) {
	if errors.Is(err, rdb.ErrDumpFooter) {
		ctx.Error("ERR DUMP payload version or checksum are wrong")
		return
	}
	ctx.PayloadRefused(err)
	ctx.Error("ERR Bad data format")
}

// setAccess tells the key what is known of accesses to it, if that is what the
// policy looks at.
func setAccess(ctx *command.Context, key []byte, o *restoreOptions) {
	switch lfu := ctx.Store.AccessPolicy().LFU; {
	case lfu && o.frequency >= 0:
		ctx.DB.SetAccess(key, ctx.Store.FrequencyAccess(int(o.frequency)))
	case !lfu && o.idle >= 0:
		ctx.DB.SetAccess(key, ctx.Store.IdleAccess(o.idle))
	}
}
