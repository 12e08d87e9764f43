// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"bytes"
	"math"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

func is(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }

// typed turns the result of a lookup into a sorted set. ok is false when the key
// holds another type, which is answered.
func typed(ctx *command.Context, v store.Value, there bool) (z store.ZSet, found, ok bool) {
	switch {
	case !there:
		return z, false, true
	case v.Type() != store.TypeZSet:
		ctx.Error(command.ErrWrongType)
		return z, true, false
	}
	return v.ZSet(), true, true
}

// toRead finds a sorted set for a command that only reads.
func toRead(ctx *command.Context, key []byte) (z store.ZSet, found, ok bool) {
	v, there := ctx.Read(key)
	return typed(ctx, v, there)
}

// toWrite finds a sorted set for a command that is about to change it.
func toWrite(ctx *command.Context, key []byte) (z store.ZSet, found, ok bool) {
	v, there := ctx.Write(key)
	return typed(ctx, v, there)
}

// changed reports n changes of a sorted set under one event, and the deletion of
// its key where it has become empty.
func changed(ctx *command.Context, event string, key []byte, n int, emptied bool) {
	if n == 0 {
		return
	}
	ctx.Modified(command.EventZSet, event, key)
	ctx.Changed(n - 1)
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
}

// addOptions are the words of ZADD.
type addOptions struct{ nx, xx, gt, lt, ch, incr bool }

// take notes a word and tells whether it was one.
func (o *addOptions) take(word []byte) bool {
	switch {
	case is(word, "NX"):
		o.nx = true
	case is(word, "XX"):
		o.xx = true
	case is(word, "GT"):
		o.gt = true
	case is(word, "LT"):
		o.lt = true
	case is(word, "CH"):
		o.ch = true
	case is(word, "INCR"):
		o.incr = true
	default:
		return false
	}
	return true
}

// check gives the error of words that contradict each other or the arguments
// behind them.
func (o *addOptions) check(pairs [][]byte) (text string) {
	switch {
	case len(pairs) == 0 || len(pairs)%2 == 1:
		return command.ErrSyntax
	case o.nx && o.xx:
		return "ERR XX and NX options at the same time are not compatible"
	case o.gt && o.nx || o.lt && o.nx || o.gt && o.lt:
		return "ERR GT, LT, and/or NX options at the same time are not compatible"
	case o.incr && len(pairs) > 2:
		return "ERR INCR option supports a single increment-element pair"
	}
	return ""
}

func zadd(ctx *command.Context)    { addWith(ctx, ctx.Argv, addOptions{}) }
func zincrBy(ctx *command.Context) { addWith(ctx, ctx.Argv, addOptions{incr: true}) }

// addWith is ZADD and ZINCRBY; the latter takes ZADD's words as well, as it does
// in Redis. It returns the number of changes.
func addWith(ctx *command.Context, argv [][]byte, o addOptions) (changes int) {
	key, pairs := argv[1], argv[2:]
	for len(pairs) > 0 && o.take(pairs[0]) {
		pairs = pairs[1:]
	}
	if text := o.check(pairs); text != "" {
		ctx.Error(text)
		return 0
	}
	var space [16]float64
	scores := space[:0]
	for i := 0; i < len(pairs); i += 2 {
		score, ok := parseScore(pairs[i])
		if !ok {
			ctx.Error(command.ErrNotFloat)
			return 0
		}
		scores = append(scores, score)
	}
	_, found, ok := toWrite(ctx, key)
	if !ok {
		return 0
	}
	if !found && o.xx {
		o.reply(ctx, addition{})
		return 0
	}
	sum := o.addAll(ctx.DB.EditZSet(key), pairs, scores)
	event := "zadd"
	if o.incr {
		event = "zincr"
	}
	changes = sum.added + sum.updated
	changed(ctx, event, key, changes, false)
	o.reply(ctx, sum)
	return changes
}

// addition is what ZADD has done.
type addition struct {
	added, updated int
	done           bool    // a member was set, be it to the score that it had
	score          float64 // the last one that was set
	nan            bool    // an increment has no result
}

// addAll sets the members of the pairs to the scores, or raises them by it.
func (o *addOptions) addAll(ed *store.ZSetEditor, pairs [][]byte, scores []float64) (sum addition) {
	defer ed.Close()
	for i, score := range scores {
		member := pairs[2*i+1]
		old, exists := ed.ZSet().Score(member)
		if exists && o.nx || !exists && o.xx {
			continue
		}
		if exists && o.incr {
			score += old
			if math.IsNaN(score) {
				sum.nan = true
				return sum
			}
		}
		if exists && (o.lt && score >= old || o.gt && score <= old) {
			continue
		}
		sum.done, sum.score = true, score
		switch {
		case !exists:
			sum.added++
		case score != old:
			sum.updated++
		default:
			continue
		}
		ed.Set(member, score)
	}
	return sum
}

func (o *addOptions) reply(ctx *command.Context, sum addition) {
	switch {
	case sum.nan:
		ctx.Error("ERR resulting score is not a number (NaN)")
	case o.incr && sum.done:
		ctx.Reply.Double(sum.score)
	case o.incr:
		ctx.Reply.Null()
	case o.ch:
		ctx.Reply.Int(int64(sum.added + sum.updated))
	default:
		ctx.Reply.Int(int64(sum.added))
	}
}

func zrem(ctx *command.Context) {
	key := ctx.Argv[1]
	_, found, ok := toWrite(ctx, key)
	if !ok {
		return
	}
	if !found {
		ctx.Reply.Int(0)
		return
	}
	ed := ctx.DB.EditZSet(key)
	removed := 0
	for _, member := range ctx.Argv[2:] {
		if ed.Remove(member) {
			removed++
		}
		if ed.ZSet().Len() == 0 {
			break
		}
	}
	changed(ctx, "zrem", key, removed, ed.Close())
	ctx.Reply.Int(int64(removed))
}

func zcard(ctx *command.Context) {
	z, found, ok := toRead(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.Int(0)
	default:
		ctx.Reply.Int(int64(z.Len()))
	}
}

func zscore(ctx *command.Context) {
	if z, found, ok := toRead(ctx, ctx.Argv[1]); ok {
		replyScore(ctx, z, found, ctx.Argv[2])
	}
}

func zmscore(ctx *command.Context) {
	z, found, ok := toRead(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	ctx.Reply.ArrayLen(len(ctx.Argv) - 2)
	for _, member := range ctx.Argv[2:] {
		replyScore(ctx, z, found, member)
	}
}

// replyScore answers with the score of a member or null.
func replyScore(ctx *command.Context, z store.ZSet, found bool, member []byte) {
	if found {
		if score, ok := z.Score(member); ok {
			ctx.Reply.Double(score)
			return
		}
	}
	ctx.Reply.Null()
}

func zrank(ctx *command.Context)    { replyRank(ctx, false) }
func zrevRank(ctx *command.Context) { replyRank(ctx, true) }

func replyRank(ctx *command.Context, reverse bool) {
	z, found, ok := toRead(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if found {
		if rank, _, there := z.Rank(ctx.Argv[2]); there {
			if reverse {
				rank = z.Len() - 1 - rank
			}
			ctx.Reply.Int(int64(rank))
			return
		}
	}
	ctx.Reply.Null()
}
