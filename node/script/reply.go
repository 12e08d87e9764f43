// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"bytes"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/espalier-io/espalier/node/resp"
)

// value makes a value of a reply in the protocol, of either version, and gives
// what follows it. Replies come from the server itself and are well formed.
func (in *Interpreter) value(p []byte) (v lua.LValue, rest []byte) {
	kind := p[0]
	end := bytes.IndexByte(p, '\r')
	head := p[1:end]
	rest = p[end+2:]
	switch kind {
	case ':':
		n, _ := strconv.ParseInt(string(head), 10, 64)
		return lua.LNumber(n), rest
	case '$', '=':
		n := length(head)
		if n < 0 {
			return lua.LFalse, rest
		}
		s := string(rest[:n])
		rest = rest[n+2:]
		if kind == '=' {
			return in.named("verbatim_string", in.verbatim(s)), rest
		}
		return lua.LString(s), rest
	case '+':
		return in.named("ok", lua.LString(head)), rest
	case '-':
		return in.errorTable(codedError(string(head)), true), rest
	case '*', '>':
		return in.array(length(head), rest)
	case '%':
		return in.mapping(length(head), rest)
	case '~':
		return in.set(length(head), rest)
	case '|':
		for range 2 * length(head) {
			_, rest = in.value(rest)
		}
		return in.value(rest)
	case '#':
		return lua.LBool(head[0] == 't'), rest
	case ',':
		f, _ := parseNumber(string(head))
		return in.named("double", f), rest
	case '(':
		return in.named("big_number", lua.LString(head)), rest
	}
	return lua.LNil, rest // '_'
}

func length(digits []byte) int {
	n, _ := strconv.Atoi(string(digits))
	return n
}

func (in *Interpreter) named(name string, v lua.LValue) *lua.LTable {
	t := in.state.CreateTable(0, 1)
	t.RawSetString(name, v)
	return t
}

func (in *Interpreter) verbatim(s string) *lua.LTable {
	t := in.state.CreateTable(0, 2)
	t.RawSetString("format", lua.LString(s[:3]))
	t.RawSetString("string", lua.LString(s[4:]))
	return t
}

func (in *Interpreter) array(n int, p []byte) (lua.LValue, []byte) {
	if n < 0 {
		return lua.LFalse, p
	}
	t := in.state.CreateTable(n, 0)
	for i := 1; i <= n; i++ {
		var v lua.LValue
		if v, p = in.value(p); v != lua.LNil {
			t.RawSetInt(i, v)
		}
	}
	return t, p
}

func (in *Interpreter) mapping(n int, p []byte) (lua.LValue, []byte) {
	t := in.state.CreateTable(0, n)
	for range n {
		var key, v lua.LValue
		key, p = in.value(p)
		v, p = in.value(p)
		if key != lua.LNil {
			t.RawSet(key, v)
		}
	}
	return in.named("map", t), p
}

func (in *Interpreter) set(n int, p []byte) (lua.LValue, []byte) {
	t := in.state.CreateTable(0, n)
	for range n {
		var key lua.LValue
		if key, p = in.value(p); key != lua.LNil {
			t.RawSet(key, lua.LTrue)
		}
	}
	return in.named("set", t), p
}

// maxReplyDepth is how deep tables may be nested that become a reply: Lua's
// stack has no room for more.
const maxReplyDepth = 7990

// answer makes the client's reply of what a script returned. A table that holds
// itself more than once would make one without end.
func (in *Interpreter) answer(w *resp.Writer, v lua.LValue) *Failure {
	start := w.Len()
	in.replyEnd = start + maxString
	in.reply(w, v, 0)
	if w.Len() <= in.replyEnd {
		return nil
	}
	w.Truncate(start)
	return &Failure{Text: "ERR the script's reply is too long"}
}

// reply appends the reply of a value.
func (in *Interpreter) reply(w *resp.Writer, v lua.LValue, depth int) {
	if w.Len() > in.replyEnd {
		return
	}
	if depth > maxReplyDepth {
		in.host.CountError("ERR reached lua stack limit")
		w.Error("ERR reached lua stack limit")
		return
	}
	switch v := v.(type) {
	case lua.LString:
		w.BulkString(string(v))
	case lua.LNumber:
		w.Int(truncated(v))
	case lua.LBool:
		switch {
		case in.protocol == 3:
			w.Bool(bool(v))
		case bool(v):
			w.Int(1)
		default:
			w.Null()
		}
	case *lua.LTable:
		if real := in.guards[v]; real != nil {
			v = real
		}
		in.tableReply(w, v, depth)
	default:
		w.Null()
	}
}

// tableReply is a table as a reply: by its fields an error, a status or one of
// protocol 3's kinds, otherwise an array up to the first nil.
func (in *Interpreter) tableReply(w *resp.Writer, t *lua.LTable, depth int) {
	if message, ok := text(t.RawGetString("err")); ok && t.RawGetString("err").Type() == lua.LTString {
		if t.RawGetString(countedField) != lua.LTrue {
			in.host.CountError(message)
		}
		w.Error(message)
		return
	}
	if status, ok := t.RawGetString("ok").(lua.LString); ok {
		w.Simple(unbroken(string(status)))
		return
	}
	if f, ok := t.RawGetString("double").(lua.LNumber); ok {
		w.Double(float64(f))
		return
	}
	if digits, ok := t.RawGetString("big_number").(lua.LString); ok {
		bigNumber(w, unbroken(string(digits)))
		return
	}
	if verbatim, ok := t.RawGetString("verbatim_string").(*lua.LTable); ok {
		format, formatOK := verbatim.RawGetString("format").(lua.LString)
		s, textOK := verbatim.RawGetString("string").(lua.LString)
		if formatOK && textOK {
			w.Verbatim((string(format) + "   ")[:3], string(s))
			return
		}
	}
	if m, ok := t.RawGetString("map").(*lua.LTable); ok {
		in.mapReply(w, m, depth)
		return
	}
	if s, ok := t.RawGetString("set").(*lua.LTable); ok {
		in.setReply(w, s, depth)
		return
	}
	n := 0
	for t.RawGet(lua.LNumber(n+1)) != lua.LNil {
		n++
	}
	w.ArrayLen(n)
	for i := 1; i <= n; i++ {
		in.reply(w, t.RawGet(lua.LNumber(i)), depth+1)
	}
}

func (in *Interpreter) mapReply(w *resp.Writer, m *lua.LTable, depth int) {
	place, n := w.Defer(), 0
	for key, v := m.Next(lua.LNil); key != lua.LNil; key, v = m.Next(key) {
		in.reply(w, key, depth+1)
		in.reply(w, v, depth+1)
		n++
	}
	w.SetMapLen(place, n)
}

func (in *Interpreter) setReply(w *resp.Writer, s *lua.LTable, depth int) {
	place, n := w.Defer(), 0
	for key, _ := s.Next(lua.LNil); key != lua.LNil; key, _ = s.Next(key) {
		in.reply(w, key, depth+1)
		n++
	}
	w.SetSetLen(place, n)
}

// unbroken takes line ends out of what stands on one line of the protocol.
func unbroken(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

// bigNumber appends digits, whatever they are, as a big number.
func bigNumber(w *resp.Writer, digits string) {
	if w.Protocol() == 2 {
		w.BulkString(digits)
		return
	}
	w.RawString("(" + digits + "\r\n")
}
