// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	lua "github.com/yuin/gopher-lua"
)

// Interpreter is a Lua state with the libraries that scripts have.
type Interpreter struct {
	host    Host
	state   *lua.LState
	watch   *watch
	random  *random
	running bool

	globals *lua.LTable                 // the real ones
	guards  map[*lua.LTable]*lua.LTable // guard → what it guards
	guardOf map[*lua.LTable]*lua.LTable

	concatFunction, nextFunction, explainFunction *lua.LFunction

	protocol int // of the running script, see redis.setresp
	replyEnd int // how long the client's replies may become
	source   string
	line     string // where the error at hand was raised

	args  [][]byte // of the command at hand, in bytes
	bytes []byte
}

// New makes an interpreter for EVAL. version is the server's, as in "7.0.15".
func New(host Host, version string) *Interpreter {
	in := newInterpreter(host)
	in.openRedis(in.redisFunctions(), version)
	in.lockGlobals()
	return in
}

// newInterpreter makes an interpreter that has no redis yet.
func newInterpreter(host Host) *Interpreter {
	in := &Interpreter{
		host: host, watch: newWatch(host), random: newRandom(),
		guards:  make(map[*lua.LTable]*lua.LTable),
		guardOf: make(map[*lua.LTable]*lua.LTable),
	}
	in.state = lua.NewState(lua.Options{
		SkipOpenLibs:        true,
		CallStackSize:       maxCalls,
		MinimizeStackMemory: true,
		RegistrySize:        4 << 10,
		RegistryMaxSize:     1 << 20,
		RegistryGrowStep:    4 << 10,
	})
	in.state.SetContext(in.watch)
	in.openLibraries()
	return in
}

// maxCalls is how deep calls may be nested.
const maxCalls = 16 << 10

func (in *Interpreter) openLibraries() {
	L := in.state
	in.globals = L.Get(lua.GlobalsIndex).(*lua.LTable)
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath, lua.OpenCoroutine} {
		L.Push(L.NewFunction(open))
		L.Call(0, 0)
	}
	for _, name := range unwanted {
		in.globals.RawSetString(name, lua.LNil)
	}
	in.concatFunction = L.NewFunction(concat)
	in.explainFunction = L.NewFunction(in.explain)
	in.add("", in.baseFunctions())
	in.nextFunction = in.globals.RawGetString("next").(*lua.LFunction)
	in.add("table", in.tableFunctions())
	in.add("string", map[string]lua.LGFunction{"dump": stringDump, "format": stringFormat, "rep": stringRepeat})
	in.library("string").RawSetString("__index", lua.LNil)
	in.add("math", map[string]lua.LGFunction{"random": in.mathRandom, "randomseed": in.mathRandomSeed})
	in.add("coroutine", in.coroutineFunctions())
	in.add("bit", bitFunctions)
	in.add("struct", structFunctions)
	in.add("cmsgpack", in.messagePackFunctions())
	in.openJSON()
}

// library gives the table of a library, "" for the globals themselves.
func (in *Interpreter) library(name string) *lua.LTable {
	if name == "" {
		return in.globals
	}
	t, ok := in.globals.RawGetString(name).(*lua.LTable)
	if !ok {
		t = in.state.CreateTable(0, 16)
		in.globals.RawSetString(name, t)
	}
	return t
}

func (in *Interpreter) add(library string, functions map[string]lua.LGFunction) {
	t := in.library(library)
	for name, fn := range functions {
		t.RawSetString(name, in.state.NewFunction(fn))
	}
}

// coroutineFunctions make threads that are watched as well.
func (in *Interpreter) coroutineFunctions() map[string]lua.LGFunction {
	library := in.library("coroutine")
	original := func(name string) lua.LGFunction {
		return library.RawGetString(name).(*lua.LFunction).GFunction
	}
	create, resume := original("create"), original("resume")
	start := func(L *lua.LState) *lua.LState {
		create(L)
		thread := L.Get(-1).(*lua.LState)
		thread.SetContext(in.watch)
		return thread
	}
	return map[string]lua.LGFunction{
		"create": func(L *lua.LState) int { start(L); return 1 },
		"wrap": func(L *lua.LState) int {
			L.Push(L.NewClosure(func(L *lua.LState) int { return resumeWrapped(L, resume) }, start(L)))
			return 1
		},
	}
}

