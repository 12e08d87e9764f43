// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// What all scripts share must be changed by none of them. The machine has no
// read-only tables, so a shared table is not given away itself: its guard is, an
// empty table whose metatable reads from the shared one and refuses to write.
// The functions that go past metatables (rawset, next and their kin) know
// guards and treat them so.

const errReadOnly = "Attempt to modify a readonly table"

// guard makes the guard of a table, and of all tables that it holds.
func (in *Interpreter) guard(real *lua.LTable) *lua.LTable {
	if g := in.guardOf[real]; g != nil {
		return g
	}
	g := in.state.CreateTable(0, 0)
	in.guards[g], in.guardOf[real] = real, g
	real.ForEach(func(key, v lua.LValue) {
		if t, ok := v.(*lua.LTable); ok && in.guards[t] == nil {
			real.RawSet(key, in.guard(t))
		}
	})
	mt := in.state.CreateTable(0, 3)
	mt.RawSetString("__index", real)
	mt.RawSetString("__newindex", in.state.NewFunction(in.refuseWrite))
	if shown, ok := real.Metatable.(*lua.LTable); ok {
		mt.RawSetString("__metatable", in.guard(shown))
	}
	g.Metatable = mt
	return g
}

func (in *Interpreter) refuseWrite(L *lua.LState) int {
	L.RaiseError(errReadOnly)
	return 0
}

// refuseGuard raises an error where a script is about to change a shared table.
func (in *Interpreter) refuseGuard(L *lua.LState, t *lua.LTable) {
	if in.guards[t] != nil {
		L.Error(lua.LString(errReadOnly), 0)
	}
}

// lockGlobals puts the guard of the globals in their place: all that is run or
// compiled from here on sees them through it.
func (in *Interpreter) lockGlobals() {
	L := in.state
	mt := L.CreateTable(0, 1)
	mt.RawSetString("__index", L.NewFunction(missingGlobal))
	in.globals.Metatable = mt
	guard := in.guard(in.globals)
	in.globals.RawSetString("_G", guard)
	L.G.Global, L.Env = guard, guard

	// Strings find their methods in a metatable that they all share.
	methods := L.CreateTable(0, 2)
	methods.RawSetString("__index", in.globals.RawGetString("string"))
	shown := L.CreateTable(0, 1)
	shown.RawSetString("__index", in.globals.RawGetString("string"))
	methods.RawSetString("__metatable", in.guard(shown))
	L.SetMetatable(lua.LString(""), methods)
}

// missingGlobal is asked for a global that does not exist.
func missingGlobal(L *lua.LState) int {
	name, ok := text(L.Get(2))
	if !ok {
		L.RaiseError("Second argument to luaProtectedTableError must be a string or number")
	}
	L.RaiseError("Script attempted to access nonexistent global variable '%s'", name)
	return 0
}

// unwanted are globals of the machine that scripts do not get.
var unwanted = []string{
	"dofile", "loadfile", "print", "module", "require", "_printregs", "_GOPHER_LUA_VERSION",
}

func (in *Interpreter) baseFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"collectgarbage": in.collectGarbage,
		"error":          raiseError,
		"gcinfo":         in.gcInfo,
		"load":           in.load,
		"loadstring":     in.loadString,
		"next":           in.next,
		"pairs":          in.pairs,
		"pcall":          in.pcall,
		"rawget":         in.rawGet,
		"rawset":         in.rawSet,
		"setfenv":        in.setEnvironment,
		"setmetatable":   in.setMetatable,
		"tonumber":       toNumber,
		"tostring":       toString,
		"unpack":         in.unpack,
	}
}

// raiseError is error: a text begins with the place that the level names, where
// that is in a program.
func raiseError(L *lua.LState) int {
	raised, level := L.Get(1), 1
	if L.Get(2) != lua.LNil {
		level = int(checkInt(L, 2))
	}
	if s, ok := raised.(lua.LString); ok && level > 0 {
		if frame, found := L.GetStack(level); found {
			if _, err := L.GetInfo("Sl", frame, lua.LNil); err == nil && frame.What != "G" {
				raised = lua.LString(fmt.Sprintf("%s:%d: %s", frame.Source, frame.CurrentLine, string(s)))
			}
		}
	}
	L.Error(raised, 0)
	return 0
}

