// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/sample"
	"github.com/espalier-io/espalier/node/store"
)

// errCount is Redis's refusal of the one integer that has no negative.
var errCount = "ERR value is out of range, value must between " +
	strconv.Itoa(-math.MaxInt64) + " and " + strconv.Itoa(math.MaxInt64)

func srandmember(ctx *command.Context) {
	switch len(ctx.Argv) {
	case 2:
		s, found, ok := look(ctx, ctx.Argv[1])
		switch {
		case !ok:
		case !found:
			ctx.Reply.Null()
		default:
			ctx.Reply.Bulk(s.At(rand.IntN(s.Len())))
		}
	case 3:
		srandmemberCount(ctx)
	default:
		ctx.Error(command.ErrSyntax)
	}
}

// srandmemberCount draws distinct members, or, with a negative count, each from
// all members anew.
func srandmemberCount(ctx *command.Context) {
	count, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
		return
	case count == math.MinInt64:
		ctx.Error(errCount)
		return
	}
	s, found, ok := look(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if !found || count == 0 {
		ctx.Reply.ArrayLen(0)
		return
	}
	w, size := ctx.Reply, s.Len()
	if count < 0 {
		w.ArrayLen(int(-count))
		for i := range -count {
			if i%1024 == 1023 && ctx.ReplyTooLong() {
				return
			}
			w.Bulk(s.At(rand.IntN(size)))
		}
		return
	}
	n := int(min(count, int64(size)))
	w.ArrayLen(n)
	draw(s, n, w.Bulk)
}

// walk is the share of the members, as one in so many, from which on going
// through all of them is cheaper than finding each by its rank.
const walk = 4

// draw emits n distinct members.
func draw(s store.Set, n int, emit func(member []byte)) {
	size := s.Len()
	ranks := sample.Ranks(size, n)
	if n < size/walk {
		for _, rank := range ranks {
			emit(s.At(rank))
		}
		return
	}
	rank := 0
	for member := range s.All() {
		if len(ranks) == 0 {
			return
		}
		if rank == ranks[0] {
			emit(member)
			ranks = ranks[1:]
		}
		rank++
	}
}
