// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// end is the end of a sorted set that members are taken from.
type end struct {
	event string
	word  []byte // of the command that pops there
	high  bool
}

var (
	lowest  = &end{event: "zpopmin", word: []byte("ZPOPMIN")}
	highest = &end{event: "zpopmax", word: []byte("ZPOPMAX"), high: true}
)

// take answers with the n members at an end, the outermost first, and removes
// them. The caller has begun the array that they are elements of.
func (e *end) take(ctx *command.Context, key []byte, n int, nested bool) {
	ed := ctx.DB.EditZSet(key)
	z := ed.ZSet()
	r, low := run{n: n}, 0
	if e.high {
		low = z.Len() - n
		r = run{from: z.Len() - 1, n: n, down: true}
	}
	r.reply(ctx, z, true, nested)
	ed.RemoveRanks(low, n)
	changed(ctx, e.event, key, n, ed.Close())
}

func zpopMin(ctx *command.Context) { lowest.pop(ctx) }
func zpopMax(ctx *command.Context) { highest.pop(ctx) }

// pop is ZPOPMIN and ZPOPMAX. Only protocol 3 gets pairs, and only where it asked
// for a number of them.
func (e *end) pop(ctx *command.Context) {
	count, counted := int64(1), len(ctx.Argv) == 3
	if len(ctx.Argv) > 3 {
		ctx.Error(command.ErrSyntax)
		return
	}
	if counted {
		var ok bool
		if count, ok = resp.ParseInt(ctx.Argv[2]); !ok || count < 0 {
			ctx.Error("ERR value is out of range, must be positive")
			return
		}
	}
	key := ctx.Argv[1]
	z, found, ok := toWrite(ctx, key)
	if !ok {
		return
	}
	if !found || count == 0 {
		ctx.Reply.ArrayLen(0)
		return
	}
	n := int(min(count, int64(z.Len())))
	nested := counted && ctx.Reply.Protocol() > 2
	if nested {
		ctx.Reply.ArrayLen(n)
	} else {
		ctx.Reply.ArrayLen(2 * n)
	}
	e.take(ctx, key, n, nested)
}

// firstFilled finds the first key that is there. ok is false where it is no
// sorted set, which is answered.
func firstFilled(ctx *command.Context, keys [][]byte) (key []byte, z store.ZSet, ok bool) {
	for _, key := range keys {
		if z, found, ok := toWrite(ctx, key); found {
			return key, z, ok
		}
	}
	return nil, z, true
}

func bzpopMin(ctx *command.Context) { lowest.blockingPop(ctx) }
func bzpopMax(ctx *command.Context) { highest.blockingPop(ctx) }

func (e *end) blockingPop(ctx *command.Context) {
	last := len(ctx.Argv) - 1
	timeout, ok := ctx.Timeout(ctx.Argv[last])
	if !ok {
		return
	}
	keys := ctx.Argv[1:last]
	key, _, ok := firstFilled(ctx, ctx.Awaited(keys))
	switch {
	case !ok:
	case key == nil:
		wait(ctx, command.Wait{Keys: keys, Timeout: timeout})
	default:
		ctx.Reply.ArrayLen(3)
		ctx.Reply.Bulk(key)
		e.take(ctx, key, 1, false)
		ctx.Propagate(e.word, key)
	}
}

// wait blocks for a sorted set or answers as if the time were over.
func wait(ctx *command.Context, w command.Wait) {
	w.Type = store.TypeZSet
	if !ctx.Block(w) {
		ctx.Reply.NullArray()
	}
}

// multi is ZMPOP and, from its number of keys on, BZMPOP.
type multi struct {
	keys  [][]byte
	end   *end
	count int64
}

// parseMulti reads the arguments from the number of keys on.
func parseMulti(args [][]byte) (m multi, text string) {
	n, ok := resp.ParseInt(args[0])
	if !ok || n < 1 {
		return m, "ERR numkeys should be greater than 0"
	}
	if n >= int64(len(args)-1) {
		return m, command.ErrSyntax
	}
	m.keys, args = args[1:n+1], args[n+1:]
	switch {
	case is(args[0], "MIN"):
		m.end = lowest
	case is(args[0], "MAX"):
		m.end = highest
	default:
		return m, command.ErrSyntax
	}
	m.count = 1
	switch args = args[1:]; {
	case len(args) == 0:
	case len(args) < 2 || !is(args[0], "COUNT"):
		return m, command.ErrSyntax
	default:
		if m.count, ok = resp.ParseInt(args[1]); !ok || m.count < 1 {
			return m, "ERR count should be greater than 0"
		}
		if len(args) > 2 {
			return m, command.ErrSyntax
		}
	}
	return m, ""
}

// take pops from the first of the keys that is there; found is false where none
// is. It answers in any other case.
func (m *multi) take(ctx *command.Context, keys [][]byte) (found bool) {
	key, z, ok := firstFilled(ctx, keys)
	if !ok {
		return true
	}
	if key == nil {
		return false
	}
	n := int(min(m.count, int64(z.Len())))
	ctx.Reply.ArrayLen(2)
	ctx.Reply.Bulk(key)
	ctx.Reply.ArrayLen(n)
	m.end.take(ctx, key, n, true)
	ctx.Propagate(m.end.word, key, strconv.AppendInt(nil, int64(n), 10))
	return true
}

func zmpop(ctx *command.Context) {
	m, text := parseMulti(ctx.Argv[1:])
	if text != "" {
		ctx.Error(text)
		return
	}
	if !m.take(ctx, m.keys) {
		ctx.Reply.NullArray()
	}
}

func bzmpop(ctx *command.Context) {
	m, text := parseMulti(ctx.Argv[2:])
	if text != "" {
		ctx.Error(text)
		return
	}
	timeout, ok := ctx.Timeout(ctx.Argv[1])
	if ok && !m.take(ctx, ctx.Awaited(m.keys)) {
		wait(ctx, command.Wait{Keys: m.keys, Timeout: timeout})
	}
}
