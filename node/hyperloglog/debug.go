// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import (
	"bytes"
	"fmt"

	"github.com/espalier-io/espalier/node/command"
)

func pfDebug(ctx *command.Context) {
	verb, key := ctx.Argv[1], ctx.Argv[2]
	v, found := ctx.Write(key)
	if !found {
		ctx.Error("ERR The specified key does not exist")
		return
	}
	s, ok := sketchOf(ctx, v)
	if !ok {
		return
	}
	is := func(word string) bool { return bytes.EqualFold(verb, []byte(word)) }
	switch {
	case is("GETREG"):
		replyRegisters(ctx, key, s)
	case is("DECODE") && !s.sparse():
		ctx.Error("ERR HLL encoding is not sparse")
	case is("DECODE"):
		ctx.Reply.Bulk(s.describe())
	case is("ENCODING") && s.sparse():
		ctx.Reply.Simple("sparse")
	case is("ENCODING"):
		ctx.Reply.Simple("dense")
	case is("TODENSE") && !s.sparse():
		ctx.Reply.Int(0)
	case is("TODENSE"):
		if _, ok := makeDense(ctx, key, s); ok {
			ctx.Reply.Int(1)
		}
	default:
		ctx.Error("ERR Unknown PFDEBUG subcommand '" + string(verb) + "'")
	}
}

// makeDense changes the form for good. ok is false when the sketch is corrupted,
// which is answered.
func makeDense(ctx *command.Context, key []byte, s sketch) (_ sketch, ok bool) {
	d, ok := s.dense()
	if !ok {
		ctx.Error(errCorrupted)
		return nil, false
	}
	if !put(ctx, key, d) {
		return nil, false
	}
	ctx.Changed(1)
	return d, true
}

func replyRegisters(ctx *command.Context, key []byte, s sketch) {
	if s.sparse() {
		var ok bool
		if s, ok = makeDense(ctx, key, s); !ok {
			return
		}
	}
	ctx.Reply.ArrayLen(registers)
	for register := range registers {
		ctx.Reply.Int(int64(s.get(register)))
	}
}

// describe shows the runs of a sparse sketch: z and Z are short and long runs of
// zeros, v:3,2 is two registers that hold 3.
func (s sketch) describe() []byte {
	var text []byte
	for b := s[headerSize:]; len(b) > 0; {
		r := decode(b)
		switch {
		case r.value != 0:
			text = fmt.Appendf(text, "v:%d,%d ", r.value, r.length)
		case r.size == 2:
			text = fmt.Appendf(text, "Z:%d ", r.length)
		default:
			text = fmt.Appendf(text, "z:%d ", r.length)
		}
		b = b[min(r.size, len(b)):]
	}
	return bytes.TrimSuffix(text, []byte(" "))
}
