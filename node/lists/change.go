// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists

import (
	"bytes"
	"math"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

func lpush(ctx *command.Context)  { push(ctx, head, false) }
func rpush(ctx *command.Context)  { push(ctx, tail, false) }
func lpushx(ctx *command.Context) { push(ctx, head, true) }
func rpushx(ctx *command.Context) { push(ctx, tail, true) }

func push(ctx *command.Context, to end, onlyIfThere bool) {
	key := ctx.Argv[1]
	v, found := ctx.Write(key)
	switch {
	case found && !isList(ctx, v):
		return
	case !found && onlyIfThere:
		ctx.Reply.Int(0)
		return
	}
	l := ctx.DB.EditList(key)
	for _, element := range ctx.Argv[2:] {
		add(l, to, element)
	}
	ctx.Reply.Int(int64(l.List().Len()))
	l.Close()
	ctx.Modified(command.EventList, pushEvent(to), key)
	ctx.Changed(len(ctx.Argv) - 3)
}

// add pushes one element.
func add(l *store.ListEditor, to end, element []byte) {
	if to == head {
		l.PushHead(element)
	} else {
		l.PushTail(element)
	}
}

func pushEvent(to end) string {
	if to == head {
		return "lpush"
	}
	return "rpush"
}

// listToChange finds a list. ok is false where there is none, which is answered:
// with an error for another type, else by absent.
func listToChange(ctx *command.Context, absent func()) (l store.List, ok bool) {
	v, found := ctx.Write(ctx.Argv[1])
	if !found {
		absent()
		return l, false
	}
	if !isList(ctx, v) {
		return l, false
	}
	return v.List(), true
}

// none answers that nothing was changed.
func none(ctx *command.Context) func() { return func() { ctx.Reply.Int(0) } }

func lset(ctx *command.Context) {
	key := ctx.Argv[1]
	l, ok := listToChange(ctx, func() { ctx.Error(command.ErrNoSuchKey) })
	if !ok {
		return
	}
	index, ok := integer(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	i, ok := locate(index, l.Len())
	if !ok {
		ctx.Error(command.ErrOutOfRange)
		return
	}
	e := ctx.DB.EditList(key)
	e.Set(i, ctx.Argv[3])
	e.Close()
	ctx.Modified(command.EventList, "lset", key)
	ctx.Reply.OK()
}

func linsert(ctx *command.Context) {
	key, where := ctx.Argv[1], ctx.Argv[2]
	after := bytes.EqualFold(where, []byte("AFTER"))
	if !after && !bytes.EqualFold(where, []byte("BEFORE")) {
		ctx.Error(command.ErrSyntax)
		return
	}
	l, ok := listToChange(ctx, none(ctx))
	if !ok {
		return
	}
	pivot := -1
	search{rank: 1, count: -1}.run(l, ctx.Argv[3], func(i int) { pivot = i })
	if pivot < 0 {
		ctx.Reply.Int(-1)
		return
	}
	e := ctx.DB.EditList(key)
	if after {
		e.InsertAfter(pivot, ctx.Argv[4])
	} else {
		e.Insert(pivot, ctx.Argv[4])
	}
	ctx.Reply.Int(int64(e.List().Len()))
	e.Close()
	ctx.Modified(command.EventList, "linsert", key)
}

func lrem(ctx *command.Context) {
	key, element := ctx.Argv[1], ctx.Argv[3]
	limit, ok := integer(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	l, ok := listToChange(ctx, none(ctx))
	if !ok {
		return
	}
	from := head
	if limit < 0 {
		from, limit = tail, -limit
	}
	if limit <= 0 { // 0 and the number that has no positive mean all
		limit = math.MaxInt64
	}
	removed, emptied := removeEqual(ctx, l, from, element, int(limit))
	if removed > 0 {
		ctx.Modified(command.EventList, "lrem", key)
		ctx.Changed(removed - 1)
	}
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
	ctx.Reply.Int(int64(removed))
}

// removeEqual takes the first limit elements that equal one out of the list,
// counted from an end of it.
func removeEqual(ctx *command.Context, l store.List, from end, element []byte, limit int) (removed int, emptied bool) {
	i := 0
	if from == tail {
		i = l.Len() - 1
	}
	var e *store.ListEditor
	for removed < limit {
		at, n := nextRun(l, from, i, element, limit-removed)
		if n == 0 {
			break
		}
		if e == nil {
			e = ctx.DB.EditList(ctx.Argv[1])
		}
		e.Delete(at, n)
		removed += n
		l, i = e.List(), at
		if from == tail {
			i--
		}
	}
	return removed, e != nil && e.Close()
}

// nextRun finds the first elements side by side that equal one, n <= most of
// them, from the i-th on away from an end of the list; at is the lowest index.
func nextRun(l store.List, from end, i int, element []byte, most int) (at, n int) {
	step := 1
	if from == tail {
		step = -1
	}
	if i < 0 || i >= l.Len() {
		return 0, 0
	}
	each(l, from, i, func(e []byte) bool {
		switch {
		case bytes.Equal(e, element):
			n++
			at = i
		case n > 0:
			return false
		}
		i += step
		return n < most
	})
	if from == head {
		at -= n - 1
	}
	return at, n
}

func ltrim(ctx *command.Context) {
	key := ctx.Argv[1]
	start, ok := integer(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	stop, ok := integer(ctx, ctx.Argv[3])
	if !ok {
		return
	}
	l, ok := listToChange(ctx, ctx.Reply.OK)
	if !ok {
		return
	}
	length := l.Len()
	from, to := clip(start, stop, length)
	emptied := false
	if removed := length - (to - from); removed > 0 {
		e := ctx.DB.EditList(key)
		if to < length {
			e.Delete(to, length-to)
		}
		if from > 0 {
			e.Delete(0, from)
		}
		emptied = e.Close()
		ctx.Changed(removed)
	}
	ctx.Notify(command.EventList, "ltrim", key)
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
	ctx.Reply.OK()
}