// resumeWrapped is what coroutine.wrap returns: errors are raised, not returned.
func resumeWrapped(L *lua.LState, resume lua.LGFunction) int {
	L.Insert(L.Get(lua.UpvalueIndex(1)), 1)
	return resume(L)
}

// Run calls a program and writes what it returns to the reply. A failure has
// written nothing.
func (in *Interpreter) Run(p *Program, c Call) *Failure {
	in.globals.RawSetString("KEYS", in.strings(c.Keys))
	in.globals.RawSetString("ARGV", in.strings(c.Args))
	p.fn.Env = in.guardOf[in.globals]
	return in.run(p.fn, c)
}

// run calls a function with arguments.
func (in *Interpreter) run(fn *lua.LFunction, c Call, args ...lua.LValue) *Failure {
	L := in.state
	in.running, in.protocol = true, 2
	in.source, in.line = "", ""
	in.watch.begin()
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	err := L.PCall(len(args), 1, in.explainFunction)
	in.running = false
	if err != nil {
		L.SetTop(0)
		return in.failure(err)
	}
	failure := in.answer(c.Reply, L.Get(-1))
	L.SetTop(0)
	return failure
}

// strings makes a table of arguments.
func (in *Interpreter) strings(list [][]byte) *lua.LTable {
	t := in.state.CreateTable(len(list), 0)
	for _, b := range list {
		t.Append(lua.LString(b))
	}
	return t
}

// explain is called where an error was raised, to take note of the place.
func (in *Interpreter) explain(L *lua.LState) int {
	in.source, in.line = "", ""
	for level := 1; level <= 2; level++ {
		frame, ok := L.GetStack(level)
		if !ok {
			break
		}
		if _, err := L.GetInfo("Sl", frame, lua.LNil); err == nil && frame.What != "G" {
			in.source, in.line = "@"+frame.Source, lua.LNumber(frame.CurrentLine).String()
			break
		}
	}
	L.Push(L.Get(1))
	return 1
}

// failure makes the answer of an error.
func (in *Interpreter) failure(err error) *Failure {
	f := &Failure{Source: in.source, Line: in.line}
	switch raised := errorValue(err).(type) {
	case *lua.LTable:
		message, ok := text(raised.RawGetString("err"))
		if !ok {
			message = "ERR the script raised a table without a field err"
		}
		f.Text = message
		f.Counted = raised.RawGetString(countedField) == lua.LTrue
	default:
		s, ok := text(raised)
		if !ok {
			s = raised.String()
		}
		f.Text = "ERR " + s
	}
	if in.watch.over != nil {
		f.Text, f.Counted = in.watch.why, false
	}
	return f
}

// countedField marks errors that came from commands, which count their own.
const countedField = "ignore_error_stats_update"

// errorTable is an error as scripts see it: code first.
func (in *Interpreter) errorTable(message string, counted bool) *lua.LTable {
	t := in.state.CreateTable(0, 2)
	t.RawSetString("err", lua.LString(message))
	if counted {
		t.RawSetString(countedField, lua.LTrue)
	}
	return t
}

// raise raises an error of the redis library.
func (in *Interpreter) raise(L *lua.LState, message string) {
	L.Error(in.errorTable("ERR "+message, false), 0)
}

// onlyRunning raises an error outside of scripts: while a library is loaded.
func (in *Interpreter) onlyRunning(L *lua.LState, message string) {
	if !in.running {
		in.raise(L, message)
	}
}

// Memory is about how much the interpreter itself occupies, in bytes.
func (in *Interpreter) Memory() int {
	const fixed = 48 << 10
	return fixed + 16*(4<<10)
}
