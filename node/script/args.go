// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	lua "github.com/yuin/gopher-lua"
)

// checkInt reads an argument that is an int in C.
func checkInt(L *lua.LState, n int) int32 { return truncated32(checkNumber(L, n)) }

// checkNumber reads an argument that is a number, or spells one.
func checkNumber(L *lua.LState, n int) lua.LNumber {
	f, ok := number(L.Get(n))
	if !ok {
		typeError(L, n, "number")
	}
	return f
}

// checkString reads an argument that is a string or a number.
func checkString(L *lua.LState, n int) string {
	s, ok := text(L.Get(n))
	if !ok {
		typeError(L, n, "string")
	}
	return s
}

func typeError(L *lua.LState, n int, wanted string) {
	got := "no value"
	if n <= L.GetTop() {
		got = L.Get(n).Type().String()
	}
	argError(L, n, wanted+" expected, got "+got)
}

// argError raises Lua's error about the n-th argument of the running function.
func argError(L *lua.LState, n int, problem string) {
	name := "?"
	if frame, ok := L.GetStack(0); ok {
		if _, err := L.GetInfo("n", frame, lua.LNil); err == nil && frame.Name != "" {
			name = frame.Name
		}
	}
	L.RaiseError("bad argument #%d to '%s' (%s)", n, name, problem)
}

// checkTable reads an argument that is a table; a guard stands for what it guards.
func (in *Interpreter) checkTable(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		typeError(L, n, "table")
	}
	if real := in.guards[t]; real != nil {
		return real
	}
	return t
}

// checkOwn reads an argument that is a table which the script may change.
func (in *Interpreter) checkOwn(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		typeError(L, n, "table")
	}
	in.refuseGuard(L, t)
	return t
}

// tooLong raises an error for a string beyond what a script may make.
func tooLong(L *lua.LState) { L.RaiseError("resulting string too large") }

// maxString is the longest string that one call of a script makes, in bytes:
// that of a reply.
const maxString = 512 << 20
