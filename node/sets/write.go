// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

func sadd(ctx *command.Context) {
	key := ctx.Argv[1]
	if _, _, ok := lookToWrite(ctx, key); !ok {
		return
	}
	added := 0
	set := ctx.DB.EditSet(key)
	for _, member := range ctx.Argv[2:] {
		if set.Add(member) {
			added++
		}
	}
	set.Close()
	if added > 0 {
		ctx.Modified(command.EventSet, "sadd", key)
		ctx.Changed(added - 1)
	}
	ctx.Reply.Int(int64(added))
}

func srem(ctx *command.Context) {
	key := ctx.Argv[1]
	_, found, ok := lookToWrite(ctx, key)
	if !ok {
		return
	}
	if !found {
		ctx.Reply.Int(0)
		return
	}
	removed := 0
	set := ctx.DB.EditSet(key)
	for _, member := range ctx.Argv[2:] {
		if set.Remove(member) {
			removed++
		}
	}
	emptied := set.Close()
	if removed > 0 {
		ctx.Modified(command.EventSet, "srem", key)
		ctx.Changed(removed - 1)
	}
	if emptied {
		ctx.Notify(command.EventGeneric, "del", key)
	}
	ctx.Reply.Int(int64(removed))
}

// smove asks for the target's type only where there is a source.
func smove(ctx *command.Context) {
	from, to, member := ctx.Argv[1], ctx.Argv[2], ctx.Argv[3]
	source, found := ctx.Write(from)
	wrong := found && source.Type() != store.TypeSet
	target, there := ctx.Write(to) // may end the look at the source
	switch {
	case !found:
		ctx.Reply.Int(0)
		return
	case wrong || there && target.Type() != store.TypeSet:
		ctx.Error(command.ErrWrongType)
		return
	case bytes.Equal(from, to):
		replyYes(ctx, target.Set().Has(member))
		return
	}
	set := ctx.DB.EditSet(from)
	removed := set.Remove(member)
	emptied := set.Close()
	if !removed {
		ctx.Reply.Int(0)
		return
	}
	ctx.Modified(command.EventSet, "srem", from)
	if emptied {
		ctx.Notify(command.EventGeneric, "del", from)
	}
	set = ctx.DB.EditSet(to)
	added := set.Add(member)
	set.Close()
	if added {
		ctx.Modified(command.EventSet, "sadd", to)
	}
	ctx.Reply.Int(1)
}
