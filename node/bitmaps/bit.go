// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

const (
	errOffset = "ERR bit offset is not an integer or out of range"
	errBit    = "ERR bit is not an integer or out of range"
)

// parseOffset reads the place of a bit, and refuses one in a byte that no string
// may have.
func parseOffset(ctx *command.Context, arg []byte) (offset int, ok bool) {
	n, ok := resp.ParseInt(arg)
	return inString(ctx, n, ok)
}

func inString(ctx *command.Context, n int64, ok bool) (offset int, _ bool) {
	if !ok || n < 0 || n>>3 >= int64(ctx.Store.MaxValue()) {
		ctx.Error(errOffset)
		return 0, false
	}
	return int(n), true
}

func setBit(ctx *command.Context) {
	key := ctx.Argv[1]
	offset, ok := parseOffset(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	on, ok := resp.ParseInt(ctx.Argv[3])
	if !ok || on != 0 && on != 1 {
		ctx.Error(errBit)
		return
	}
	b, grown, ok := grow(ctx, key, offset>>3+1)
	if !ok {
		return
	}
	at, shift := &b[offset>>3], 7-offset&7
	old := int64(*at >> shift & 1)
	if grown || old != on {
		*at = *at&^(1<<shift) | byte(on)<<shift
		ctx.Modified(command.EventString, "setbit", key)
	}
	ctx.Reply.Int(old)
}

func getBit(ctx *command.Context) {
	offset, ok := parseOffset(ctx, ctx.Argv[2])
	if !ok {
		return
	}
	v, found, ok := text(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	bit := int64(0)
	if found {
		if b := v.Bytes(); offset>>3 < len(b) {
			bit = int64(b[offset>>3] >> (7 - offset&7) & 1)
		}
	}
	ctx.Reply.Int(bit)
}
