// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists

import (
	"bytes"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// endNamed reads LEFT or RIGHT and answers where it is something else.
func endNamed(ctx *command.Context, arg []byte) (e end, ok bool) {
	switch {
	case bytes.EqualFold(arg, []byte("LEFT")):
		return head, true
	case bytes.EqualFold(arg, []byte("RIGHT")):
		return tail, true
	}
	ctx.Error(command.ErrSyntax)
	return head, false
}

var lmoveWord, rpoplpushWord = []byte("LMOVE"), []byte("RPOPLPUSH")

func lmove(ctx *command.Context) {
	if from, to, ok := bothEnds(ctx); ok {
		if _, ok := listToChange(ctx, ctx.Reply.Null); ok {
			move(ctx, from, to)
		}
	}
}

func rpoplpush(ctx *command.Context) {
	if _, ok := listToChange(ctx, ctx.Reply.Null); ok {
		move(ctx, tail, head)
	}
}

func blmove(ctx *command.Context) {
	from, to, ok := bothEnds(ctx)
	if !ok {
		return
	}
	if timeout, ok := ctx.Timeout(ctx.Argv[5]); ok && blockingMove(ctx, from, to, timeout) {
		ctx.Propagate(lmoveWord, ctx.Argv[1], ctx.Argv[2], ctx.Argv[3], ctx.Argv[4])
	}
}

func brpoplpush(ctx *command.Context) {
	if timeout, ok := ctx.Timeout(ctx.Argv[3]); ok && blockingMove(ctx, tail, head, timeout) {
		ctx.Propagate(rpoplpushWord, ctx.Argv[1], ctx.Argv[2])
	}
}

// bothEnds reads LMOVE's ends and answers where they are none.
func bothEnds(ctx *command.Context) (from, to end, ok bool) {
	if from, ok = endNamed(ctx, ctx.Argv[3]); ok {
		to, ok = endNamed(ctx, ctx.Argv[4])
	}
	return from, to, ok
}

// blockingMove waits where there is no source, if the client may.
func blockingMove(ctx *command.Context, from, to end, timeout time.Duration) (moved bool) {
	_, ok := listToChange(ctx, func() {
		if !ctx.Block(command.Wait{Keys: ctx.Argv[1:2], Type: store.TypeList, Timeout: timeout}) {
			ctx.Reply.Null()
		}
	})
	return ok && move(ctx, from, to)
}

// move takes an element out of the source, which is a list, puts it into the
// destination and answers with it; moved is false where the destination is none,
// which is answered.
func move(ctx *command.Context, from, to end) (moved bool) {
	source, destination := ctx.Argv[1], ctx.Argv[2]
	if v, found := ctx.Write(destination); found && !isList(ctx, v) {
		return false
	}
	e := ctx.DB.EditList(source)
	l, i := e.List(), 0
	if from == tail {
		i = l.Len() - 1
	}
	element := ctx.Keep(l.At(i))
	e.Delete(i, 1)
	emptied := false
	if !bytes.Equal(source, destination) {
		emptied = e.Close()
		e = ctx.DB.EditList(destination)
	}
	add(e, to, element)
	e.Close()

	ctx.Modified(command.EventList, pushEvent(to), destination)
	ctx.Reply.Bulk(element)
	ctx.Notify(command.EventList, popEvent(from), source)
	if emptied {
		ctx.Notify(command.EventGeneric, "del", source)
	}
	return true
}
