// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"iter"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// The errors of ranges.
const (
	errScoreRange = "ERR min or max is not a float"
	errLexRange   = "ERR min or max not valid string range item"
)

// by is what the ends of a range are.
type by int

const (
	byAny by = iota // the words of the call tell
	byRank
	byScore
	byLex
)

// extent is a range of one of these kinds.
type extent struct {
	by      by
	places  rankRange
	scores  scoreRange
	members lexRange
}

// ranks gives the ranks from lo to below hi, lo <= hi.
func (e *extent) ranks(z store.ZSet) (lo, hi int) {
	switch e.by {
	case byScore:
		return e.scores.ranks(z)
	case byLex:
		return e.members.ranks(z)
	}
	return e.places.ranks(z)
}

// parseExtent reads the ends of a range.
func parseExtent(kind by, low, high []byte) (e extent, text string) {
	e.by = kind
	switch kind {
	case byScore:
		var ok bool
		if e.scores, ok = parseScoreRange(low, high); !ok {
			return e, errScoreRange
		}
	case byLex:
		var ok bool
		if e.members, ok = parseLexRange(low, high); !ok {
			return e, errLexRange
		}
	default:
		var ok1, ok2 bool
		e.places.start, ok1 = resp.ParseInt(low)
		e.places.stop, ok2 = resp.ParseInt(high)
		if !ok1 || !ok2 {
			return e, command.ErrNotInteger
		}
	}
	return e, ""
}

// run is a run of members in the order in which they are to be shown.
type run struct {
	from, n int // rank of the first, number
	down    bool
}

// members yields the run.
func (r run) members(z store.ZSet) iter.Seq2[[]byte, float64] {
	return func(yield func([]byte, float64) bool) {
		if r.n == 0 {
			return
		}
		along := z.Ascend(r.from)
		if r.down {
			along = z.Descend(r.from)
		}
		left := r.n
		for member, score := range along {
			left--
			if !yield(member, score) || left == 0 {
				return
			}
		}
	}
}

// query is a range as ZRANGE and its kin are asked for it.
type query struct {
	extent
	down          bool
	withScores    bool
	offset, limit int64 // a limit below 0 is none
}

// direction says which way a command goes.
type direction int

const (
	anyWay direction = iota // the words of the call tell
	upward
	downward
)

// parseQuery reads a call from its first end of the range on. Its words may tell
// only what the command does not; a command that stores takes no WITHSCORES.
func parseQuery(args [][]byte, kind by, way direction, stores bool) (q query, text string) {
	q = query{extent: extent{by: kind}, down: way == downward, limit: -1}
	for i := 2; i < len(args); i++ {
		word := args[i]
		switch {
		case !stores && is(word, "WITHSCORES"):
			q.withScores = true
		case is(word, "LIMIT") && i+2 < len(args):
			var ok1, ok2 bool
			q.offset, ok1 = resp.ParseInt(args[i+1])
			q.limit, ok2 = resp.ParseInt(args[i+2])
			if !ok1 || !ok2 {
				return q, command.ErrNotInteger
			}
			i += 2
		case way == anyWay && is(word, "REV"):
			q.down, way = true, downward
		case q.by == byAny && is(word, "BYLEX"):
			q.by = byLex
		case q.by == byAny && is(word, "BYSCORE"):
			q.by = byScore
		default:
			return q, command.ErrSyntax
		}
	}
	if q.by == byAny {
		q.by = byRank
	}
	switch {
	case q.limit != -1 && q.by == byRank:
		return q, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	case q.withScores && q.by == byLex:
		return q, "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
	}
	low, high := args[0], args[1]
	if q.down && q.by != byRank {
		low, high = high, low
	}
	q.extent, text = parseExtent(q.by, low, high)
	return q, text
}

// run gives what the query finds.
func (q *query) run(z store.ZSet) run {
	lo, hi := q.ranks(z)
	n := int64(hi - lo)
	if q.by == byRank {
		if q.down { // the ranks count from the highest member
			lo = z.Len() - 1 - lo
		}
		return run{from: lo, n: int(n), down: q.down}
	}
	if q.offset < 0 || q.offset >= n {
		return run{}
	}
	n -= q.offset
	if q.limit >= 0 {
		n = min(n, q.limit)
	}
	if q.down {
		return run{from: hi - 1 - int(q.offset), n: int(n), down: true}
	}
	return run{from: lo + int(q.offset), n: int(n)}
}

