// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"fmt"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

func expire(ctx *command.Context)    { setExpiry(ctx, "expire", ctx.Now, 1000) }
func pexpire(ctx *command.Context)   { setExpiry(ctx, "pexpire", ctx.Now, 1) }
func expireAt(ctx *command.Context)  { setExpiry(ctx, "expireat", 0, 1000) }
func pexpireAt(ctx *command.Context) { setExpiry(ctx, "pexpireat", 0, 1) }

// condition is NX, XX, GT and LT.
type condition struct{ nx, xx, gt, lt bool }

// parseCondition gives the error text of Redis's parseExtendedExpireArguments.
func parseCondition(args [][]byte) (c condition, text string) {
	for _, a := range args {
		switch {
		case is(a, "NX"):
			c.nx = true
		case is(a, "XX"):
			c.xx = true
		case is(a, "GT"):
			c.gt = true
		case is(a, "LT"):
			c.lt = true
		default:
			return c, fmt.Sprintf("ERR Unsupported option %s", a)
		}
	}
	if c.nx && (c.xx || c.gt || c.lt) {
		return c, "ERR NX and XX, GT or LT options at the same time are not compatible"
	}
	if c.gt && c.lt {
		return c, "ERR GT and LT options at the same time are not compatible"
	}
	return c, ""
}

// admits tells whether a key that expires at old (or never) may expire at at.
// A key that never expires counts as the latest of all.
func (c condition) admits(old, at int64) bool {
	never := old == store.NoExpiry
	switch {
	case c.nx && !never, c.xx && never, c.gt && (never || at <= old), c.lt && !never && at >= old:
		return false
	}
	return true
}

// setExpiry is EXPIRE and its kin: the argument counts in units of unit
// milliseconds from base. On the stream it is PEXPIREAT, or the deletion where
// the time has passed.
func setExpiry(ctx *command.Context, name string, base, unit int64) {
	key := ctx.Argv[1]
	cond, text := parseCondition(ctx.Argv[3:])
	if text != "" {
		ctx.Error(text)
		return
	}
	n, ok := resp.ParseInt(ctx.Argv[2])
	if !ok {
		ctx.Error(command.ErrNotInteger)
		return
	}
	if unit == 1000 && (n > math.MaxInt64/1000 || n < math.MinInt64/1000) || n*unit > math.MaxInt64-base {
		ctx.Error("ERR invalid expire time in '" + name + "' command")
		return
	}
	at := base + n*unit
	v, found := ctx.Write(key)
	if !found || !cond.admits(v.ExpireAt(), at) {
		ctx.Reply.Int(0)
		return
	}
	if at <= ctx.Now && ctx.MayExpire() {
		ctx.DB.Delete(key)
		ctx.Modified(command.EventGeneric, "del", key)
		ctx.Propagate(ctx.ExpireWord(), key)
		ctx.Reply.Int(1)
		return
	}
	// A point before 1970 has passed as surely as 1970 itself: the store keeps
	// negative times for "never".
	ctx.DB.SetExpire(key, max(at, 0))
	ctx.Modified(command.EventGeneric, "expire", key)
	ctx.Propagate([]byte("PEXPIREAT"), key, strconv.AppendInt(nil, at, 10))
	ctx.Reply.Int(1)
}

func persist(ctx *command.Context) {
	key := ctx.Argv[1]
	if _, found := ctx.Write(key); found && ctx.DB.Persist(key) {
		ctx.Modified(command.EventGeneric, "persist", key)
		ctx.Reply.Int(1)
		return
	}
	ctx.Reply.Int(0)
}

func ttl(ctx *command.Context) {
	replyExpiry(ctx, func(at int64) int64 { return (max(at-ctx.Now, 0) + 500) / 1000 })
}

func pttl(ctx *command.Context) {
	replyExpiry(ctx, func(at int64) int64 { return max(at-ctx.Now, 0) })
}

func expireTime(ctx *command.Context) {
	replyExpiry(ctx, func(at int64) int64 { return (at + 500) / 1000 })
}

func pexpireTime(ctx *command.Context) { replyExpiry(ctx, func(at int64) int64 { return at }) }

// replyExpiry answers -2 for no key, -1 for one that never expires.
func replyExpiry(ctx *command.Context, show func(at int64) int64) {
	v, found := ctx.Peek(ctx.Argv[1])
	switch {
	case !found:
		ctx.Reply.Int(-2)
	case v.ExpireAt() == store.NoExpiry:
		ctx.Reply.Int(-1)
	default:
		ctx.Reply.Int(show(v.ExpireAt()))
	}
}
