// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

func appendTo(ctx *command.Context) {
	key := ctx.Argv[1]
	if _, _, ok := textToWrite(ctx, key); !ok {
		return
	}
	n, err := ctx.DB.Append(key, ctx.Argv[2])
	if err != nil {
		ctx.Error(command.ErrStringTooLong)
		return
	}
	ctx.Modified(command.EventString, "append", key)
	ctx.Reply.Int(int64(n))
}

func setRange(ctx *command.Context) {
	key, part := ctx.Argv[1], ctx.Argv[3]
	offset, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
		return
	case offset < 0:
		ctx.Error("ERR offset is out of range")
		return
	}
	v, found, ok := textToWrite(ctx, key)
	if !ok {
		return
	}
	if len(part) == 0 {
		n := 0
		if found {
			n = v.Len()
		}
		ctx.Reply.Int(int64(n))
		return
	}
	n, err := ctx.DB.SetRange(key, int(offset), part)
	if err != nil {
		ctx.Error(command.ErrStringTooLong)
		return
	}
	ctx.Modified(command.EventString, "setrange", key)
	ctx.Reply.Int(int64(n))
}
