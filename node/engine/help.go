// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"

	"github.com/espalier-io/espalier/node/command"
)

// subcommandSyntax is the error of a container that does its own parsing.
func subcommandSyntax(ctx *command.Context) {
	ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + clip(ctx.Argv[1], 128) +
		"'. Try " + strings.ToUpper(string(ctx.Argv[0])) + " HELP.")
}

// clip quotes at most n bytes of a client's argument.
func clip(arg []byte, n int) string { return string(arg[:min(len(arg), n)]) }
