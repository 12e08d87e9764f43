// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// operation is one of BITOP's.
type operation int

const (
	opAnd operation = iota
	opOr
	opXor
	opNot
)

func parseOperation(arg []byte) (op operation, ok bool) {
	for op, word := range []string{"AND", "OR", "XOR", "NOT"} {
		if is(arg, word) {
			return operation(op), true
		}
	}
	return 0, false
}

func bitOp(ctx *command.Context) {
	dest, sources := ctx.Argv[2], ctx.Argv[3:]
	op, ok := parseOperation(ctx.Argv[1])
	switch {
	case !ok:
		ctx.Error(command.ErrSyntax)
		return
	case op == opNot && len(sources) != 1:
		ctx.Error("ERR BITOP NOT must be called with a single source key.")
		return
	}
	var room [16]bool
	there, size := room[:0], 0 // which sources there are, and the length of the longest
	for _, key := range sources {
		v, found, ok := text(ctx, key)
		if !ok {
			return
		}
		there = append(there, found)
		if found {
			size = max(size, v.Len())
		}
	}
	if size == 0 {
		if ctx.DB.Delete(dest) {
			ctx.Modified(command.EventGeneric, "del", dest)
		}
		ctx.Reply.Int(0)
		return
	}
	if size > ctx.Store.MaxValue() { // the limit was lowered since
		ctx.Error(command.ErrStringTooLong)
		return
	}
	if !combine(ctx, op, dest, sources, there, size) {
		return
	}
	ctx.Modified(command.EventString, "set", dest)
	ctx.Reply.Int(int64(size))
}

// combine computes the result where it is to lie, without a copy of any operand:
// a destination that is a source, too, or as long as the result is changed in its
// place. ok is false where it cannot be stored, which is answered.
func combine(ctx *command.Context, op operation, dest []byte, sources [][]byte, there []bool, size int) (ok bool) {
	own := 0 // how often the destination is a source
	for i, key := range sources {
		if there[i] && bytes.Equal(key, dest) {
			own++
		}
	}
	if own == 0 && !holdsText(ctx, dest, size) {
		ctx.DB.Delete(dest)
	}
	ctx.DB.Persist(dest)
	result, err := ctx.DB.Grow(dest, size)
	if err != nil {
		ctx.Error(command.ErrStringTooLong) // the key is
		return false
	}
	begun := own > 0
	if op == opXor && begun && own%2 == 0 {
		clear(result) // it cancels itself out
	}
	for i, key := range sources {
		if there[i] && bytes.Equal(key, dest) {
			continue
		}
		var operand []byte
		if there[i] {
			v, _ := ctx.DB.Peek(key) // looks only, so that the result stays where it is
			operand = v.Bytes()
		}
		if !begun {
			clear(result[copy(result, operand):])
			begun = true
			continue
		}
		switch op {
		case opAnd:
			and(result, operand)
		case opOr:
			or(result, operand)
		case opXor:
			xor(result, operand)
		}
	}
	if op == opNot {
		not(result)
	}
	return true
}

// holdsText tells whether a string of this size is under a key, expired or not.
func holdsText(ctx *command.Context, key []byte, size int) bool {
	v, there := ctx.DB.Peek(key)
	return there && v.Type() == store.TypeString && v.Len() == size
}
