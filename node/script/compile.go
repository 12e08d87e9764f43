// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// Program is a compiled script.
type Program struct{ fn *lua.LFunction }

// Compile reads a program. name is what errors call it.
func (in *Interpreter) Compile(name, source string) (*Program, error) {
	fn, err := in.compile(in.state, name, source)
	if err != nil {
		return nil, err
	}
	return &Program{fn}, nil
}

func (in *Interpreter) compile(L *lua.LState, name, source string) (fn *lua.LFunction, err error) {
	defer func() {
		if r := recover(); r != nil {
			fn, err = nil, fmt.Errorf("%s: the program can't be compiled: %v", name, r)
		}
	}()
	if strings.HasPrefix(source, lua51Bytecode) {
		return nil, errors.New(name + ": bytecode is not accepted")
	}
	chunk, err := parse.Parse(strings.NewReader(source), name)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	var r rewriter
	r.stmts(chunk)
	if r.deepest > maxNesting {
		return nil, errors.New(name + ": chunk has too many syntax levels")
	}
	if r.concats {
		chunk = wrap(chunk)
	}
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return nil, compileError(name, err)
	}
	fn = L.NewFunctionFromProto(proto)
	if !r.concats {
		return fn, nil
	}
	L.Push(fn)
	L.Push(in.concatFunction)
	if err := L.PCall(1, 1, nil); err != nil {
		return nil, err
	}
	fn = L.Get(-1).(*lua.LFunction)
	L.Pop(1)
	return fn, nil
}

const lua51Bytecode = "\x1bLua"

// syntaxError says what the parser found in Lua's form.
func syntaxError(name string, err error) error {
	var e *parse.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", name, err)
	}
	message := strings.TrimSpace(e.Message)
	if e.Pos.Line == parse.EOF {
		return fmt.Errorf("%s:?: %s near '<eof>'", name, message)
	}
	return fmt.Errorf("%s:%d: %s near '%s'", name, e.Pos.Line, message, e.Token)
}

func compileError(name string, err error) error {
	var e *lua.CompileError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s:%d: %s", name, e.Line, e.Message)
}

// loadString is loadstring.
func (in *Interpreter) loadString(L *lua.LState) int {
	source := checkString(L, 1)
	name := source
	if L.Get(2) != lua.LNil {
		name = checkString(L, 2)
	}
	return in.loaded(L, source, name)
}

// load compiles the pieces that a function gives.
func (in *Interpreter) load(L *lua.LState) int {
	fn, name := L.CheckFunction(1), "=(load)"
	if L.Get(2) != lua.LNil {
		name = checkString(L, 2)
	}
	var b strings.Builder
	for {
		piece := call(L, fn)
		if piece == lua.LNil {
			break
		}
		s, ok := text(piece)
		if !ok {
			L.Push(lua.LNil)
			L.Push(lua.LString("reader function must return a string"))
			return 2
		}
		if s == "" {
			break
		}
		if b.Len()+len(s) > maxString {
			tooLong(L)
		}
		b.WriteString(s)
	}
	return in.loaded(L, b.String(), name)
}

func (in *Interpreter) loaded(L *lua.LState, source, name string) int {
	fn, err := in.compile(L, chunkName(name), source)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	L.Push(fn)
	return 1
}

// chunkName is how errors show the name of a chunk, or its source where it has
// none.
func chunkName(name string) string {
	const most = 60
	if name != "" && (name[0] == '@' || name[0] == '=') {
		return name[1:min(len(name), most)]
	}
	line, _, more := strings.Cut(name, "\n")
	if cut := most - len(`[string "..."]`) - 1; len(line) > cut {
		line, more = line[:cut], true
	}
	if more {
		line += "..."
	}
	return `[string "` + line + `"]`
}
