// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"bytes"
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// operation is what ZUNION, ZINTER and ZDIFF do with their sources.
type operation int

const (
	union operation = iota
	inter
	diff
)

// source is a sorted set or a set as an operand. The members of a set score 1.
type source struct {
	typ    store.Type
	zset   store.ZSet
	set    store.Set
	n      int // 0 for a key that is not there
	weight float64
}

// all yields the members.
func (s *source) all() iter.Seq2[[]byte, float64] {
	switch {
	case s.n == 0:
		return func(func([]byte, float64) bool) {}
	case s.typ == store.TypeZSet:
		return s.zset.Ascend(0)
	}
	return func(yield func([]byte, float64) bool) {
		for member := range s.set.All() {
			if !yield(member, 1) {
				return
			}
		}
	}
}

// score looks a member up.
func (s *source) score(member []byte) (score float64, ok bool) {
	switch {
	case s.n == 0:
		return 0, false
	case s.typ == store.TypeZSet:
		return s.zset.Score(member)
	}
	return 1, s.set.Has(member)
}

// aggregate is how the scores of a member become one.
type aggregate int

const (
	sum aggregate = iota
	least
	greatest
)

// add puts a further score to those of a member so far. Infinities of both signs
// add up to 0.
func (a aggregate) add(to *float64, score float64) {
	switch {
	case a == sum:
		*to = noNaN(*to + score)
	case a == least && score < *to, a == greatest && score > *to:
		*to = score
	}
}

