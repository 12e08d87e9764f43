// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	verb   fieldVerb
	at     integer
	n      int64 // the new value or the increment
	beyond overflow
}

type fieldVerb int

const (
	fieldGet fieldVerb = iota
	fieldSet
	fieldIncr
)

func bitField(ctx *command.Context) {
	var room [8]fieldOp
	ops, size, ok := parseFieldOps(ctx, room[:0])
	switch {
	case !ok:
	case size == 0:
		readFields(ctx, ops)
	default:
		changeFields(ctx, ops, size)
	}
}

func bitFieldRO(ctx *command.Context) {
	var room [8]fieldOp
	ops, size, ok := parseFieldOps(ctx, room[:0])
	switch {
	case !ok:
	case size == 0:
		readFields(ctx, ops)
	default:
		ctx.Error("ERR BITFIELD_RO only supports the GET subcommand")
	}
}

// parseFieldOps reads the operations, and how long the string must be in bytes
// for those that write; 0 if none does.
func parseFieldOps(ctx *command.Context, ops []fieldOp) (_ []fieldOp, size int, ok bool) {
	beyond := wrap
	for args := ctx.Argv[2:]; len(args) > 0; {
		op := fieldOp{beyond: beyond}
		words := 4
		switch {
		case is(args[0], "GET") && len(args) > 2:
			words = 3
		case is(args[0], "SET") && len(args) > 3:
			op.verb = fieldSet
		case is(args[0], "INCRBY") && len(args) > 3:
			op.verb = fieldIncr
		case is(args[0], "OVERFLOW") && len(args) > 1:
			if beyond, ok = parseOverflow(args[1]); !ok {
				ctx.Error("ERR Invalid OVERFLOW type specified")
				return nil, 0, false
			}
			args = args[2:]
			continue
		default:
			ctx.Error(command.ErrSyntax)
			return nil, 0, false
		}
		if op.at, ok = parseInteger(ctx, args[1], args[2]); !ok {
			return nil, 0, false
		}
		if op.verb != fieldGet {
			size = max(size, op.at.end())
			if op.n, ok = parseIndex(ctx, args[3]); !ok {
				return nil, 0, false
			}
		}
		ops = append(ops, op)
		args = args[words:]
	}
	return ops, size, true
}

func parseOverflow(arg []byte) (o overflow, ok bool) {
	for o, word := range []string{"WRAP", "SAT", "FAIL"} {
		if is(arg, word) {
			return overflow(o), true
		}
	}
	return wrap, false
}

// parseInteger reads a type such as u8 or i16 and an offset: of bits, or, behind
// a #, of integers of the type.
func parseInteger(ctx *command.Context, typ, offset []byte) (i integer, ok bool) {
	width := int64(0)
	if len(typ) > 0 {
		i.signed = typ[0] == 'i'
		if i.signed || typ[0] == 'u' {
			width, ok = resp.ParseInt(typ[1:])
		}
	}
	if !ok || width < 1 || width > 64 || width == 64 && !i.signed {
		ctx.Error("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
		return i, false
	}
	i.width = int(width)
	times := int64(1)
	if len(offset) > 0 && offset[0] == '#' {
		offset, times = offset[1:], width
	}
	n, ok := resp.ParseInt(offset)
	i.offset, ok = inString(ctx, n*times, ok)
	return i, ok
}

func readFields(ctx *command.Context, ops []fieldOp) {
	v, found, ok := text(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	var b []byte
	if found {
		b = v.Bytes()
	}
	ctx.Reply.ArrayLen(len(ops))
	for i := range ops {
		ctx.Reply.Int(ops[i].at.load(b))
	}
}

// changeFields makes room for all operations before the first, as Redis does.
// Where they all fail, the string has grown nevertheless; other than Redis, we
// count that as a change, or the replicas would not have it.
func changeFields(ctx *command.Context, ops []fieldOp, size int) {
	key := ctx.Argv[1]
	b, grown, ok := grow(ctx, key, size)
	if !ok {
		return
	}
	changes := 0
	ctx.Reply.ArrayLen(len(ops))
	for i := range ops {
		op := &ops[i]
		old := op.at.load(b)
		if op.verb == fieldGet {
			ctx.Reply.Int(old)
			continue
		}
		value, answer, ok := op.result(old)
		if !ok {
			ctx.Reply.Null()
			continue
		}
		op.at.store(b, value)
		if grown || value != old {
			changes++
		}
		ctx.Reply.Int(answer)
	}
	if changes == 0 && grown {
		changes = 1
	}
	if changes > 0 {
		ctx.Modified(command.EventString, "setbit", key)
		ctx.Changed(changes - 1)
	}
}

// result is the integer's new value and what the operation answers. ok is false
// when it fails for a value that does not fit.
func (op *fieldOp) result(old int64) (value, answer int64, ok bool) {
	if op.verb == fieldSet {
		value, ok = op.at.add(op.n, 0, op.beyond)
		return value, old, ok
	}
	value, ok = op.at.add(old, op.n, op.beyond)
	return value, value, ok
}
