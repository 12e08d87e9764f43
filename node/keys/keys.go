// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

func is(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }

func del(ctx *command.Context)    { remove(ctx) }
func unlink(ctx *command.Context) { remove(ctx) }

// remove deletes keys; the store frees large values in the background in any
// case.
func remove(ctx *command.Context) {
	n := 0
	for _, key := range ctx.Argv[1:] {
		if _, found := ctx.Peek(key); found {
			ctx.DB.Delete(key)
			ctx.Modified(command.EventGeneric, "del", key)
			n++
		}
	}
	ctx.Reply.Int(int64(n))
}

func exists(ctx *command.Context) {
	n := 0
	for _, key := range ctx.Argv[1:] {
		if ctx.Exists(key) {
			n++
		}
	}
	ctx.Reply.Int(int64(n))
}

func touch(ctx *command.Context) {
	n := 0
	for _, key := range ctx.Argv[1:] {
		if _, found := ctx.Read(key); found {
			n++
		}
	}
	ctx.Reply.Int(int64(n))
}

func typeOf(ctx *command.Context) {
	v, found := ctx.Peek(ctx.Argv[1])
	if !found {
		ctx.Reply.Simple("none")
		return
	}
	ctx.Reply.Simple(v.Type().String())
}

// hidden tells whether a key that an iteration meets has expired: it is not
// shown. KEYS leaves it to the lookups and the active cycle to remove.
func hidden(ctx *command.Context, v store.Value) bool {
	at := v.ExpireAt()
	return at != store.NoExpiry && at < ctx.Now
}

func keysMatching(ctx *command.Context) {
	pattern := ctx.Argv[1]
	everything := string(pattern) == "*"
	d, n := ctx.Reply.Defer(), 0
	for key, v := range ctx.DB.All() {
		if (everything || glob.Match(pattern, key)) && !hidden(ctx, v) {
			ctx.Reply.Bulk(key)
			n++
		}
	}
	ctx.Reply.SetArrayLen(d, n)
}

// randomTries bounds the search for a key that has not expired on a replica,
// where all may have and none can be removed.
const randomTries = 100

func randomKey(ctx *command.Context) {
	for try := 0; ; try++ {
		key, v, ok := ctx.DB.Random()
		if !ok {
			ctx.Reply.Null()
			return
		}
		if !hidden(ctx, v) || try == randomTries && !ctx.MayExpire() {
			ctx.Reply.Bulk(key)
			return
		}
		if ctx.MayExpire() {
			ctx.Peek(bytes.Clone(key)) // removes it
		}
	}
}

func rename(ctx *command.Context) {
	if renameKey(ctx, false) {
		ctx.Reply.OK()
	}
}

func renameNX(ctx *command.Context) {
	if renameKey(ctx, true) {
		ctx.Reply.Int(1)
	}
}

// renameKey answers by itself where it returns false.
func renameKey(ctx *command.Context, unlessThere bool) bool {
	from, to := ctx.Argv[1], ctx.Argv[2]
	if _, found := ctx.Write(from); !found {
		ctx.Error(command.ErrNoSuchKey)
		return false
	}
	if bytes.Equal(from, to) {
		if unlessThere {
			ctx.Reply.Int(0)
		}
		return !unlessThere
	}
	if _, taken := ctx.Write(to); taken && unlessThere {
		ctx.Reply.Int(0)
		return false
	}
	ctx.DB.Rename(from, to)
	ctx.Modified(command.EventGeneric, "rename_from", from)
	ctx.Notify(command.EventGeneric, "rename_to", to)
	return true
}

func move(ctx *command.Context) {
	key := ctx.Argv[1]
	index, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
		return
	case index < 0 || index >= int64(ctx.Store.NumDBs()):
		ctx.Error(command.ErrDBIndex)
		return
	case int(index) == ctx.Index:
		ctx.Error(command.ErrSameObject)
		return
	}
	if _, found := ctx.Write(key); !found {
		ctx.Reply.Int(0)
		return
	}
	target := in(ctx, int(index))
	if _, taken := target.Write(key); taken || !ctx.DB.Move(key, target.DB) {
		ctx.Reply.Int(0)
		return
	}
	ctx.Modified(command.EventGeneric, "move_from", key)
	ctx.NotifyIn(int(index), command.EventGeneric, "move_to", key)
	ctx.Reply.Int(1)
}

// in is the context as another database sees it.
func in(ctx *command.Context, index int) *command.Context {
	other := *ctx
	other.Index, other.DB = index, ctx.Store.DB(index)
	return &other
}

func copyKey(ctx *command.Context) {
	from, to := ctx.Argv[1], ctx.Argv[2]
	index, replace := int64(ctx.Index), false
	for i := 3; i < len(ctx.Argv); i++ {
		switch {
		case is(ctx.Argv[i], "REPLACE"):
			replace = true
		case is(ctx.Argv[i], "DB") && i+1 < len(ctx.Argv):
			i++
			var ok bool
			if index, ok = resp.ParseInt(ctx.Argv[i]); !ok {
				ctx.Error(command.ErrNotInteger)
				return
			}
			if index < 0 || index >= int64(ctx.Store.NumDBs()) {
				ctx.Error(command.ErrDBIndex)
				return
			}
		default:
			ctx.Error(command.ErrSyntax)
			return
		}
	}
	if int(index) == ctx.Index && bytes.Equal(from, to) {
		ctx.Error(command.ErrSameObject)
		return
	}
	if _, found := ctx.Read(from); !found {
		ctx.Reply.Int(0)
		return
	}
	target := in(ctx, int(index))
	if _, taken := target.Write(to); taken && !replace {
		ctx.Reply.Int(0)
		return
	}
	ctx.DB.Copy(from, target.DB, to)
	ctx.ModifiedIn(int(index), command.EventGeneric, "copy_to", to)
	ctx.Reply.Int(1)
}
