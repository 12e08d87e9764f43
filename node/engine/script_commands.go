// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/script"
)

const (
	errNoScript  = "NOSCRIPT No matching script. Please use EVAL."
	errManyKeys  = "ERR Number of keys can't be greater than number of args"
	errMinusKeys = "ERR Number of keys can't be negative"
	errDebugging = "ERR SCRIPT DEBUG is not offered by this node: it has no debugger of scripts"
)

// scriptKeys says where the keys of EVAL and its kin stand.
func scriptKeys(flags command.KeyFlags, notes string) []command.KeySpec {
	return []command.KeySpec{{Flags: flags, Index: 2, NumKeys: true, FirstKeyAt: 1, Notes: notes}}
}

func (e *Engine) scriptCommands() []command.Spec {
	const (
		group    = "scripting"
		cat      = command.CatScripting
		inner    = command.NoScript
		any      = command.NoScript | command.SkipMonitor | command.MayReplicate | command.NoMandatory | command.Stale | command.MovableKeys
		reading  = command.NoScript | command.SkipMonitor | command.NoMandatory | command.Stale | command.ReadOnly | command.MovableKeys
		rw       = command.KeyRW | command.KeyAccess | command.KeyUpdate
		ro       = command.KeyRO | command.KeyAccess
		assumeRW = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
		assumeRO = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
		work     = "Depends on the script that is executed."
		shards   = "request_policy:all_shards"
		nodes    = "request_policy:all_nodes"
		succeed  = "response_policy:all_succeeded"
	)
	x := &e.scripting
	return []command.Spec{
		{Name: "eval", Arity: -3, Flags: any, Categories: cat, Group: group, Since: "2.6.0", Keys: scriptKeys(rw, assumeRW),
			Summary: "Run a script", Complexity: work, Handler: x.evalCommand, CallFlags: x.flagsOfSource(any)},
		{Name: "evalsha", Arity: -3, Flags: any, Categories: cat, Group: group, Since: "2.6.0", Keys: scriptKeys(rw, ""),
			Summary: "Run a script that the node has seen, by its SHA-1", Complexity: work, Handler: x.evalSHACommand, CallFlags: x.flagsOfSHA(any)},
		{Name: "eval_ro", Arity: -3, Flags: reading, Categories: cat, Group: group, Since: "7.0.0", Keys: scriptKeys(ro, assumeRO),
			Summary: "Run a script that only reads", Complexity: work, Handler: x.evalCommand, CallFlags: x.flagsOfSource(reading)},
		{Name: "evalsha_ro", Arity: -3, Flags: reading, Categories: cat, Group: group, Since: "7.0.0", Keys: scriptKeys(ro, ""),
			Summary: "Run a script that only reads, by its SHA-1", Complexity: work, Handler: x.evalSHACommand, CallFlags: x.flagsOfSHA(reading)},
		{Name: "script", Arity: -2, Group: group, Since: "2.6.0",
			Summary: "Commands about the cache of scripts", Complexity: "Depends on subcommand.",
			Sub: []command.Spec{
				{Name: "debug", Arity: 3, Flags: inner, Categories: cat, Since: "3.2.0",
					Summary: "Refused: there is no debugger", Complexity: "O(1)",
					Handler: func(ctx *command.Context) { ctx.Error(errDebugging) }},
				{Name: "exists", Arity: -3, Flags: inner, Categories: cat, Since: "2.6.0",
					Tips:    []string{shards, "response_policy:agg_logical_and"},
					Summary: "Tell which scripts the node has seen", Complexity: "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
					Handler: x.existsCommand},
				{Name: "flush", Arity: -2, Flags: inner, Categories: cat, Since: "2.6.0", Tips: []string{nodes, succeed},
					Summary: "Forget all scripts", Complexity: "O(N) with N being the number of scripts in cache", Handler: x.flushCommand},
				command.HelpSpec("5.0.0", cat,
					"DEBUG (YES|SYNC|NO)",
					"    Refused: there is no debugger of scripts.",
					"EXISTS <sha1> [<sha1> ...]",
					"    Return which of the scripts are in the cache.",
					"FLUSH [ASYNC|SYNC]",
					"    Empty the cache. Both modes do the same.",
					"KILL",
					"    Kill the script that runs, unless it has written.",
					"LOAD <script>",
					"    Put a script into the cache without running it.",
				),
				{Name: "kill", Arity: 2, Flags: inner | command.AllowBusy, Categories: cat, Since: "2.6.0",
					Tips:    []string{shards, "response_policy:one_succeeded"},
					Summary: "Kill the script that runs", Complexity: "O(1)",
					Handler: func(ctx *command.Context) { x.kill(ctx, false) }},
				{Name: "load", Arity: 3, Flags: inner | command.Stale, Categories: cat, Since: "2.6.0", Tips: []string{nodes, succeed},
					Summary: "Put a script into the cache", Complexity: "O(N) with N being the length in bytes of the script body.", Handler: x.loadCommand},
			}},
	}
}