func zrange(ctx *command.Context)           { rangeWith(ctx, byAny, anyWay) }
func zrevRange(ctx *command.Context)        { rangeWith(ctx, byRank, downward) }
func zrangeByScore(ctx *command.Context)    { rangeWith(ctx, byScore, upward) }
func zrevRangeByScore(ctx *command.Context) { rangeWith(ctx, byScore, downward) }
func zrangeByLex(ctx *command.Context)      { rangeWith(ctx, byLex, upward) }
func zrevRangeByLex(ctx *command.Context)   { rangeWith(ctx, byLex, downward) }

func rangeWith(ctx *command.Context, kind by, way direction) {
	q, text := parseQuery(ctx.Argv[2:], kind, way, false)
	if text != "" {
		ctx.Error(text)
		return
	}
	z, found, ok := toRead(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	var r run
	if found {
		r = q.run(z)
	}
	membersLen(ctx, r.n, q.withScores)
	r.reply(ctx, z, q.withScores, ctx.Reply.Protocol() > 2)
}

// reply writes the members of the run, with their scores as pairs or flat.
// Directly in its loops, unlike through members, nothing has to be allocated.
func (r run) reply(ctx *command.Context, z store.ZSet, withScores, pairs bool) {
	w, left := ctx.Reply, r.n
	switch {
	case left == 0:
	case r.down:
		for member, score := range z.Descend(r.from) {
			writeMember(w, member, score, withScores, pairs)
			if left--; left == 0 {
				break
			}
		}
	default:
		for member, score := range z.Ascend(r.from) {
			writeMember(w, member, score, withScores, pairs)
			if left--; left == 0 {
				break
			}
		}
	}
}

// membersLen begins an array of members: with their scores it is flat in
// protocol 2 and one of pairs in protocol 3.
func membersLen(ctx *command.Context, n int, withScores bool) {
	if withScores && ctx.Reply.Protocol() == 2 {
		n *= 2
	}
	ctx.Reply.ArrayLen(n)
}

// replyMember writes an element of such an array.
func replyMember(ctx *command.Context, member []byte, score float64, withScore bool) {
	writeMember(ctx.Reply, member, score, withScore, ctx.Reply.Protocol() > 2)
}

func writeMember(w *resp.Writer, member []byte, score float64, withScore, pair bool) {
	if withScore && pair {
		w.ArrayLen(2)
	}
	w.Bulk(member)
	if withScore {
		w.Double(score)
	}
}

func zrangeStore(ctx *command.Context) {
	q, text := parseQuery(ctx.Argv[3:], byAny, anyWay, true)
	if text != "" {
		ctx.Error(text)
		return
	}
	z, found, ok := toRead(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	var items []item
	if found {
		r := q.run(z)
		items = make([]item, 0, r.n)
		for member, score := range r.members(z) {
			items = append(items, item{ctx.Keep(member), score})
		}
	}
	known := 0 // only a range of ranks tells its length beforehand
	if q.by == byRank {
		known = len(items)
	}
	replaceGrowing(ctx, ctx.Argv[1], items, "zrangestore", known, 0)
	ctx.Reply.Int(int64(len(items)))
}

func zcount(ctx *command.Context)    { countWithin(ctx, byScore) }
func zlexCount(ctx *command.Context) { countWithin(ctx, byLex) }

func countWithin(ctx *command.Context, kind by) {
	r, text := parseExtent(kind, ctx.Argv[2], ctx.Argv[3])
	if text != "" {
		ctx.Error(text)
		return
	}
	z, found, ok := toRead(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.Int(0)
	default:
		lo, hi := r.ranks(z)
		ctx.Reply.Int(int64(hi - lo))
	}
}

func zremRangeByRank(ctx *command.Context)  { removeWithin(ctx, byRank, "zremrangebyrank") }
func zremRangeByScore(ctx *command.Context) { removeWithin(ctx, byScore, "zremrangebyscore") }
func zremRangeByLex(ctx *command.Context)   { removeWithin(ctx, byLex, "zremrangebylex") }

func removeWithin(ctx *command.Context, kind by, event string) {
	key := ctx.Argv[1]
	r, text := parseExtent(kind, ctx.Argv[2], ctx.Argv[3])
	if text != "" {
		ctx.Error(text)
		return
	}
	z, found, ok := toWrite(ctx, key)
	if !ok {
		return
	}
	n := 0
	if found {
		lo, hi := r.ranks(z)
		n = hi - lo
		if n > 0 {
			ed := ctx.DB.EditZSet(key)
			ed.RemoveRanks(lo, n)
			changed(ctx, event, key, n, ed.Close())
		}
	}
	ctx.Reply.Int(int64(n))
}
