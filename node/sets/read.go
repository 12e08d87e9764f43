// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/resp"
)

func scard(ctx *command.Context) {
	s, found, ok := look(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.Int(0)
	default:
		ctx.Reply.Int(int64(s.Len()))
	}
}

func sismember(ctx *command.Context) {
	if s, found, ok := look(ctx, ctx.Argv[1]); ok {
		replyYes(ctx, found && s.Has(ctx.Argv[2]))
	}
}

// smismember takes a key that is not there for an empty set.
func smismember(ctx *command.Context) {
	s, found, ok := look(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	ctx.Reply.ArrayLen(len(ctx.Argv) - 2)
	for _, member := range ctx.Argv[2:] {
		replyYes(ctx, found && s.Has(member))
	}
}

// replyYes answers a question in numbers.
func replyYes(ctx *command.Context, yes bool) {
	if yes {
		ctx.Reply.Int(1)
	} else {
		ctx.Reply.Int(0)
	}
}

func smembers(ctx *command.Context) {
	s, found, ok := look(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.SetLen(0)
	default:
		ctx.Reply.SetLen(s.Len())
		for member := range s.All() {
			ctx.Reply.Bulk(member)
		}
	}
}

// sscan looks at its options last of all, as Redis does: without the key they
// may be anything.
func sscan(ctx *command.Context) {
	cursor, ok := command.ScanCursor(ctx.Argv[2])
	if !ok {
		ctx.Error(command.ErrInvalidCursor)
		return
	}
	s, found, ok := look(ctx, ctx.Argv[1])
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
		next = s.Scan(cursor, o.Count, func(member []byte) {
			if o.Pattern == nil || glob.Match(o.Pattern, member) {
				w.Bulk(member)
				n++
			}
		})
		return next, n
	})
}
