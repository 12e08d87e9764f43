// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes

import "github.com/espalier-io/espalier/node/command"

func hset(ctx *command.Context) {
	if added, ok := setAll(ctx, "hset"); ok {
		ctx.Reply.Int(int64(added))
	}
}

func hmset(ctx *command.Context) {
	if _, ok := setAll(ctx, "hmset"); ok {
		ctx.Reply.OK()
	}
}

// setAll sets the fields and tells how many of them are new. ok is false where
// an error has been answered.
func setAll(ctx *command.Context, name string) (added int, ok bool) {
	key, pairs := ctx.Argv[1], ctx.Argv[2:]
	if len(pairs)%2 == 1 {
		ctx.Error("ERR wrong number of arguments for '" + name + "' command")
		return 0, false
	}
	if _, _, ok := lookToWrite(ctx, key); !ok {
		return 0, false
	}
	hash := ctx.DB.EditHash(key)
	for i := 0; i < len(pairs); i += 2 {
		if hash.Set(pairs[i], pairs[i+1]) {
			added++
		}
	}
	hash.Close()
	ctx.Modified(command.EventHash, "hset", key)
	ctx.Changed(len(pairs)/2 - 1)
	return added, true
}

func hsetnx(ctx *command.Context) {
	key, field := ctx.Argv[1], ctx.Argv[2]
	h, found, ok := lookToWrite(ctx, key)
	if !ok {
		return
	}
	if found {
		if _, has := h.Get(field); has {
			ctx.Reply.Int(0)
			return
		}
	}
	set(ctx, key, field, ctx.Argv[3])
	ctx.Modified(command.EventHash, "hset", key)
	ctx.Reply.Int(1)
}

// set sets one field.
func set(ctx *command.Context, key, field, value []byte) {
	hash := ctx.DB.EditHash(key)
	hash.Set(field, value)
	hash.Close()
}

func hdel(ctx *command.Context) {
	key := ctx.Argv[1]
	_, found, ok := lookToWrite(ctx, key)
	if !ok {
		return
	}
	if !found {
		ctx.Reply.Int(0)
		return
	}
	deleted := 0
	hash := ctx.DB.EditHash(key)
	for _, field := range ctx.Argv[2:] {
		if hash.Delete(field) {
			deleted++
		}
	}
	emptied := hash.Close()
	if deleted > 0 {
		ctx.Modified(command.EventHash, "hdel", key)
		ctx.Changed(deleted - 1)
	}
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
	ctx.Reply.Int(int64(deleted))
}
