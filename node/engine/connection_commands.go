// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/resp"
)

// Redis's texts about who a client is and what it may call itself.
const (
	errWrongPass  = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPassword = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errHelloNoAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
		"AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	errClientName = "ERR Client names cannot contain spaces, newlines or special characters."
)

// defaultUser is the only user there is; requirepass is its password.
const defaultUser = "default"

func (e *Engine) connectionCommands() []command.Spec {
	const (
		group = "connection"
		cat   = command.CatConnection
		first = command.NoScript | command.Loading | command.Stale | command.Fast | command.NoAuth | command.AllowBusy | command.Unquarantine
		plain = command.Loading | command.Stale | command.Fast
	)
	return []command.Spec{
		{Name: "auth", Arity: -2, Flags: first, Categories: cat, Group: group, Since: "1.0.0",
			Summary: "Authenticate the connection", Complexity: "O(1)", Handler: e.auth},
		{Name: "echo", Arity: 2, Flags: plain, Categories: cat, Group: group, Since: "1.0.0",
			Summary: "Return the given string", Complexity: "O(1)",
			Handler: func(ctx *command.Context) { ctx.Reply.Bulk(ctx.Argv[1]) }},
		{Name: "hello", Arity: -1, Flags: first, Categories: cat, Group: group, Since: "6.0.0",
			Summary: "Choose the protocol, and authenticate", Complexity: "O(1)", Handler: e.hello},
		{Name: "ping", Arity: -1, Flags: command.Fast | command.Unquarantine, Categories: cat, Group: group, Since: "1.0.0",
			Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Summary: "Ask for a sign of life", Complexity: "O(1)", Handler: ping},
		{Name: "quit", Arity: -1, Flags: first, Categories: cat, Group: group, Since: "1.0.0",
			Summary: "Close the connection", Complexity: "O(1)", Handler: quit},
		{Name: "reset", Arity: 1, Flags: first, Categories: cat, Group: group, Since: "6.2.0",
			Summary: "Put the connection back into the state of a new one", Complexity: "O(1)", Handler: e.reset},
		{Name: "select", Arity: 2, Flags: plain, Categories: cat, Group: group, Since: "1.0.0",
			Summary: "Select a database for the connection", Complexity: "O(1)", Handler: e.selectCommand},
	}
}

func ping(ctx *command.Context) {
	switch len(ctx.Argv) {
	case 1:
		ctx.Reply.Simple("PONG")
	case 2:
		ctx.Reply.Bulk(ctx.Argv[1])
	default:
		ctx.Error("ERR wrong number of arguments for 'ping' command")
	}
}

func quit(ctx *command.Context) {
	ctx.Reply.OK()
	ctx.Session.(*Session).closing = true
}

func (e *Engine) selectCommand(ctx *command.Context) {
	index, ok := resp.ParseInt(ctx.Argv[1])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
	case index < 0 || index >= int64(e.cfg.Databases):
		ctx.Error(command.ErrDBIndex)
	default:
		ctx.Session.(*Session).selectDB(int(index))
		ctx.Reply.OK()
	}
}

// authenticate checks a password in a time that tells nothing of it. Without a
// password configured the default user takes any.
func (e *Engine) authenticate(s *Session, user, password []byte) bool {
	if string(user) != defaultUser || e.cfg.RequirePass != "" && !samePassword(password, e.cfg.RequirePass) {
		return false
	}
	s.authenticated, s.user = true, defaultUser
	return true
}

// samePassword compares digests, so that not even the length shows.
func samePassword(given []byte, want string) bool {
	a, b := sha256.Sum256(given), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// requirePassChanged lets everybody in when the password is taken away; who
// was in before there was one stays in, as with Redis.
func (e *Engine) requirePassChanged(c *config.Config) error {
	if c.RequirePass == "" {
		for _, s := range e.sessions {
			s.authenticated = true
		}
	}
	return nil
}

func (e *Engine) auth(ctx *command.Context) {
	s := ctx.Session.(*Session)
	user, password := []byte(defaultUser), ctx.Argv[1]
	switch len(ctx.Argv) {
	case 2:
		if e.cfg.RequirePass == "" {
			ctx.Error(errNoPassword)
			return
		}
	case 3:
		user, password = ctx.Argv[1], ctx.Argv[2]
	default:
		ctx.Error(command.ErrSyntax)
		return
	}
	if !e.authenticate(s, user, password) {
		ctx.Error(errWrongPass)
		return
	}
	ctx.Reply.OK()
}

func (e *Engine) hello(ctx *command.Context) {
	s := ctx.Session.(*Session)
	version := int64(0)
	if len(ctx.Argv) > 1 {
		var ok bool
		if version, ok = resp.ParseInt(ctx.Argv[1]); !ok {
			ctx.Error("ERR Protocol version is not an integer or out of range")
			return
		}
		if version < 2 || version > 3 {
			ctx.Error("NOPROTO unsupported protocol version")
			return
		}
		if text := e.helloOptions(s, ctx.Argv[2:]); text != "" {
			ctx.Error(text)
			return
		}
	}
	if !s.authenticated {
		ctx.Error(errHelloNoAuth)
		return
	}
	if version != 0 {
		s.reply.SetProtocol(int(version))
	}
	e.greet(ctx, s)
}

// helloOptions obeys AUTH and SETNAME; the text is the error, if any.
func (e *Engine) helloOptions(s *Session, args [][]byte) string {
	for len(args) > 0 {
		switch {
		case fold(args[0], "AUTH") && len(args) > 2:
			if !e.authenticate(s, args[1], args[2]) {
				return errWrongPass
			}
			args = args[3:]
		case fold(args[0], "SETNAME") && len(args) > 1:
			if !s.setName(args[1]) {
				return errClientName
			}
			args = args[2:]
		default:
			return "ERR Syntax error in HELLO option '" + string(args[0]) + "'"
		}
	}
	return ""
}

func (e *Engine) greet(ctx *command.Context, s *Session) {
	w := ctx.Reply
	role := "master"
	if e.replication.isReplica() {
		role = "replica"
	}
	w.MapLen(7)
	w.BulkString("server")
	w.BulkString("redis")
	w.BulkString("version")
	w.BulkString(config.RedisVersion)
	w.BulkString("proto")
	w.Int(int64(w.Protocol()))
	w.BulkString("id")
	w.Int(s.id)
	w.BulkString("mode")
	w.BulkString("standalone")
	w.BulkString("role")
	w.BulkString(role)
	w.BulkString("modules")
	w.ArrayLen(0)
}

func (e *Engine) reset(ctx *command.Context) {
	s := ctx.Session.(*Session)
	if s.downstream != nil || s.fromMaster {
		ctx.Error("ERR can only reset normal client connections")
		return
	}
	s.discardTransaction()
	s.selectDB(0)
	s.reply.SetProtocol(2)
	s.replies = repliesOn
	s.name = ""
	s.user, s.authenticated = defaultUser, e.cfg.RequirePass == ""
	e.stopMonitoring(s)
	ctx.Reply.Simple("RESET")
}

// setName takes printable ASCII without blanks, so that CLIENT LIST can be
// split at its blanks; an empty name takes the name away.
func (s *Session) setName(name []byte) bool {
	if !plainWord(name) {
		return false
	}
	s.name = string(name)
	return true
}

func plainWord(text []byte) bool {
	for _, c := range text {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}
