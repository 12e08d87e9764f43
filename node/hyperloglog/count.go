// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import "github.com/espalier-io/espalier/node/command"

// pfCount of one key leaves its result in the header. That changes the string,
// though the command is one that reads: the change is propagated, and a replica
// that is read only makes it for itself.
func pfCount(ctx *command.Context) {
	if len(ctx.Argv) > 2 {
		countUnion(ctx)
		return
	}
	key := ctx.Argv[1]
	v, found := ctx.Read(key)
	if !found {
		ctx.Reply.Int(0)
		return
	}
	s, ok := sketchOf(ctx, v)
	if !ok {
		return
	}
	n, ok := s.cached()
	if !ok {
		if n, ok = s.count(); !ok {
			ctx.Error(errCorrupted)
			return
		}
		b, err := ctx.DB.Grow(key, len(s))
		if err != nil {
			panic(err) // it is that long already
		}
		sketch(b).setCached(n)
		ctx.ModifiedSilently(key)
	}
	ctx.Reply.Int(int64(n))
}

func countUnion(ctx *command.Context) {
	var u union
	if _, ok := u.addKeys(ctx, ctx.Argv[1:]); ok {
		ctx.Reply.Int(int64(u.count()))
	}
}

// addKeys adds the sketches under keys, and tells whether one of them is dense.
// Keys that are not there have no elements. ok is false where one is no sketch,
// which is answered.
func (u *union) addKeys(ctx *command.Context, keys [][]byte) (dense, ok bool) {
	for _, key := range keys {
		v, there := ctx.Read(key)
		if !there {
			continue
		}
		s, ok := sketchOf(ctx, v)
		if !ok {
			return false, false
		}
		dense = dense || !s.sparse()
		if !u.add(s) {
			ctx.Error(errCorrupted)
			return false, false
		}
	}
	return dense, true
}
