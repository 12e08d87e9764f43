// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings

import (
	"bytes"
	"math"
	"math/big"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
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

// incrByFloat computes with the 64-bit mantissa of Redis's long double, so
// that both servers give the same digits. On the stream it is the SET of its
// result.
func incrByFloat(ctx *command.Context) {
	key := ctx.Argv[1]
	v, found, ok := textToWrite(ctx, key)
	if !ok {
		return
	}
	sum, ok := parseLong(ctx.Argv[2])
	if found {
		old, valid := parseLong(v.Bytes())
		if ok = ok && valid; ok {
			sum = sum.Add(old, sum)
		}
	}
	switch {
	case !ok:
		ctx.Error(command.ErrNotFloat)
		return
	case sum.IsInf():
		ctx.Error("ERR increment would produce NaN or Infinity")
		return
	}
	text := formatLong(sum)
	if _, err := ctx.DB.SetText(key, text, true); err != nil {
		ctx.Error(command.ErrStringTooLong)
		return
	}
	ctx.Modified(command.EventString, "incrbyfloat", key)
	ctx.Reply.Bulk(text)
	ctx.Propagate([]byte("SET"), key, text, []byte("KEEPTTL"))
}

// longMantissa is the precision of an x87 long double in bits.
const longMantissa = 64

// parseLong reads a decimal, hexadecimal or infinite number as strtold does,
// without white space before or after it.
func parseLong(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) > 255 || bytes.ContainsAny(b, " \t\r\n\v\f_") {
		return nil, false
	}
	s := string(b)
	if f, err := strconv.ParseFloat(s, 64); err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
		if math.IsNaN(f) {
			return nil, false
		}
		return new(big.Float).SetInf(f < 0), true
	}
	f, _, err := big.ParseFloat(s, 10, longMantissa, big.ToNearestEven)
	if err != nil {
		return nil, false
	}
	return f, true
}

// formatLong prints a number with up to 17 digits behind the point and no
// trailing zeros, never in exponents.
func formatLong(f *big.Float) []byte {
	b := f.Append(nil, 'f', 17)
	if bytes.IndexByte(b, '.') >= 0 {
		b = bytes.TrimRight(b, "0")
		b = bytes.TrimSuffix(b, []byte("."))
	}
	if string(b) == "-0" {
		return b[1:]
	}
	return b
}
