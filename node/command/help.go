// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import "strings"

// HelpSpec is the HELP subcommand that every container has. lines come in the
// form that redis-cli users know: the usage, then its meaning indented.
func HelpSpec(since string, categories Category, lines ...string) Spec {
	return Spec{
		Name: "help", Arity: 2, Flags: Loading | Stale, Categories: categories,
		Since: since, Complexity: "O(1)", Summary: "Show what the subcommands do",
		Handler: func(ctx *Context) { ReplyHelp(ctx, lines) },
	}
}

// ReplyHelp writes the lines, with what all containers have around them.
func ReplyHelp(ctx *Context, lines []string) {
	w := ctx.Reply
	w.ArrayLen(len(lines) + 3)
	w.Simple(strings.ToUpper(string(ctx.Argv[0])) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, line := range lines {
		w.Simple(line)
	}
	w.Simple("HELP")
	w.Simple("    Prints this help.")
}
