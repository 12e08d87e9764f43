// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// toString is tostring.
func toString(L *lua.LState) int {
	v := L.CheckAny(1)
	if s, ok := text(v); ok {
		L.Push(lua.LString(s))
	} else {
		L.Push(L.ToStringMeta(v))
	}
	return 1
}

// toNumber is tonumber, with a base as well.
func toNumber(L *lua.LState) int {
	base := int32(10)
	if L.Get(2) != lua.LNil {
		base = checkInt(L, 2)
	}
	if base == 10 {
		if f, ok := number(L.CheckAny(1)); ok {
			L.Push(f)
		} else {
			L.Push(lua.LNil)
		}
		return 1
	}
	if base < 2 || base > 36 {
		argError(L, 2, "base out of range")
	}
	s := strings.Trim(checkString(L, 1), blanks)
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	negative := strings.HasPrefix(s, "-")
	n, err := strconv.ParseUint(strings.TrimLeft(s, "+-"), int(base), 64)
	if err != nil && n != math.MaxUint64 {
		L.Push(lua.LNil)
		return 1
	}
	if negative {
		n = -n
	}
	L.Push(lua.LNumber(n))
	return 1
}

// stringRepeat is string.rep.
func stringRepeat(L *lua.LState) int {
	s, n := checkString(L, 1), int(checkInt(L, 2))
	if n <= 0 {
		s, n = "", 0
	}
	if len(s) != 0 && n > maxString/len(s) {
		tooLong(L)
	}
	L.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// stringDump has nothing to give: programs are not kept as bytes.
func stringDump(L *lua.LState) int {
	L.RaiseError("unable to dump given function")
	return 0
}

// concat joins the values of a chain of .. operators. It stands in rewritten
// programs for the operator.
func concat(L *lua.LState) int {
	n := L.GetTop()
	length := 0
	parts := make([]string, n)
	for i := range parts {
		s, ok := text(L.Get(i + 1))
		if !ok {
			L.Push(concatAny(L, n))
			return 1
		}
		parts[i] = s
		length += len(s)
	}
	if length > maxString {
		tooLong(L)
	}
	L.Push(lua.LString(strings.Join(parts, "")))
	return 1
}

// concatAny joins from the right, as metamethods may have a say.
func concatAny(L *lua.LState, n int) lua.LValue {
	right := L.Get(n)
	for i := n - 1; i > 0; i-- {
		left := L.Get(i)
		a, aOK := text(left)
		b, bOK := text(right)
		if aOK && bOK {
			if len(a)+len(b) > maxString {
				tooLong(L)
			}
			right = lua.LString(a + b)
			continue
		}
		method := L.GetMetaField(left, "__concat")
		if method == lua.LNil {
			method = L.GetMetaField(right, "__concat")
		}
		if method == lua.LNil {
			culprit := left
			if aOK {
				culprit = right
			}
			L.RaiseError("attempt to concatenate a %s value", culprit.Type().String())
		}
		L.Push(method)
		L.Push(left)
		L.Push(right)
		L.Call(2, 1)
		right = L.Get(-1)
		L.Pop(1)
	}
	return right
}

func (in *Interpreter) tableFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"concat":   in.tableConcat,
		"foreach":  in.tableForeach,
		"foreachi": in.tableForeachi,
		"getn":     in.tableLength,
		"insert":   in.guarded("insert"),
		"remove":   in.guarded("remove"),
		"sort":     in.guarded("sort"),
	}
}

// guarded is a function of the table library that changes its table.
func (in *Interpreter) guarded(name string) lua.LGFunction {
	library := in.globals.RawGetString("table").(*lua.LTable)
	fn := library.RawGetString(name).(*lua.LFunction).GFunction
	return func(L *lua.LState) int {
		in.checkOwn(L, 1)
		return fn(L)
	}
}

func (in *Interpreter) tableConcat(L *lua.LState) int {
	t, between := in.checkTable(L, 1), ""
	if L.Get(2) != lua.LNil {
		between = checkString(L, 2)
	}
	first, last := int64(1), int64(t.Len())
	if L.Get(3) != lua.LNil {
		first = int64(checkInt(L, 3))
	}
	if L.Get(4) != lua.LNil {
		last = int64(checkInt(L, 4))
	}
	var b strings.Builder
	for i := first; i <= last; i++ {
		v := t.RawGet(lua.LNumber(i))
		s, ok := text(v)
		if !ok {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type().String(), i)
		}
		if b.Len()+len(s)+len(between) > maxString {
			tooLong(L)
		}
		b.WriteString(s)
		if i < last {
			b.WriteString(between)
		}
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func (in *Interpreter) tableLength(L *lua.LState) int {
	L.Push(lua.LNumber(in.checkTable(L, 1).Len()))
	return 1
}

func (in *Interpreter) tableForeach(L *lua.LState) int {
	t, fn := in.checkTable(L, 1), L.CheckFunction(2)
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		if result := call(L, fn, key, v); result != lua.LNil {
			L.Push(result)
			return 1
		}
	}
	return 0
}

func (in *Interpreter) tableForeachi(L *lua.LState) int {
	t, fn := in.checkTable(L, 1), L.CheckFunction(2)
	for i := range t.Len() {
		if result := call(L, fn, lua.LNumber(i+1), t.RawGetInt(i+1)); result != lua.LNil {
			L.Push(result)
			return 1
		}
	}
	return 0
}

// call calls a function for one result.
func call(L *lua.LState, fn lua.LValue, args ...lua.LValue) lua.LValue {
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(len(args), 1)
	result := L.Get(-1)
	L.Pop(1)
	return result
}
