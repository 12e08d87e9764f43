// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hyperloglog is the command family of HyperLogLogs, which estimate how
// many different elements they were given. Replies and errors are Redis 7.0's to
// the letter, and so are the bytes: a HyperLogLog is a string, which clients may
// GET, and both kinds of servers have to make the same one of the same commands.
//
// The bytes are told in sketch.go (header, dense form), sparse.go (sparse form)
// and estimate.go (the estimate, which the header caches). A dense one is changed
// where it lies in the store; a sparse one in a copy, since nearly every change
// moves what is behind it.
package hyperloglog

import (
	"sync"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// Commands is the family's table.
func Commands() []command.Spec {
	key := func(f command.KeyFlags) []command.KeySpec { return []command.KeySpec{{Flags: f, Index: 1}} }
	spec := func(name string, arity int, flags command.Flags, keys []command.KeySpec, complexity, summary string, h func(*command.Context)) command.Spec {
		return command.Spec{Name: name, Arity: arity, Flags: flags, Categories: command.CatHyperLogLog, Keys: keys, Group: "hyperloglog",
			Since: "2.8.9", Complexity: complexity, Summary: summary, Handler: h}
	}
	debug := spec("pfdebug", 3, command.Write|command.DenyOOM|command.Admin,
		[]command.KeySpec{{Flags: command.KeyRW | command.KeyAccess, Index: 2}}, "N/A", "Internal commands for debugging HyperLogLog values", pfDebug)
	selfTest := spec("pfselftest", 1, command.Admin, nil, "N/A", "An internal command for testing HyperLogLog values", pfSelfTest)
	debug.System, selfTest.System = true, true
	return []command.Spec{
		spec("pfadd", -2, command.Write|command.DenyOOM|command.Fast, key(command.KeyRW|command.KeyInsert),
			"O(1) to add every element.", "Adds the specified elements to the specified HyperLogLog.", pfAdd),
		spec("pfcount", -2, command.ReadOnly|command.MayReplicate, []command.KeySpec{{
			Notes: "RW because it may change the internal representation of the key, and propagate to replicas",
			Flags: command.KeyRW | command.KeyAccess, Index: 1, Last: -1,
		}}, "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.",
			"Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).", pfCount),
		debug,
		spec("pfmerge", -2, command.Write|command.DenyOOM, []command.KeySpec{
			{Flags: command.KeyRW | command.KeyAccess | command.KeyInsert, Index: 1},
			{Flags: command.KeyRO | command.KeyAccess, Index: 2, Last: -1},
		}, "O(N) to merge N HyperLogLogs, but with high constant times.", "Merge N different HyperLogLogs into a single one.", pfMerge),
		selfTest,
	}
}

const (
	errNoSketch  = "WRONGTYPE Key is not a valid HyperLogLog string value."
	errCorrupted = "INVALIDOBJ Corrupted HLL object detected"
)

// sketchOf is the HyperLogLog in a value, valid as long as the value is. ok is
// false where there is none, which is answered.
func sketchOf(ctx *command.Context, v store.Value) (s sketch, ok bool) {
	if v.Type() != store.TypeString {
		ctx.Error(command.ErrWrongType)
		return nil, false
	}
	if s = sketch(v.Bytes()); !s.valid() {
		ctx.Error(errNoSketch)
		return nil, false
	}
	return s, true
}

// copies are buffers for the copies that are changed.
var copies = sync.Pool{New: func() any { return new(sketch) }}

// keep leaves a copy's memory to the next one, unless a client has blown it up.
func keep(buffer *sketch, s sketch) {
	if cap(s) <= 4*denseSize {
		*buffer = s
	}
}

// put writes a HyperLogLog back in place of what is there. Its time to live
// stays. ok is false where that cannot be done, which is answered.
func put(ctx *command.Context, key []byte, s sketch) (ok bool) {
	var err error
	if v, there := ctx.DB.Peek(key); there && v.Len() > len(s) {
		_, err = ctx.DB.SetText(key, s, true)
	}
	var b []byte
	if err == nil {
		b, err = ctx.DB.Grow(key, len(s)) // the encoding is raw, as Redis has it
	}
	if err != nil {
		ctx.Error(command.ErrStringTooLong) // the key is: sketches are short
		return false
	}
	copy(b, s)
	return true
}
