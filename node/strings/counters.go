// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings

import (
	"math"
	"math/big"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/longdouble"
	"github.com/espalier-io/espalier/node/resp"
)

func incr(ctx *command.Context) { add(ctx, 1) }
func decr(ctx *command.Context) { add(ctx, -1) }

func incrBy(ctx *command.Context) {
	if n, ok := resp.ParseInt(ctx.Argv[2]); ok {
		add(ctx, n)
	} else {
		ctx.Error(command.ErrNotInteger)
	}
}

func decrBy(ctx *command.Context) {
	n, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
	case n == math.MinInt64:
		ctx.Error("ERR decrement would overflow")
	default:
		add(ctx, -n)
	}
}

func add(ctx *command.Context, n int64) {
	key := ctx.Argv[1]
	v, found, ok := textToWrite(ctx, key)
	if !ok {
		return
	}
	var old int64
	if found {
		if old, ok = v.Int(); !ok {
			ctx.Error(command.ErrNotInteger)
			return
		}
	}
	if n < 0 && old < math.MinInt64-n || n > 0 && old > math.MaxInt64-n {
		ctx.Error("ERR increment or decrement would overflow")
		return
	}
	if _, err := ctx.DB.SetInt(key, old+n, true); err != nil {
		ctx.Error(command.ErrStringTooLong)
		return
	}
	ctx.Modified(command.EventString, "incrby", key)
	ctx.Reply.Int(old + n)
}

// incrByFloat is on the stream the SET of its result.
func incrByFloat(ctx *command.Context) {
	key := ctx.Argv[1]
	v, found, ok := textToWrite(ctx, key)
	if !ok {
		return
	}
	by, ok := longdouble.Parse(ctx.Argv[2])
	old := new(big.Float) // zero
	if found {
		var valid bool
		old, valid = longdouble.Parse(v.Bytes())
		ok = ok && valid
	}
	if !ok {
		ctx.Error(command.ErrNotFloat)
		return
	}
	sum, ok := longdouble.Add(old, by)
	if !ok {
		ctx.Error("ERR increment would produce NaN or Infinity")
		return
	}
	text := longdouble.Format(sum)
	if _, err := ctx.DB.SetText(key, text, true); err != nil {
		ctx.Error(command.ErrStringTooLong)
		return
	}
	ctx.Modified(command.EventString, "incrbyfloat", key)
	ctx.Reply.Bulk(text)
	ctx.Propagate([]byte("SET"), key, text, []byte("KEEPTTL"))
}
