// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

// clientCommands is CLIENT, but for KILL and LIST (client_list.go).
func (e *Engine) clientCommands() []command.Spec {
	const (
		own   = command.NoScript | command.Loading | command.Stale
		admin = own | command.Admin
		cat   = command.CatConnection
	)
	random := []string{"nondeterministic_output"}
	return []command.Spec{{
		Name: "client", Arity: -2, Group: "connection", Since: "2.4.0",
		Summary: "Commands about client connections", Complexity: "Depends on subcommand.",
		Sub: []command.Spec{
			{Name: "getname", Arity: 2, Flags: own, Categories: cat, Since: "2.6.9",
				Summary: "Return the name of the connection", Complexity: "O(1)", Handler: clientGetName},
			{Name: "getredir", Arity: 2, Flags: own, Categories: cat, Since: "6.0.0",
				Summary: "Return the client that invalidations are redirected to", Complexity: "O(1)",
				Handler: func(ctx *command.Context) { ctx.Reply.Int(-1) }},
			{Name: "id", Arity: 2, Flags: own, Categories: cat, Since: "5.0.0",
				Summary: "Return the id of the connection", Complexity: "O(1)",
				Handler: func(ctx *command.Context) { ctx.Reply.Int(ctx.Session.(*Session).id) }},
			{Name: "info", Arity: 2, Flags: own, Categories: cat, Tips: random, Since: "6.2.0",
				Summary: "Describe the connection", Complexity: "O(1)", Handler: clientInfo},
			{Name: "kill", Arity: -3, Flags: admin, Categories: cat, Since: "2.4.0",
				Summary: "Close connections", Complexity: "O(N) for N connections", Handler: e.clientKill},
			{Name: "list", Arity: -2, Flags: admin, Categories: cat, Tips: random, Since: "2.4.0",
				Summary: "Describe the connections", Complexity: "O(N) for N connections", Handler: e.clientList},
			{Name: "no-evict", Arity: 3, Flags: admin, Categories: cat, Since: "7.0.0",
				Summary: "Spare the connection when clients are evicted", Complexity: "O(1)", Handler: clientNoEvict},
			{Name: "pause", Arity: -3, Flags: admin, Categories: cat, Since: "2.9.50",
				Summary: "Hold back commands for some time", Complexity: "O(1)", Handler: e.clientPause},
			{Name: "reply", Arity: 3, Flags: own, Categories: cat, Since: "3.2.0",
				Summary: "Choose whether commands are answered", Complexity: "O(1)", Handler: clientReply},
			{Name: "setinfo", Arity: 4, Flags: own, Categories: cat, Since: "7.2.0",
				Summary: "Tell the client library's name or version", Complexity: "O(1)", Handler: clientSetInfo},
			{Name: "setname", Arity: 3, Flags: own, Categories: cat, Since: "2.6.9",
				Summary: "Name the connection", Complexity: "O(1)", Handler: clientSetName},
			{Name: "trackinginfo", Arity: 2, Flags: own, Categories: cat, Since: "6.2.0",
				Summary: "Describe the connection's client-side caching", Complexity: "O(1)", Handler: clientTrackingInfo},
			{Name: "unblock", Arity: -3, Flags: admin, Categories: cat, Since: "5.0.0",
				Summary: "Release a client from a blocking command", Complexity: "O(1)", Handler: e.clientUnblock},
			{Name: "unpause", Arity: 2, Flags: admin, Categories: cat, Since: "6.2.0",
				Summary: "End CLIENT PAUSE", Complexity: "O(N) for N held clients", Handler: e.clientUnpause},
			command.HelpSpec("5.0.0", cat,
				"GETREDIR",
				"    Return the client that invalidations are redirected to, -1 for none.",
				"GETNAME",
				"    Return the name of this connection.",
				"ID",
				"    Return the id of this connection.",
				"INFO",
				"    Describe this connection.",
				"KILL <ip:port>",
				"    Close the connection from <ip:port>.",
				"KILL <option> <value> [<option> <value> [...]]",
				"    Close the connections that match all of:",
				"    * ADDR <ip:port>, LADDR <ip:port>",
				"    * ID <client-id>",
				"    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
				"    * USER <username>",
				"    * SKIPME (YES|NO): spare this connection (default: yes).",
				"LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <client-id> [...]]",
				"    Describe the connections.",
				"NO-EVICT (ON|OFF)",
				"    Spare this connection when clients are evicted.",
				"PAUSE <timeout> [WRITE|ALL]",
				"    Hold back all commands, or writes only, for <timeout> milliseconds.",
				"REPLY (ON|OFF|SKIP)",
				"    Choose whether commands of this connection are answered.",
				"SETINFO (LIB-NAME|LIB-VER) <value>",
				"    Tell the client library's name or version.",
				"SETNAME <name>",
				"    Name this connection.",
				"TRACKINGINFO",
				"    Describe this connection's client-side caching.",
				"UNBLOCK <clientid> [TIMEOUT|ERROR]",
				"    Release a client from a blocking command.",
				"UNPAUSE",
				"    End CLIENT PAUSE.",
			),
		},
	}}
}

