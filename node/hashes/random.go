// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes

import (
	"bytes"
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

func hrandfield(ctx *command.Context) {
	if len(ctx.Argv) > 2 {
		hrandfieldCount(ctx)
		return
	}
	h, found, ok := look(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.Null()
	default:
		field, _ := h.At(rand.IntN(h.Len()))
		ctx.Reply.Bulk(field)
	}
}

// hrandfieldCount draws distinct fields, or, with a negative count, each from
// all fields anew.
func hrandfieldCount(ctx *command.Context) {
	count, ok := resp.ParseInt(ctx.Argv[2])
	withValues := len(ctx.Argv) == 4
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
		return
	case count == math.MinInt64:
		ctx.Error(errCount)
		return
	case len(ctx.Argv) > 4 || withValues && !bytes.EqualFold(ctx.Argv[3], []byte("WITHVALUES")):
		ctx.Error(command.ErrSyntax)
		return
	case withValues && (count < -math.MaxInt64/2 || count > math.MaxInt64/2):
		ctx.Error("ERR value is out of range")
		return
	}
	h, found, ok := look(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if !found || count == 0 {
		ctx.Reply.ArrayLen(0)
		return
	}
	r := drawn{ctx, withValues}
	switch size := h.Len(); {
	case count < 0:
		r.begin(int(-count))
		r.repeated(h, int(-count))
	case count >= int64(size):
		r.begin(size)
		for field, value := range h.All() {
			r.pair(field, value)
		}
	default:
		r.begin(int(count))
		r.distinct(h, int(count))
	}
}

// drawn is a reply of fields, on request with their values: a flat array, from
// protocol 3 on one of pairs.
type drawn struct {
	*command.Context
	withValues bool
}

func (r drawn) begin(n int) {
	if r.withValues && r.Reply.Protocol() == 2 {
		n *= 2
	}
	r.Reply.ArrayLen(n)
}

func (r drawn) pair(field, value []byte) {
	if r.withValues && r.Reply.Protocol() > 2 {
		r.Reply.ArrayLen(2)
	}
	r.Reply.Bulk(field)
	if r.withValues {
		r.Reply.Bulk(value)
	}
}

const (
	// small is the size up to which a hash may be a listpack, where a field's rank
	// is found by counting from the first one. (Directives may allow longer ones;
	// that they are slow is known to who sets them.)
	small = 1024
	// walk is the share of the fields, as one in so many, from which on going
	// through all of them is cheaper than finding each by its rank.
	walk = 4
)

// repeated draws each from all fields.
func (r drawn) repeated(h store.Hash, count int) {
	size := h.Len()
	if size > small || count < size/walk {
		for i := 0; i < count && !r.enough(i); i++ {
			r.pair(h.At(rand.IntN(size)))
		}
		return
	}
	type pair struct{ field, value []byte }
	pairs := make([]pair, 0, size)
	for field, value := range h.All() {
		pairs = append(pairs, pair{r.Keep(field), r.Keep(value)})
	}
	for i := 0; i < count && !r.enough(i); i++ {
		p := &pairs[rand.IntN(size)]
		r.pair(p.field, p.value)
	}
}

// enough looks once in a while whether anybody is to get all that was asked for.
func (r drawn) enough(i int) bool { return i%1024 == 1023 && r.ReplyTooLong() }

// distinct draws each from those that are left.
func (r drawn) distinct(h store.Hash, count int) {
	size := h.Len()
	ranks := sample.Ranks(size, count)
	if size > small && count < size/walk {
		for _, rank := range ranks {
			r.pair(h.At(rank))
		}
		return
	}
	rank := 0
	for field, value := range h.All() {
		if len(ranks) == 0 {
			return
		}
		if rank == ranks[0] {
			r.pair(field, value)
			ranks = ranks[1:]
		}
		rank++
	}
}
