// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/resp"
)

// slowlog remembers the last calls that took longer than
// slowlog-log-slower-than, newest last.
type slowlog struct {
	entries []slowCall
	nextID  int64
}

// slowCall is one remembered call, with its own copy of the arguments.
type slowCall struct {
	id         int64
	at         int64 // Unix seconds
	micros     int64
	argv       []string
	addr, name string
}

// How much of a call the log keeps.
const (
	slowlogArgs  = 32
	slowlogBytes = 128
)

// noteSlow remembers a slow call, unless its command is exempt.
func (e *Engine) noteSlow(s *Session, cmd *command.Command, argv [][]byte, took int64) {
	if cmd.Flags&command.SkipSlowlog != 0 || e.cfg.SlowlogMaxLen == 0 {
		return
	}
	call := slowCall{
		id: e.slowlog.nextID, at: e.now / 1000, micros: took / 1000,
		argv: slowArgs(cmd, argv), name: s.name,
	}
	if s.conn != nil {
		call.addr = s.conn.RemoteAddr()
	}
	e.slowlog.nextID++
	e.slowlog.entries = append(e.slowlog.entries, call)
	e.slowlog.trim(e.cfg.SlowlogMaxLen)
}

func (l *slowlog) trim(most int64) {
	if extra := int64(len(l.entries)) - most; extra > 0 {
		l.entries = append(l.entries[:0], l.entries[extra:]...)
	}
}

// slowArgs shortens long calls as Redis does and hides secrets.
func slowArgs(cmd *command.Command, argv [][]byte) []string {
	n := min(len(argv), slowlogArgs)
	out := make([]string, 0, n)
	for i, arg := range argv[:n] {
		switch {
		case i == slowlogArgs-1 && len(argv) > slowlogArgs:
			out = append(out, fmt.Sprintf("... (%d more arguments)", len(argv)-slowlogArgs+1))
		case secret(cmd, argv, i):
			out = append(out, "(redacted)")
		case len(arg) > slowlogBytes:
			out = append(out, fmt.Sprintf("%s... (%d more bytes)", arg[:slowlogBytes], len(arg)-slowlogBytes))
		default:
			out = append(out, string(arg))
		}
	}
	return out
}

// secret tells whether an argument must not be shown by SLOWLOG and MONITOR.
func secret(cmd *command.Command, argv [][]byte, i int) bool {
	switch cmd.FullName {
	case "auth":
		return i > 0
	case "hello":
		return i > 1 && (fold(argv[i-1], "AUTH") || i > 2 && fold(argv[i-2], "AUTH"))
	case "config|set":
		return i > 2 && i%2 == 1 && config.Sensitive(string(argv[i-1]))
	}
	return false
}

func (e *Engine) slowlogCommands() []command.Spec {
	const flags = command.Admin | command.Loading | command.Stale
	const nodes, random = "request_policy:all_nodes", "nondeterministic_output"
	return []command.Spec{{
		Name: "slowlog", Arity: -2, Group: "server", Since: "2.2.12",
		Summary: "Commands about the log of slow calls", Complexity: "Depends on subcommand.",
		Sub: []command.Spec{
			{Name: "get", Arity: -2, Flags: flags, Tips: []string{nodes, random}, Since: "2.2.12",
				Summary: "Show the slow calls", Complexity: "O(N) for N entries shown", Handler: e.slowlogGet},
			{Name: "len", Arity: 2, Flags: flags, Tips: []string{nodes, "response_policy:agg_sum", random}, Since: "2.2.12",
				Summary: "Count the slow calls", Complexity: "O(1)",
				Handler: func(ctx *command.Context) { ctx.Reply.Int(int64(len(e.slowlog.entries))) }},
			{Name: "reset", Arity: 2, Flags: flags, Tips: []string{nodes, "response_policy:all_succeeded"}, Since: "2.2.12",
				Summary: "Forget the slow calls", Complexity: "O(N) for N entries",
				Handler: func(ctx *command.Context) { e.slowlog.entries = nil; ctx.Reply.OK() }},
			command.HelpSpec("6.2.0", 0,
				"GET [<count>]",
				"    Return the newest <count> entries (default: 10, -1: all). Each is:",
				"    id, timestamp, time in microseconds, arguments, client address and name",
				"LEN",
				"    Return the number of entries.",
				"RESET",
				"    Forget all entries.",
			),
		},
	}}
}

func (e *Engine) slowlogGet(ctx *command.Context) {
	entries := e.slowlog.entries
	count := int64(10)
	if len(ctx.Argv) > 3 {
		subcommandSyntax(ctx)
		return
	}
	if len(ctx.Argv) == 3 {
		n, ok := resp.ParseInt(ctx.Argv[2])
		if !ok || n < -1 {
			ctx.Error("ERR count should be greater than or equal to -1")
			return
		}
		count = n
	}
	if count < 0 {
		count = int64(len(entries))
	}
	count = min(count, int64(len(entries)))
	w := ctx.Reply
	w.ArrayLen(int(count))
	for i := range int(count) {
		c := &entries[len(entries)-1-i]
		w.ArrayLen(6)
		w.Int(c.id)
		w.Int(c.at)
		w.Int(c.micros)
		w.ArrayLen(len(c.argv))
		for _, arg := range c.argv {
			w.BulkString(arg)
		}
		w.BulkString(c.addr)
		w.BulkString(c.name)
	}
}
