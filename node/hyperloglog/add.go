// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import "github.com/espalier-io/espalier/node/command"

// pfAdd makes the key if it is not there, and counts that as a change. Other than
// in Redis, a sketch that turns out to be corrupted stays as it was: a change
// that is answered with an error would not reach the replicas.
func pfAdd(ctx *command.Context) {
	key, elements := ctx.Argv[1], ctx.Argv[2:]
	var old sketch
	v, found := ctx.Write(key)
	if found {
		var ok bool
		if old, ok = sketchOf(ctx, v); !ok {
			return
		}
	}
	changes, ok := 0, true
	if found && !old.sparse() {
		changes = addInPlace(ctx, key, elements)
	} else {
		changes, ok = addToCopy(ctx, key, old, elements)
	}
	switch {
	case !ok:
	case changes == 0:
		ctx.Reply.Int(0)
	default:
		ctx.Modified(command.EventString, "pfadd", key)
		ctx.Changed(changes - 1)
		ctx.Reply.Int(1)
	}
}

// addInPlace adds to a dense sketch.
func addInPlace(ctx *command.Context, key []byte, elements [][]byte) (changes int) {
	b, err := ctx.DB.Grow(key, denseSize)
	if err != nil {
		panic(err) // it is that long already
	}
	s := sketch(b)
	for _, e := range elements {
		if s.setDense(place(e)) {
			changes++
		}
	}
	if changes > 0 {
		s.invalidate()
	}
	return changes
}

// addToCopy adds to a sparse sketch, or to a new one where old is nil. ok is false
// where that cannot be done, which is answered.
func addToCopy(ctx *command.Context, key []byte, old sketch, elements [][]byte) (changes int, ok bool) {
	ok = true
	buffer := copies.Get().(*sketch)
	defer copies.Put(buffer)
	s := append((*buffer)[:0], old...)
	if old == nil {
		s = append(s, newSketch...)
		changes = 1
	}
	limit := ctx.Store.Limits().SparseHLL
	for _, e := range elements {
		var changed bool
		if s, changed, ok = s.add(e, limit); changed {
			changes++
		} else if !ok {
			ctx.Error(errCorrupted)
			return 0, false
		}
	}
	keep(buffer, s)
	if changes > 0 {
		s.invalidate()
		ok = put(ctx, key, s)
	}
	return changes, ok
}
