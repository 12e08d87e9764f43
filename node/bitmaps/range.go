// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

// parseUnit reads BYTE or BIT.
func parseUnit(ctx *command.Context, arg []byte) (inBits, ok bool) {
	switch {
	case is(arg, "BIT"):
		return true, true
	case is(arg, "BYTE"):
		return false, true
	}
	ctx.Error(command.ErrSyntax)
	return false, false
}

func parseIndex(ctx *command.Context, arg []byte) (n int64, ok bool) {
	if n, ok = resp.ParseInt(arg); !ok {
		ctx.Error(command.ErrNotInteger)
	}
	return n, ok
}

// bitRange turns a range of bytes or of bits, which may count from the end, into
// the first and the last bit of a string of so many bytes. The range is empty
// where from is behind to.
func bitRange(start, end int64, inBits bool, size int) (from, to int) {
	total := int64(size)
	if inBits {
		total *= 8
	}
	if start < 0 {
		start = max(start+total, 0)
	}
	if end < 0 {
		end = max(end+total, 0)
	}
	end = min(end, total-1)
	switch {
	case start > end:
		return 0, -1
	case inBits:
		return int(start), int(end)
	}
	return int(start) * 8, int(end)*8 + 7
}

// bitCount looks the key up before it looks at the rest, as Redis does: a key
// that is not there has no ones, whatever the range.
func bitCount(ctx *command.Context) {
	argv := ctx.Argv
	v, found, ok := text(ctx, argv[1])
	switch {
	case !ok:
		return
	case !found:
		ctx.Reply.Int(0)
		return
	case len(argv) == 2:
		ctx.Reply.Int(int64(ones(v.Bytes())))
		return
	case len(argv) != 4 && len(argv) != 5:
		ctx.Error(command.ErrSyntax)
		return
	}
	start, ok := parseIndex(ctx, argv[2])
	if !ok {
		return
	}
	end, ok := parseIndex(ctx, argv[3])
	if !ok {
		return
	}
	if start < 0 && end < 0 && start > end {
		ctx.Reply.Int(0)
		return
	}
	inBits := false
	if len(argv) == 5 {
		if inBits, ok = parseUnit(ctx, argv[4]); !ok {
			return
		}
	}
	b := v.Bytes()
	n := 0
	if from, to := bitRange(start, end, inBits, len(b)); from <= to {
		n = count(b, from, to)
	}
	ctx.Reply.Int(int64(n))
}

func bitPos(ctx *command.Context) {
	argv := ctx.Argv
	bit, ok := parseIndex(ctx, argv[2])
	if !ok {
		return
	}
	if bit != 0 && bit != 1 {
		ctx.Error("ERR The bit argument must be 1 or 0.")
		return
	}
	v, found, ok := text(ctx, argv[1])
	if !ok {
		return
	}
	if !found { // zeros without end
		ctx.Reply.Int(-bit)
		return
	}
	start, end, inBits, ok := parsePosRange(ctx)
	if !ok {
		return
	}
	b := v.Bytes()
	from, to := bitRange(start, end, inBits, len(b))
	pos := -1
	if from <= to {
		pos = find(b, from, to, bit == 1)
		if pos < 0 && bit == 0 && len(argv) < 5 {
			pos = to + 1 // no end was given: zeros follow the string
		}
	}
	ctx.Reply.Int(int64(pos))
}

// parsePosRange reads the range of BITPOS, the unit before the end, as Redis
// does.
func parsePosRange(ctx *command.Context) (start, end int64, inBits, ok bool) {
	argv := ctx.Argv
	end = -1
	if len(argv) > 6 {
		ctx.Error(command.ErrSyntax)
		return 0, 0, false, false
	}
	if len(argv) > 3 {
		if start, ok = parseIndex(ctx, argv[3]); !ok {
			return 0, 0, false, false
		}
	}
	if len(argv) == 6 {
		if inBits, ok = parseUnit(ctx, argv[5]); !ok {
			return 0, 0, false, false
		}
	}
	if len(argv) > 4 {
		if end, ok = parseIndex(ctx, argv[4]); !ok {
			return 0, 0, false, false
		}
	}
	return start, end, inBits, true
}
