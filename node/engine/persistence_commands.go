// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/espalier-io/espalier/node/command"

const (
	errSaving    = "ERR Background save already in progress"
	errRewriting = "ERR Another child process is active (AOF?): can't BGSAVE right now. " +
		"Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible."
)

func (e *Engine) persistenceCommands() []command.Spec {
	const (
		group = "server"
		flags = command.Admin | command.NoScript | command.NoAsyncLoading
	)
	return []command.Spec{
		{Name: "bgrewriteaof", Arity: 1, Flags: flags, Group: group, Since: "1.0.0",
			Summary: "Rewrite the append-only file in the background", Complexity: "O(1)", Handler: e.bgRewriteAOF},
		{Name: "bgsave", Arity: -1, Flags: flags, Group: group, Since: "1.0.0",
			Summary: "Save the data set to the disk in the background", Complexity: "O(1)", Handler: e.bgSave},
		{Name: "lastsave", Arity: 1, Flags: command.Loading | command.Stale | command.Fast,
			Categories: command.CatAdmin | command.CatDangerous, Tips: []string{"nondeterministic_output"}, Group: group, Since: "1.0.0",
			Summary: "Return the time of the last save", Complexity: "O(1)",
			Handler: func(ctx *command.Context) { ctx.Reply.Int(e.saving.lastSave) }},
		{Name: "save", Arity: 1, Flags: flags | command.NoMulti, Group: group, Since: "1.0.0",
			Summary: "Save the data set to the disk and wait", Complexity: "O(N) for N keys", Handler: e.save},
	}
}

func (e *Engine) save(ctx *command.Context) {
	if e.snapshot != nil {
		ctx.Error(errSaving)
		return
	}
	if err := e.saveNow(); err != nil {
		ctx.Error("ERR " + err.Error())
		return
	}
	ctx.Reply.OK()
}

// bgSave inside a transaction waits for its end: a dump in the middle of one
// would hold half of it.
func (e *Engine) bgSave(ctx *command.Context) {
	schedule := false
	if len(ctx.Argv) > 1 {
		if len(ctx.Argv) != 2 || !fold(ctx.Argv[1], "SCHEDULE") {
			ctx.Error(command.ErrSyntax)
			return
		}
		schedule = true
	}
	switch {
	case e.aof.rewrite != nil && !schedule && !e.inTx:
		ctx.Error(errRewriting)
	case e.saving.job != nil, e.snapshot != nil && !schedule && !e.inTx:
		ctx.Error(errSaving)
	case e.snapshot != nil, e.inTx:
		e.saving.scheduled = true
		ctx.Reply.Simple("Background saving scheduled")
	case e.startSaving():
		ctx.Reply.Simple("Background saving started")
	default:
		ctx.Error(errSaving)
	}
}
