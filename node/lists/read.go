// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// isList checks the type of a value that was found, and answers where it is
// another one.
func isList(ctx *command.Context, v store.Value) bool {
	if v.Type() != store.TypeList {
		ctx.Error(command.ErrWrongType)
		return false
	}
	return true
}

// integer reads an argument, and answers where it is none.
func integer(ctx *command.Context, arg []byte) (n int64, ok bool) {
	if n, ok = resp.ParseInt(arg); !ok {
		ctx.Error(command.ErrNotInteger)
	}
	return n, ok
}

// atLeast reads an argument that has a lower bound; text is the error for what
// is below it and for what is no number.
func atLeast(ctx *command.Context, arg []byte, least int64, text string) (n int64, ok bool) {
	n, ok = resp.ParseInt(arg)
	if !ok || n < least {
		ctx.Error(text)
		return 0, false
	}
	return n, true
}

// clip turns the range of LRANGE and LTRIM, whose ends count from the tail when
// they are negative, into the elements from <= i < to of a list.
func clip(start, stop int64, length int) (from, to int) {
	n := int64(length)
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	if start > stop || start >= n {
		return 0, 0
	}
	return int(start), int(min(stop, n-1)) + 1
}

func llen(ctx *command.Context) {
	v, found := ctx.Read(ctx.Argv[1])
	switch {
	case !found:
		ctx.Reply.Int(0)
	case isList(ctx, v):
		ctx.Reply.Int(int64(v.List().Len()))
	}
}

func lindex(ctx *command.Context) {
	v, found := ctx.Read(ctx.Argv[1])
	if !found {
		ctx.Reply.Null()
		return
	}
	if !isList(ctx, v) {
		return
	}
	index, ok := integer(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	l := v.List()
	if i, ok := locate(index, l.Len()); ok {
		ctx.Reply.Bulk(l.At(i))
	} else {
		ctx.Reply.Null()
	}
}

// locate turns an index that may count from the tail into one from the head.
func locate(index int64, length int) (i int, ok bool) {
	if index < 0 {
		index += int64(length)
	}
	return int(index), index >= 0 && index < int64(length)
}

func lrange(ctx *command.Context) {
	start, ok := integer(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	stop, ok := integer(ctx, ctx.Argv[3])
	if !ok {
		return
	}
	v, found := ctx.Read(ctx.Argv[1])
	if !found {
		ctx.Reply.ArrayLen(0)
		return
	}
	if isList(ctx, v) {
		l := v.List()
		from, to := clip(start, stop, l.Len())
		reply(ctx, l, head, from, to-from)
	}
}

// reply answers with n elements from the i-th on, away from an end of the list.
func reply(ctx *command.Context, l store.List, from end, i, n int) {
	ctx.Reply.ArrayLen(n)
	if n == 0 {
		return
	}
	each(l, from, i, func(element []byte) bool {
		ctx.Reply.Bulk(element)
		n--
		return n > 0
	})
}

// each visits the elements from the i-th on, away from an end of the list, as
// long as visit returns true. The two loops are the price of not allocating: an
// iterator that is a variable lives on the heap, with all that it touches.
func each(l store.List, from end, i int, visit func(element []byte) bool) {
	if from == head {
		for element := range l.Ascend(i) {
			if !visit(element) {
				return
			}
		}
		return
	}
	for element := range l.Descend(i) {
		if !visit(element) {
			return
		}
	}
}

const errRankZero = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
	"or use negative to start from the end of the list"

// search is what LPOS looks for.
type search struct {
	rank   int64 // of the first match that counts, from 1; from the tail when negative
	count  int64 // matches, 0 for all; -1 for one that is answered by itself
	maxLen int64 // elements to look at, 0 for all
}

// parseSearch answers by itself where it returns false.
func parseSearch(ctx *command.Context) (s search, ok bool) {
	s = search{rank: 1, count: -1}
	is := func(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }
	for i := 3; i < len(ctx.Argv); i += 2 {
		option, more := ctx.Argv[i], i+1 < len(ctx.Argv)
		switch {
		case more && is(option, "RANK"):
			if s.rank, ok = integer(ctx, ctx.Argv[i+1]); ok && s.rank == 0 {
				ctx.Error(errRankZero)
				ok = false
			}
		case more && is(option, "COUNT"):
			s.count, ok = atLeast(ctx, ctx.Argv[i+1], 0, "ERR COUNT can't be negative")
		case more && is(option, "MAXLEN"):
			s.maxLen, ok = atLeast(ctx, ctx.Argv[i+1], 0, "ERR MAXLEN can't be negative")
		default:
			ctx.Error(command.ErrSyntax)
			return s, false
		}
		if !ok {
			return s, false
		}
	}
	return s, true
}

func lpos(ctx *command.Context) {
	s, ok := parseSearch(ctx)
	if !ok {
		return
	}
	v, found := ctx.Read(ctx.Argv[1])
	if found && !isList(ctx, v) {
		return
	}
	if s.count < 0 {
		at := -1
		if found {
			s.run(v.List(), ctx.Argv[2], func(i int) { at = i })
		}
		if at < 0 {
			ctx.Reply.Null()
		} else {
			ctx.Reply.Int(int64(at))
		}
		return
	}
	d, n := ctx.Reply.Defer(), 0
	if found {
		s.run(v.List(), ctx.Argv[2], func(i int) {
			ctx.Reply.Int(int64(i))
			n++
		})
	}
	ctx.Reply.SetArrayLen(d, n)
}

// run calls emit with the index of each match that counts.
func (s search) run(l store.List, element []byte, emit func(i int)) {
	from, i, step, rank := head, 0, 1, s.rank
	if rank < 0 {
		from, i, step, rank = tail, l.Len()-1, -1, -rank
	}
	var looked, matches int64
	each(l, from, i, func(e []byte) bool {
		if bytes.Equal(e, element) {
			if matches++; matches >= rank {
				emit(i)
				if s.count < 0 || s.count > 0 && matches-rank+1 >= s.count {
					return false
				}
			}
		}
		i += step
		looked++
		return looked != s.maxLen
	})
}
