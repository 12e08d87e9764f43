// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

func hget(ctx *command.Context) {
	if h, found, ok := look(ctx, ctx.Argv[1]); ok {
		replyField(ctx, h, found, ctx.Argv[2])
	}
}

// hmget takes a key that is not there for an empty hash.
func hmget(ctx *command.Context) {
	h, found, ok := look(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	ctx.Reply.ArrayLen(len(ctx.Argv) - 2)
	for _, field := range ctx.Argv[2:] {
		replyField(ctx, h, found, field)
	}
}

func replyField(ctx *command.Context, h store.Hash, found bool, field []byte) {
	if found {
		if value, has := h.Get(field); has {
			ctx.Reply.Bulk(value)
			return
		}
	}
	ctx.Reply.Null()
}

func hlen(ctx *command.Context) {
	h, found, ok := look(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.Int(0)
	default:
		ctx.Reply.Int(int64(h.Len()))
	}
}

func hexists(ctx *command.Context) {
	_, has, ok := valueOf(ctx)
	switch {
	case !ok:
	case has:
		ctx.Reply.Int(1)
	default:
		ctx.Reply.Int(0)
	}
}

func hstrlen(ctx *command.Context) {
	if value, _, ok := valueOf(ctx); ok {
		ctx.Reply.Int(int64(len(value)))
	}
}

// valueOf is the value of the one field that a call asks for. ok is false where
// an error has been answered.
func valueOf(ctx *command.Context) (value []byte, has, ok bool) {
	h, found, ok := look(ctx, ctx.Argv[1])
	if found && ok {
		value, has = h.Get(ctx.Argv[2])
	}
	return value, has, ok
}

func hgetall(ctx *command.Context) {
	h, found, ok := look(ctx, ctx.Argv[1])
	switch {
	case !ok:
		return
	case !found:
		ctx.Reply.MapLen(0)
		return
	}
	ctx.Reply.MapLen(h.Len())
	for field, value := range h.All() {
		ctx.Reply.Bulk(field)
		ctx.Reply.Bulk(value)
	}
}

func hkeys(ctx *command.Context) {
	if h, ok := replyLen(ctx); ok {
		for field := range h.All() {
			ctx.Reply.Bulk(field)
		}
	}
}

func hvals(ctx *command.Context) {
	if h, ok := replyLen(ctx); ok {
		for _, value := range h.All() {
			ctx.Reply.Bulk(value)
		}
	}
}

// replyLen begins an array of as many elements as the hash has fields. ok is
// false where the reply is complete.
func replyLen(ctx *command.Context) (h store.Hash, ok bool) {
	h, found, ok := look(ctx, ctx.Argv[1])
	switch {
	case !ok:
		return h, false
	case !found:
		ctx.Reply.ArrayLen(0)
		return h, false
	}
	ctx.Reply.ArrayLen(h.Len())
	return h, true
}

// hscan looks at its options last of all, as Redis does: without the key they
// may be anything.
func hscan(ctx *command.Context) {
	cursor, ok := command.ScanCursor(ctx.Argv[2])
	if !ok {
		ctx.Error(command.ErrInvalidCursor)
		return
	}
	h, found, ok := look(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if !found {
		ctx.ReplyScan(func(*resp.Writer) (uint64, int) { return 0, 0 })
		return
	}
	o, text := command.ParseScanOptions(ctx.Argv[3:], false)
	if text != "" {
		ctx.Error(text)
		return
	}
	ctx.ReplyScan(func(w *resp.Writer) (next uint64, n int) {
		next = h.Scan(cursor, o.Count, func(field, value []byte) {
			if o.Pattern == nil || glob.Match(o.Pattern, field) {
				w.Bulk(field)
				w.Bulk(value)
				n += 2
			}
		})
		return next, n
	})
}
