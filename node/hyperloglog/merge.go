// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import "github.com/espalier-io/espalier/node/command"

// pfMerge raises the registers of the destination, which is one of the sources,
// too, one by one: so the runs of a sparse one come out as they do in Redis. It
// becomes dense if any of the sources is.
func pfMerge(ctx *command.Context) {
	var u union
	dense, ok := u.addKeys(ctx, ctx.Argv[1:])
	if !ok {
		return
	}
	key := ctx.Argv[1]
	buffer := copies.Get().(*sketch)
	defer copies.Put(buffer)
	s := (*buffer)[:0]
	if v, found := ctx.Write(key); found {
		s = append(s, v.Bytes()...)
	} else {
		s = append(s, newSketch...)
	}
	if dense && s.sparse() {
		if s, ok = s.dense(); !ok {
			ctx.Error(errCorrupted)
			return
		}
	}
	limit := ctx.Store.Limits().SparseHLL
	for register, rank := range u {
		switch {
		case rank == 0:
		case s.sparse():
			if s, _, ok = s.setSparse(register, rank, limit); !ok {
				ctx.Error(errCorrupted)
				return
			}
		default:
			s.setDense(register, rank)
		}
	}
	keep(buffer, s)
	s.invalidate()
	if !put(ctx, key, s) {
		return
	}
	ctx.Modified(command.EventString, "pfadd", key)
	ctx.Reply.OK()
}