// collectGarbage leaves the work to those who do it anyway.
func (in *Interpreter) collectGarbage(L *lua.LState) int {
	switch option := L.OptString(1, "collect"); option {
	case "count":
		L.Push(lua.LNumber(in.Memory()) / 1024)
	case "collect", "stop", "restart", "step", "setpause", "setstepmul":
		L.Push(lua.LNumber(0))
	default:
		argError(L, 1, "invalid option '"+option+"'")
	}
	return 1
}

func (in *Interpreter) gcInfo(L *lua.LState) int {
	L.Push(lua.LNumber(in.Memory() / 1024))
	return 1
}

func (in *Interpreter) next(L *lua.LState) int {
	key, v := in.checkTable(L, 1).Next(L.Get(2))
	L.Push(key)
	if key == lua.LNil {
		return 1
	}
	L.Push(v)
	return 2
}

func (in *Interpreter) pairs(L *lua.LState) int {
	t, ok := L.Get(1).(*lua.LTable)
	if !ok {
		typeError(L, 1, "table")
	}
	L.Push(in.nextFunction)
	L.Push(t)
	L.Push(lua.LNil)
	return 3
}

func (in *Interpreter) rawGet(L *lua.LState) int {
	L.Push(in.checkTable(L, 1).RawGet(L.CheckAny(2)))
	return 1
}

func (in *Interpreter) rawSet(L *lua.LState) int {
	t := in.checkOwn(L, 1)
	L.RawSet(t, L.CheckAny(2), L.CheckAny(3))
	L.SetTop(1)
	return 1
}

func (in *Interpreter) setMetatable(L *lua.LState) int {
	t := in.checkOwn(L, 1)
	mt := L.Get(2)
	if mt.Type() != lua.LTNil && mt.Type() != lua.LTTable || L.GetTop() < 2 {
		argError(L, 2, "nil or table expected")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	L.SetMetatable(t, mt)
	L.SetTop(1)
	return 1
}

// setEnvironment is setfenv, but not for the globals of all.
func (in *Interpreter) setEnvironment(L *lua.LState) int {
	env, ok := L.Get(2).(*lua.LTable)
	if !ok {
		typeError(L, 2, "table")
	}
	fn, ok := L.Get(1).(*lua.LFunction)
	if !ok {
		level := int(checkInt(L, 1))
		if level < 0 {
			argError(L, 1, "level must be non-negative")
		}
		frame, found := L.GetStack(level)
		if !found {
			argError(L, 1, "invalid level")
		}
		if v, err := L.GetInfo("f", frame, lua.LNil); err == nil {
			fn, _ = v.(*lua.LFunction)
		}
	}
	if fn == nil || fn.IsG {
		L.RaiseError("'setfenv' cannot change environment of given object")
	}
	fn.Env = env
	L.Push(fn)
	return 1
}

// pcall gives errors of commands, which are tables, as their text: what they
// were when there were only texts.
func (in *Interpreter) pcall(L *lua.LState) int {
	if L.GetTop() == 0 {
		argError(L, 1, "value expected")
	}
	if err := L.PCall(L.GetTop()-1, lua.MultRet, nil); err != nil {
		raised := errorValue(err)
		if t, ok := raised.(*lua.LTable); ok {
			if s, ok := text(L.GetField(t, "err")); ok {
				raised = lua.LString(s)
			}
		}
		L.SetTop(0)
		L.Push(lua.LFalse)
		L.Push(raised)
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// errorValue is what an error was raised with.
func errorValue(err error) lua.LValue {
	if raised, ok := err.(*lua.ApiError); ok && raised.Object != nil {
		return raised.Object
	}
	return lua.LString(err.Error())
}

func (in *Interpreter) unpack(L *lua.LState) int {
	t := in.checkTable(L, 1)
	first, last := int32(1), int32(t.Len())
	if L.Get(2) != lua.LNil {
		first = checkInt(L, 2)
	}
	if L.Get(3) != lua.LNil {
		last = checkInt(L, 3)
	}
	if first > last {
		return 0
	}
	n := int64(last) - int64(first) + 1
	if n > maxUnpacked {
		L.RaiseError("too many results to unpack")
	}
	for i := int64(first); i <= int64(last); i++ {
		L.Push(t.RawGet(lua.LNumber(i)))
	}
	return int(n)
}

// maxUnpacked is the most values that a call may return.
const maxUnpacked = 8000