// flagsOfSource are the flags of a call of EVAL: those of the script.
func (x *scripting) flagsOfSource(flags command.Flags) func([][]byte) command.Flags {
	return func(argv [][]byte) command.Flags {
		if len(argv) < 2 || len(argv[1]) < 2 || argv[1][0] != '#' {
			return flags
		}
		declared, _, text := parseShebang(string(argv[1]))
		if text != "" {
			return flags
		}
		return declared.callFlags(flags)
	}
}

func (x *scripting) flagsOfSHA(flags command.Flags) func([][]byte) command.Flags {
	return func(argv [][]byte) command.Flags {
		if len(argv) < 2 {
			return flags
		}
		if s := x.cache.find(argv[1]); s != nil {
			return s.flags.callFlags(flags)
		}
		return flags
	}
}

// countKeys reads the count of the keys that begin behind it; it answers itself
// where it returns false.
func countKeys(ctx *command.Context, notANumber string) (n int, ok bool) {
	count, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(notANumber)
	case count > int64(len(ctx.Argv)-3):
		ctx.Error(errManyKeys)
	case count < 0:
		ctx.Error(errMinusKeys)
	default:
		return int(count), true
	}
	return 0, false
}

func (x *scripting) evalCommand(ctx *command.Context) {
	x.showMonitors(ctx)
	n, ok := countKeys(ctx, command.ErrNotInteger)
	if !ok {
		return
	}
	s, text := x.load(ctx.Argv[1])
	if text != "" {
		ctx.Error(text)
		return
	}
	x.evaluate(ctx, s, n)
}

func (x *scripting) evalSHACommand(ctx *command.Context) {
	x.showMonitors(ctx)
	if len(ctx.Argv[1]) != shaLength {
		ctx.Error(errNoScript)
		return
	}
	n, ok := countKeys(ctx, command.ErrNotInteger)
	if !ok {
		return
	}
	s := x.cache.find(ctx.Argv[1])
	if s == nil {
		ctx.Error(errNoScript)
		return
	}
	x.evaluate(ctx, s, n)
}

func (x *scripting) evaluate(ctx *command.Context, s *cachedScript, keys int) {
	caller := ctx.Session.(*Session)
	run := &scriptRun{caller: caller, cmd: caller.lastCmd, name: s.sha, flags: s.flags, readOnly: readsOnly(ctx.Argv[0])}
	args := ctx.Argv[3:]
	in := x.interpreter()
	x.execute(ctx, run, func(c script.Call) *script.Failure { return in.Run(s.program, c) }, args[:keys], args[keys:])
}

// readsOnly tells whether the command is one of those whose names end in _RO.
func readsOnly(name []byte) bool {
	const suffix = "_RO"
	return len(name) > len(suffix) && fold(name[len(name)-len(suffix):], suffix)
}

// showMonitors shows a call before the commands of its script.
func (x *scripting) showMonitors(ctx *command.Context) {
	if len(x.e.monitors) == 0 {
		return
	}
	plain := command.Command{Spec: command.Spec{Name: "eval"}, FullName: "eval"}
	x.e.feedMonitors(ctx.Session.(*Session), &plain, ctx.Argv)
}

func (x *scripting) existsCommand(ctx *command.Context) {
	ctx.Reply.ArrayLen(len(ctx.Argv) - 2)
	for _, sha := range ctx.Argv[2:] {
		n := int64(0)
		if x.cache.find(sha) != nil {
			n = 1
		}
		ctx.Reply.Int(n)
	}
}

func (x *scripting) flushCommand(ctx *command.Context) {
	if len(ctx.Argv) > 3 || len(ctx.Argv) == 3 && !fold(ctx.Argv[2], "SYNC") && !fold(ctx.Argv[2], "ASYNC") {
		ctx.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	x.flush()
	ctx.Reply.OK()
}

func (x *scripting) loadCommand(ctx *command.Context) {
	s, text := x.load(ctx.Argv[2])
	if text != "" {
		ctx.Error(text)
		return
	}
	ctx.Reply.BulkString(s.sha)
}
