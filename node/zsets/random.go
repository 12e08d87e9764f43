// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"math"
	"math/rand/v2"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/sample"
)

func zrandMember(ctx *command.Context) {
	if len(ctx.Argv) == 2 {
		z, found, ok := toRead(ctx, ctx.Argv[1])
		switch {
		case !ok:
		case !found:
			ctx.Reply.Null()
		default:
			member, _ := z.At(rand.IntN(z.Len()))
			ctx.Reply.Bulk(member)
		}
		return
	}
	count, ok := resp.ParseInt(ctx.Argv[2])
	withScores := len(ctx.Argv) == 4 && is(ctx.Argv[3], "WITHSCORES")
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
	case count == math.MinInt64:
		ctx.Error("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
	case len(ctx.Argv) > 3 && !withScores:
		ctx.Error(command.ErrSyntax)
	case withScores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2):
		ctx.Error("ERR value is out of range")
	default:
		replyRandom(ctx, count, withScores)
	}
}

// replyRandom answers with count distinct members or, with a negative count,
// with as many that may be the same.
func replyRandom(ctx *command.Context, count int64, withScores bool) {
	z, found, ok := toRead(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if !found {
		ctx.Reply.ArrayLen(0)
		return
	}
	n := z.Len()
	switch {
	case count < 0:
		membersLen(ctx, int(-count), withScores)
		for range -count {
			member, score := z.At(rand.IntN(n))
			replyMember(ctx, member, score, withScores)
		}
	case count >= int64(n): // in Redis's order
		membersLen(ctx, n, withScores)
		for member, score := range z.Descend(n - 1) {
			replyMember(ctx, member, score, withScores)
		}
	default:
		membersLen(ctx, int(count), withScores)
		for _, rank := range sample.Ranks(n, int(count)) {
			member, score := z.At(rank)
			replyMember(ctx, member, score, withScores)
		}
	}
}

// zscan answers with members and scores, the latter as texts in either protocol.
func zscan(ctx *command.Context) {
	cursor, ok := command.ScanCursor(ctx.Argv[2])
	if !ok {
		ctx.Error(command.ErrInvalidCursor)
		return
	}
	z, found, ok := toRead(ctx, ctx.Argv[1])
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
		var digits [32]byte
		next = z.Scan(cursor, o.Count, func(member []byte, score float64) {
			if o.Pattern == nil || glob.Match(o.Pattern, member) {
				w.Bulk(member)
				w.Bulk(resp.AppendDouble(digits[:0], score))
				n += 2
			}
		})
		return next, n
	})
}