func clientGetName(ctx *command.Context) {
	if s := ctx.Session.(*Session); s.name != "" {
		ctx.Reply.BulkString(s.name)
		return
	}
	ctx.Reply.Null()
}

func clientSetName(ctx *command.Context) {
	if !ctx.Session.(*Session).setName(ctx.Argv[2]) {
		ctx.Error(errClientName)
		return
	}
	ctx.Reply.OK()
}

func clientSetInfo(ctx *command.Context) {
	s := ctx.Session.(*Session)
	var at *string
	switch {
	case fold(ctx.Argv[2], "LIB-NAME"):
		at = &s.libName
	case fold(ctx.Argv[2], "LIB-VER"):
		at = &s.libVersion
	default:
		ctx.Error("ERR Unrecognized option '" + string(ctx.Argv[2]) + "'")
		return
	}
	if !plainWord(ctx.Argv[3]) {
		ctx.Error("ERR " + strings.ToLower(string(ctx.Argv[2])) + " cannot contain spaces, newlines or special characters.")
		return
	}
	*at = string(ctx.Argv[3])
	ctx.Reply.OK()
}

func clientInfo(ctx *command.Context) {
	s := ctx.Session.(*Session)
	ctx.Reply.Verbatim("txt", string(s.describe(nil)))
}

func clientNoEvict(ctx *command.Context) {
	s := ctx.Session.(*Session)
	switch {
	case fold(ctx.Argv[2], "ON"):
		s.noEvict = true
	case fold(ctx.Argv[2], "OFF"):
		s.noEvict = false
	default:
		ctx.Error(command.ErrSyntax)
		return
	}
	ctx.Reply.OK()
}

func clientReply(ctx *command.Context) {
	s := ctx.Session.(*Session)
	switch {
	case fold(ctx.Argv[2], "ON"):
		s.replies = repliesOn
		ctx.Reply.OK()
	case fold(ctx.Argv[2], "OFF"):
		s.replies = repliesOff
	case fold(ctx.Argv[2], "SKIP"):
		if s.replies != repliesOff {
			s.replies = repliesSkipNext
		}
	default:
		ctx.Error(command.ErrSyntax)
	}
}

func clientTrackingInfo(ctx *command.Context) {
	w := ctx.Reply
	w.MapLen(3)
	w.BulkString("flags")
	w.SetLen(1)
	w.BulkString("off")
	w.BulkString("redirect")
	w.Int(-1)
	w.BulkString("prefixes")
	w.ArrayLen(0)
}

func (e *Engine) clientPause(ctx *command.Context) {
	kind := pauseAll
	if len(ctx.Argv) > 4 {
		subcommandSyntax(ctx)
		return
	}
	if len(ctx.Argv) == 4 {
		switch {
		case fold(ctx.Argv[3], "WRITE"):
			kind = pauseWrite
		case fold(ctx.Argv[3], "ALL"):
		default:
			ctx.Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
			return
		}
	}
	millis, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error("ERR timeout is not an integer or out of range")
		return
	case millis < 0:
		ctx.Error("ERR timeout is negative")
		return
	}
	const most = math.MaxInt64 / int64(time.Millisecond) / 2
	e.pauseClients(pausedByClient, kind, time.Duration(min(millis, most))*time.Millisecond)
	ctx.Reply.OK()
}

func (e *Engine) clientUnpause(ctx *command.Context) {
	e.unpauseClients(pausedByClient)
	ctx.Reply.OK()
}

func (e *Engine) clientUnblock(ctx *command.Context) {
	if len(ctx.Argv) > 4 {
		subcommandSyntax(ctx)
		return
	}
	withError := false
	if len(ctx.Argv) == 4 {
		switch {
		case fold(ctx.Argv[3], "TIMEOUT"):
		case fold(ctx.Argv[3], "ERROR"):
			withError = true
		default:
			ctx.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	}
	id, ok := resp.ParseInt(ctx.Argv[2])
	if !ok {
		ctx.Error(command.ErrNotInteger)
		return
	}
	target := e.sessions[id]
	if target == nil || target.blocked == nil || target.blocked.giveUp == nil {
		ctx.Reply.Int(0)
		return
	}
	if withError {
		target.answer(func() { e.replyError(target, "UNBLOCKED client unblocked via CLIENT UNBLOCK") })
	} else {
		target.answer(target.blocked.giveUp)
	}
	ctx.Reply.Int(1)
}