// noNaN turns what is no number into 0.
func noNaN(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// algebra is one call of ZUNION, ZINTER, ZDIFF or of their kin that count or
// store.
type algebra struct {
	op          operation
	stores      bool // in the key before the number of sources
	counts      bool // ZINTERCARD
	sources     []source
	aggregate   aggregate
	withScores  bool
	limit       int64 // 0 is none
	commandName string
}

func zunion(ctx *command.Context) { (&algebra{op: union, commandName: "zunion"}).run(ctx) }
func zinter(ctx *command.Context) { (&algebra{op: inter, commandName: "zinter"}).run(ctx) }
func zdiff(ctx *command.Context)  { (&algebra{op: diff, commandName: "zdiff"}).run(ctx) }

func zinterCard(ctx *command.Context) {
	(&algebra{op: inter, counts: true, commandName: "zintercard"}).run(ctx)
}
func zunionStore(ctx *command.Context) {
	(&algebra{op: union, stores: true, commandName: "zunionstore"}).run(ctx)
}
func zinterStore(ctx *command.Context) {
	(&algebra{op: inter, stores: true, commandName: "zinterstore"}).run(ctx)
}
func zdiffStore(ctx *command.Context) {
	(&algebra{op: diff, stores: true, commandName: "zdiffstore"}).run(ctx)
}

func (a *algebra) run(ctx *command.Context) {
	args := ctx.Argv[1:]
	if a.stores {
		args = args[1:]
	}
	if text := a.parse(ctx, args); text != "" {
		ctx.Error(text)
		return
	}
	if a.counts {
		n := int64(0)
		for range a.intersection() {
			if n++; n == a.limit {
				break
			}
		}
		ctx.Reply.Int(n)
		return
	}
	items := a.result(ctx)
	if a.stores {
		replaceWith(ctx, ctx.Argv[1], items, a.commandName)
		ctx.Reply.Int(int64(len(items)))
		return
	}
	membersLen(ctx, len(items), a.withScores)
	for _, it := range items {
		replyMember(ctx, it.member, it.score, a.withScores)
	}
}

// parse reads a call from the number of its sources on. The sources are looked
// up before the words behind them are, as in Redis.
func (a *algebra) parse(ctx *command.Context, args [][]byte) (text string) {
	n, ok := resp.ParseInt(args[0])
	switch {
	case !ok:
		return command.ErrNotInteger
	case n < 1:
		return "ERR at least 1 input key is needed for '" + a.commandName + "' command"
	case n > int64(len(args)-1):
		return command.ErrSyntax
	}
	keys, words := args[1:n+1], args[n+1:]
	if !a.open(ctx, keys) {
		return command.ErrWrongType
	}
	for len(words) > 0 {
		var used int
		if used, text = a.word(words); text != "" {
			return text
		}
		words = words[used:]
	}
	return ""
}

// open looks the sources up; ok is false where one is of another type. A lookup
// that removes an expired key ends the looks before it: they are taken only when
// all keys have been seen.
func (a *algebra) open(ctx *command.Context, keys [][]byte) (ok bool) {
	for _, key := range keys {
		v, found := ctx.Read(key)
		if found && v.Type() != store.TypeZSet && v.Type() != store.TypeSet {
			return false
		}
	}
	a.sources = make([]source, len(keys))
	for i, key := range keys {
		s := &a.sources[i]
		s.weight = 1
		v, found := ctx.Peek(key)
		if !found {
			continue
		}
		if s.typ = v.Type(); s.typ == store.TypeZSet {
			s.zset = v.ZSet()
			s.n = s.zset.Len()
		} else {
			s.set = v.Set()
			s.n = s.set.Len()
		}
	}
	return true
}

// word reads the first word, with its arguments, of those behind the sources.
func (a *algebra) word(words [][]byte) (used int, text string) {
	weighs := a.op != diff && !a.counts
	switch {
	case weighs && len(words) > len(a.sources) && is(words[0], "WEIGHTS"):
		for i := range a.sources {
			var ok bool
			if a.sources[i].weight, ok = parseScore(words[1+i]); !ok {
				return 0, "ERR weight value is not a float"
			}
		}
		return 1 + len(a.sources), ""
	case weighs && len(words) > 1 && is(words[0], "AGGREGATE"):
		switch {
		case is(words[1], "SUM"):
			a.aggregate = sum
		case is(words[1], "MIN"):
			a.aggregate = least
		case is(words[1], "MAX"):
			a.aggregate = greatest
		default:
			return 0, command.ErrSyntax
		}
		return 2, ""
	case !a.stores && !a.counts && is(words[0], "WITHSCORES"):
		a.withScores = true
		return 1, ""
	case a.counts && len(words) > 1 && is(words[0], "LIMIT"):
		var ok bool
		if a.limit, ok = resp.ParseInt(words[1]); !ok || a.limit < 0 {
			return 0, "ERR LIMIT can't be negative"
		}
		return 2, ""
	}
	return 0, command.ErrSyntax
}

// item is a member that a call keeps, with its score.
type item struct {
	member []byte
	score  float64
}

// result computes the members of the result in their order.
func (a *algebra) result(ctx *command.Context) (items []item) {
	switch a.op {
	case union:
		items = a.union(ctx)
	case inter:
		for member, score := range a.intersection() {
			items = append(items, item{ctx.Keep(member), score})
		}
	case diff:
		for member, score := range a.difference() {
			items = append(items, item{ctx.Keep(member), score})
		}
	}
	slices.SortFunc(items, func(a, b item) int {
		if c := cmp.Compare(a.score, b.score); c != 0 {
			return c
		}
		return bytes.Compare(a.member, b.member)
	})
	return items
}

// bySize puts the smallest source first: the order in which scores are added up
// shows in their last digits.
func (a *algebra) bySize() {
	slices.SortStableFunc(a.sources, func(a, b source) int { return cmp.Compare(a.n, b.n) })
}

// intersection yields the members that every source has. The smallest one leads.
// A product that is no number counts as 0 in the first source only, as in Redis.
func (a *algebra) intersection() iter.Seq2[[]byte, float64] {
	a.bySize()
	return func(yield func([]byte, float64) bool) {
		lead, others := &a.sources[0], a.sources[1:]
		var held []byte
	members:
		for member, score := range lead.all() {
			held = append(held[:0], member...) // a look at another source may end it
			score = noNaN(lead.weight * score)
			for i := range others {
				s, ok := others[i].score(held)
				if !ok {
					continue members
				}
				a.aggregate.add(&score, s*others[i].weight)
			}
			if !yield(held, score) {
				return
			}
		}
	}
}

// difference yields the members that only the first source has. The largest of
// the others is asked first.
func (a *algebra) difference() iter.Seq2[[]byte, float64] {
	others := a.sources[1:]
	slices.SortStableFunc(others, func(a, b source) int { return cmp.Compare(b.n, a.n) })
	return func(yield func([]byte, float64) bool) {
		var held []byte
	members:
		for member, score := range a.sources[0].all() {
			held = append(held[:0], member...)
			for i := range others {
				if _, ok := others[i].score(held); ok {
					continue members
				}
			}
			if !yield(held, score) {
				return
			}
		}
	}
}

// replaceWith sets a key to a sorted set of the items, or deletes it where there
// are none.
func replaceWith(ctx *command.Context, key []byte, items []item, event string) {
	longest := 0
	for _, it := range items {
		longest = max(longest, len(it.member))
	}
	replaceGrowing(ctx, key, items, event, len(items), longest)
}

// replaceGrowing is replaceWith where Redis knows no more of the result when it
// begins than that it will have so many members, one of them so long.
func replaceGrowing(ctx *command.Context, key []byte, items []item, event string, members, longest int) {
	if len(items) == 0 {
		if ctx.DB.Delete(key) {
			ctx.Modified(command.EventGeneric, "del", key)
		}
		return
	}
	ctx.Write(key) // one that has expired is told of as such
	ctx.DB.Delete(key)
	ed := ctx.DB.EditZSet(key)
	ed.Expect(members, longest)
	for _, it := range items {
		ed.Set(it.member, it.score)
	}
	ed.Close()
	ctx.Modified(command.EventZSet, event, key)
}
