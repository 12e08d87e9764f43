// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists

import (
	"bytes"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

func lpop(ctx *command.Context) { pop(ctx, head, "lpop") }
func rpop(ctx *command.Context) { pop(ctx, tail, "rpop") }

// pop is LPOP and RPOP. With a count the reply is an array, without one an
// element; each has its own null.
func pop(ctx *command.Context, from end, name string) {
	if len(ctx.Argv) > 3 {
		ctx.Error("ERR wrong number of arguments for '" + name + "' command")
		return
	}
	absent, count := ctx.Reply.Null, int64(-1)
	if len(ctx.Argv) == 3 {
		var ok bool
		if count, ok = atLeast(ctx, ctx.Argv[2], 0, "ERR value is out of range, must be positive"); !ok {
			return
		}
		absent = ctx.Reply.NullArray
	}
	l, ok := listToChange(ctx, absent)
	switch {
	case !ok:
	case count < 0:
		takeOne(ctx, ctx.Argv[1], l, from)
	case count == 0:
		ctx.Reply.ArrayLen(0)
	default:
		takeMany(ctx, ctx.Argv[1], l, from, count)
	}
}

// takeOne answers with the element at an end and removes it.
func takeOne(ctx *command.Context, key []byte, l store.List, from end) {
	i := 0
	if from == tail {
		i = l.Len() - 1
	}
	ctx.Reply.Bulk(l.At(i))
	removeRange(ctx, key, from, i, 1)
}

// takeMany answers with an array of up to count elements at an end and removes
// them; n is how many.
func takeMany(ctx *command.Context, key []byte, l store.List, from end, count int64) (n int) {
	length := l.Len()
	n = int(min(count, int64(length)))
	i := 0
	if from == tail {
		reply(ctx, l, tail, length-1, n)
		i = length - n
	} else {
		reply(ctx, l, head, 0, n)
	}
	removeRange(ctx, key, from, i, n)
	return n
}

// removeRange removes what was popped from an end.
func removeRange(ctx *command.Context, key []byte, from end, i, n int) {
	e := ctx.DB.EditList(key)
	e.Delete(i, n)
	emptied := e.Close()
	ctx.Modified(command.EventList, popEvent(from), key)
	ctx.Changed(n - 1)
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
}

func popEvent(from end) string {
	if from == head {
		return "lpop"
	}
	return "rpop"
}

var lpopWord, rpopWord = []byte("LPOP"), []byte("RPOP")

// popWord is the command that a pop is on the stream.
func popWord(from end) []byte {
	if from == head {
		return lpopWord
	}
	return rpopWord
}

func blpop(ctx *command.Context) { blockingPop(ctx, head) }
func brpop(ctx *command.Context) { blockingPop(ctx, tail) }

func blockingPop(ctx *command.Context, from end) {
	last := len(ctx.Argv) - 1
	popFirst(ctx, ctx.Argv[1:last], ctx.Argv[last], func(key []byte, l store.List) {
		ctx.Reply.ArrayLen(2)
		ctx.Reply.Bulk(key)
		takeOne(ctx, key, l, from)
		ctx.Propagate(popWord(from), key)
	})
}

// popFirst calls take for the first of the keys that holds a list. Where none
// does the client waits, if a timeout is given and it may.
func popFirst(ctx *command.Context, keys [][]byte, timeout []byte, take func(key []byte, l store.List)) {
	wait := command.Wait{Keys: keys, Type: store.TypeList}
	if timeout != nil {
		var ok bool
		if wait.Timeout, ok = ctx.Timeout(timeout); !ok {
			return
		}
	}
	for _, key := range ctx.Awaited(keys) {
		if v, found := ctx.Write(key); found {
			if isList(ctx, v) {
				take(key, v.List())
			}
			return
		}
	}
	if timeout == nil || !ctx.Block(wait) {
		ctx.Reply.NullArray()
	}
}

func lmpop(ctx *command.Context)  { multiPop(ctx, ctx.Argv[1:], nil) }
func blmpop(ctx *command.Context) { multiPop(ctx, ctx.Argv[2:], ctx.Argv[1]) }

// multiPop is LMPOP and BLMPOP; args are numkeys key [key …] LEFT|RIGHT
// [COUNT count].
func multiPop(ctx *command.Context, args [][]byte, timeout []byte) {
	numKeys, ok := atLeast(ctx, args[0], 1, "ERR numkeys should be greater than 0")
	if !ok {
		return
	}
	if numKeys >= int64(len(args)-1) {
		ctx.Error(command.ErrSyntax)
		return
	}
	keys, options := args[1:1+numKeys], args[1+numKeys:]
	from, ok := endNamed(ctx, options[0])
	if !ok {
		return
	}
	count, ok := popCount(ctx, options[1:])
	if !ok {
		return
	}
	popFirst(ctx, keys, timeout, func(key []byte, l store.List) {
		ctx.Reply.ArrayLen(2)
		ctx.Reply.Bulk(key)
		n := takeMany(ctx, key, l, from, count)
		var digits [20]byte
		ctx.Propagate(popWord(from), key, ctx.Keep(strconv.AppendInt(digits[:0], int64(n), 10)))
	})
}

// popCount reads [COUNT count] and answers where it is something else.
func popCount(ctx *command.Context, options [][]byte) (count int64, ok bool) {
	if len(options) == 0 {
		return 1, true
	}
	if len(options) == 1 || !bytes.EqualFold(options[0], []byte("COUNT")) {
		ctx.Error(command.ErrSyntax)
		return 0, false
	}
	if count, ok = atLeast(ctx, options[1], 1, "ERR count should be greater than 0"); !ok {
		return 0, false
	}
	if len(options) > 2 {
		ctx.Error(command.ErrSyntax)
		return 0, false
	}
	return count, true
}
