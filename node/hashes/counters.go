// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes

import (
	"math"
	"math/big"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/longdouble"
	"github.com/espalier-io/espalier/node/resp"
)

func hincrby(ctx *command.Context) {
	key, field := ctx.Argv[1], ctx.Argv[2]
	by, ok := resp.ParseInt(ctx.Argv[3])
	if !ok {
		ctx.Error(command.ErrNotInteger)
		return
	}
	h, found, ok := lookToWrite(ctx, key)
	if !ok {
		return
	}
	var old int64
	if found {
		if value, has := h.Get(field); has {
			if old, ok = resp.ParseInt(value); !ok {
				ctx.Error("ERR hash value is not an integer")
				return
			}
		}
	}
	if by < 0 && old < math.MinInt64-by || by > 0 && old > math.MaxInt64-by {
		ctx.Error("ERR increment or decrement would overflow")
		return
	}
	var digits [20]byte
	set(ctx, key, field, strconv.AppendInt(digits[:0], old+by, 10))
	ctx.Modified(command.EventHash, "hincrby", key)
	ctx.Reply.Int(old + by)
}

// hincrbyfloat is on the stream the HSET of its result.
func hincrbyfloat(ctx *command.Context) {
	key, field := ctx.Argv[1], ctx.Argv[2]
	by, ok := longdouble.Parse(ctx.Argv[3])
	switch {
	case !ok:
		ctx.Error(command.ErrNotFloat)
		return
	case by.IsInf():
		ctx.Error("ERR value is NaN or Infinity")
		return
	}
	h, found, ok := lookToWrite(ctx, key)
	if !ok {
		return
	}
	old := new(big.Float) // zero
	if found {
		if value, has := h.Get(field); has {
			if old, ok = longdouble.Parse(value); !ok {
				ctx.Error("ERR hash value is not a float")
				return
			}
		}
	}
	sum, ok := longdouble.Add(old, by)
	if !ok {
		ctx.Error("ERR increment would produce NaN or Infinity")
		return
	}
	text := longdouble.Format(sum)
	set(ctx, key, field, text)
	ctx.Modified(command.EventHash, "hincrbyfloat", key)
	ctx.Reply.Bulk(text)
	ctx.Propagate([]byte("HSET"), key, field, text)
}
