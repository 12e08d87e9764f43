// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"strings"

	"github.com/espalier-io/espalier/node/command"
)

// subcommandSyntax is the error of a container that does its own parsing.
func subcommandSyntax(ctx *command.Context) {
	ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + clip(ctx.Argv[1], 128) +
		"'. Try " + strings.ToUpper(string(ctx.Argv[0])) + " HELP.")
}

// clip quotes at most n bytes of a client's argument, up to a NUL byte, as C
// does.
func clip(arg []byte, n int) string {
	arg = arg[:min(len(arg), n)]
	if end := bytes.IndexByte(arg, 0); end >= 0 {
		arg = arg[:end]
	}
	return string(arg)
}
