// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings

import (
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// replyValue answers with a string or null.
func replyValue(ctx *command.Context, v store.Value, found bool) {
	switch {
	case !found:
		ctx.Reply.Null()
	case v.Encoding() == store.EncInt:
		n, _ := v.Int()
		ctx.Reply.BulkInt(n)
	default:
		ctx.Reply.Bulk(v.Bytes())
	}
}

// text reads a string for a command that only reads. ok is false when the key
// holds another type, which is answered.
func text(ctx *command.Context, key []byte) (v store.Value, found, ok bool) {
	v, found = ctx.Read(key)
	if found && v.Type() != store.TypeString {
		ctx.Error(command.ErrWrongType)
		return v, true, false
	}
	return v, found, true
}

// textToWrite is text for a command that is about to change the key.
func textToWrite(ctx *command.Context, key []byte) (v store.Value, found, ok bool) {
	v, found = ctx.Write(key)
	if found && v.Type() != store.TypeString {
		ctx.Error(command.ErrWrongType)
		return v, true, false
	}
	return v, found, true
}

func getKey(ctx *command.Context) {
	if v, found, ok := text(ctx, ctx.Argv[1]); ok {
		replyValue(ctx, v, found)
	}
}

func mget(ctx *command.Context) {
	ctx.Reply.ArrayLen(len(ctx.Argv) - 1)
	for _, key := range ctx.Argv[1:] {
		v, found := ctx.Read(key)
		replyValue(ctx, v, found && v.Type() == store.TypeString)
	}
}

func strLen(ctx *command.Context) {
	v, found, ok := text(ctx, ctx.Argv[1])
	switch {
	case !ok:
	case !found:
		ctx.Reply.Int(0)
	default:
		ctx.Reply.Int(int64(v.Len()))
	}
}

func getRange(ctx *command.Context) {
	start, ok1 := resp.ParseInt(ctx.Argv[2])
	end, ok2 := resp.ParseInt(ctx.Argv[3])
	if !ok1 || !ok2 {
		ctx.Error(command.ErrNotInteger)
		return
	}
	v, found, ok := text(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if !found {
		ctx.Reply.BulkString("")
		return
	}
	b := v.Bytes()
	n := int64(len(b))
	if start < 0 && end < 0 && start > end {
		ctx.Reply.BulkString("")
		return
	}
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	end = min(end, n-1)
	if start > end || n == 0 {
		ctx.Reply.BulkString("")
		return
	}
	ctx.Reply.Bulk(b[start : end+1])
}

func getDel(ctx *command.Context) {
	key := ctx.Argv[1]
	v, found, ok := text(ctx, key)
	if !ok {
		return
	}
	replyValue(ctx, v, found)
	if found {
		ctx.DB.Delete(key)
		ctx.Modified(command.EventGeneric, "del", key)
		ctx.Propagate([]byte("DEL"), key)
	}
}

// getEx goes onto the stream as PEXPIREAT, PERSIST or DEL: the reading itself
// changes nothing.
func getEx(ctx *command.Context) {
	o, ok := parseOptions(ctx.Argv[2:], forGetEx)
	if !ok {
		ctx.Error(command.ErrSyntax)
		return
	}
	key := ctx.Argv[1]
	v, found, ok := text(ctx, key)
	if !ok {
		return
	}
	if !found {
		ctx.Reply.Null()
		return
	}
	var at int64
	if o.expire != nil {
		var refusal string
		if at, refusal = o.deadline(ctx.Now, "getex"); refusal != "" {
			ctx.Error(refusal)
			return
		}
	}
	replyValue(ctx, v, true)
	switch {
	case o.expire != nil && at <= ctx.Now && ctx.MayExpire():
		ctx.DB.Delete(key)
		ctx.Modified(command.EventGeneric, "del", key)
		ctx.Propagate(ctx.ExpireWord(), key)
	case o.expire != nil:
		ctx.DB.SetExpire(key, at)
		ctx.Modified(command.EventGeneric, "expire", key)
		ctx.Propagate([]byte("PEXPIREAT"), key, strconv.AppendInt(nil, at, 10))
	case o.persist && ctx.DB.Persist(key):
		ctx.Modified(command.EventGeneric, "persist", key)
		ctx.Propagate([]byte("PERSIST"), key)
	}
}
