// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// The library cjson: https://www.kyne.com.au/~mark/software/lua-cjson-manual.html.
// Its settings are the interpreter's, as with Redis: they outlive a script.

type jsonSettings struct {
	sparseConvert           bool
	sparseRatio, sparseSafe int
	encodeDepth             int
	decodeDepth             int
	precision               int
	keepBuffer              bool
	encodeInvalid           invalidNumbers
	decodeInvalid           bool
	null                    *lua.LUserData
}

// invalidNumbers is what becomes of NaN and infinity.
type invalidNumbers int

const (
	invalidRefused invalidNumbers = iota
	invalidAsTheyAre
	invalidNull
)

func (in *Interpreter) openJSON() {
	L := in.state
	in.library("cjson").RawSetString("null", L.NewUserData())
	in.fillJSON(in.library("cjson"))
}

// fillJSON makes a table the library, with settings of its own.
func (in *Interpreter) fillJSON(t *lua.LTable) {
	L := in.state
	null, _ := in.library("cjson").RawGetString("null").(*lua.LUserData)
	if real := in.guards[in.library("cjson")]; real != nil {
		null, _ = real.RawGetString("null").(*lua.LUserData)
	}
	s := &jsonSettings{
		sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000,
		precision: 14, keepBuffer: true, decodeInvalid: true, null: null,
	}
	for name, fn := range map[string]lua.LGFunction{
		"encode":                  func(L *lua.LState) int { return in.jsonEncode(L, s) },
		"decode":                  func(L *lua.LState) int { return jsonDecode(L, s) },
		"encode_sparse_array":     s.setSparse,
		"encode_max_depth":        func(L *lua.LState) int { return setInt(L, 1, &s.encodeDepth, 1, math.MaxInt32) },
		"decode_max_depth":        func(L *lua.LState) int { return setInt(L, 1, &s.decodeDepth, 1, math.MaxInt32) },
		"encode_number_precision": func(L *lua.LState) int { return setInt(L, 1, &s.precision, 1, 14) },
		"encode_keep_buffer":      func(L *lua.LState) int { return setBool(L, 1, &s.keepBuffer) },
		"encode_invalid_numbers":  s.setEncodeInvalid,
		"decode_invalid_numbers":  func(L *lua.LState) int { return setBool(L, 1, &s.decodeInvalid) },
		"new": func(L *lua.LState) int {
			t := L.CreateTable(0, 16)
			in.fillJSON(t)
			L.Push(t)
			return 1
		},
	} {
		t.RawSetString(name, L.NewFunction(fn))
	}
	t.RawSetString("null", s.null)
	t.RawSetString("_NAME", lua.LString("cjson"))
	t.RawSetString("_VERSION", lua.LString("2.1.0"))
}

// setInt changes a setting where an argument is given, and returns it.
func setInt(L *lua.LState, n int, setting *int, low, high int) int {
	if L.GetTop() > 10 {
		argError(L, 10, "found too many arguments")
	}
	if L.Get(n) != lua.LNil {
		v := int(truncated(checkNumber(L, n)))
		if v < low || v > high {
			argError(L, n, "expected integer between "+strconv.Itoa(low)+" and "+strconv.Itoa(high))
		}
		*setting = v
	}
	L.Push(lua.LNumber(*setting))
	return 1
}

func setBool(L *lua.LState, n int, setting *bool) int {
	switch v := L.Get(n).(type) {
	case lua.LBool:
		*setting = bool(v)
	case lua.LString:
		if v != "on" && v != "off" {
			argError(L, n, "invalid option '"+string(v)+"'")
		}
		*setting = v == "on"
	default:
		if v != lua.LNil {
			argError(L, n, "string expected, got "+v.Type().String())
		}
	}
	L.Push(lua.LBool(*setting))
	return 1
}

func (s *jsonSettings) setSparse(L *lua.LState) int {
	if L.GetTop() > 3 {
		argError(L, 4, "found too many arguments")
	}
	return setBool(L, 1, &s.sparseConvert) +
		setInt(L, 2, &s.sparseRatio, 0, math.MaxInt32) +
		setInt(L, 3, &s.sparseSafe, 0, math.MaxInt32)
}

func (s *jsonSettings) setEncodeInvalid(L *lua.LState) int {
	names := [...]string{"off", "on", "null"}
	switch v := L.Get(1).(type) {
	case lua.LBool:
		s.encodeInvalid = invalidRefused
		if v {
			s.encodeInvalid = invalidAsTheyAre
		}
	case lua.LString:
		found := false
		for i, name := range names {
			if string(v) == name {
				s.encodeInvalid, found = invalidNumbers(i), true
			}
		}
		if !found {
			argError(L, 1, "invalid option '"+string(v)+"'")
		}
	}
	if s.encodeInvalid == invalidNull {
		L.Push(lua.LString("null"))
	} else {
		L.Push(lua.LBool(s.encodeInvalid == invalidAsTheyAre))
	}
	return 1
}

func (in *Interpreter) jsonEncode(L *lua.LState, s *jsonSettings) int {
	if L.GetTop() != 1 {
		argError(L, 1, "expected 1 argument")
	}
	e := jsonEncoder{in: in, L: L, s: s}
	e.value(L.Get(1), 0)
	L.Push(lua.LString(e.out))
	return 1
}

// jsonEncoder appends values as JSON; it raises what it can't.
type jsonEncoder struct {
	in  *Interpreter
	L   *lua.LState
	s   *jsonSettings
	out []byte
}

func (e *jsonEncoder) refuse(v lua.LValue, why string) {
	e.L.RaiseError("Cannot serialise %s: %s", v.Type().String(), why)
}

func (e *jsonEncoder) value(v lua.LValue, depth int) {
	if len(e.out) > maxString {
		tooLong(e.L)
	}
	switch v := v.(type) {
	case lua.LString:
		e.string(string(v))
	case lua.LNumber:
		e.number(v)
	case lua.LBool:
		e.out = strconv.AppendBool(e.out, bool(v))
	case *lua.LTable:
		if real := e.in.guards[v]; real != nil {
			v = real
		}
		e.table(v, depth+1)
	default:
		if v != lua.LNil && v != lua.LValue(e.s.null) {
			e.refuse(v, "type not supported")
		}
		e.out = append(e.out, "null"...)
	}
}

func (e *jsonEncoder) table(t *lua.LTable, depth int) {
	if depth > min(e.s.encodeDepth, maxJSONDepth) {
		e.L.RaiseError("Cannot serialise, excessive nesting (%d)", depth)
	}
	if n := e.arrayLength(t); n > 0 {
		e.out = append(e.out, '[')
		for i := 1; i <= n; i++ {
			if i > 1 {
				e.out = append(e.out, ',')
			}
			e.value(t.RawGet(lua.LNumber(i)), depth)
		}
		e.out = append(e.out, ']')
		return
	}
	e.out = append(e.out, '{')
	first := true
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		if !first {
			e.out = append(e.out, ',')
		}
		first = false
		switch k := key.(type) {
		case lua.LNumber:
			e.out = append(e.out, '"')
			e.number(k)
			e.out = append(e.out, '"')
		case lua.LString:
			e.string(string(k))
		default:
			e.refuse(key, "table key must be a number or string")
		}
		e.out = append(e.out, ':')
		e.value(v, depth)
	}
	e.out = append(e.out, '}')
}

// maxJSONDepth is what Lua's stack has room for, whatever the settings say.
const maxJSONDepth = 2600

// arrayLength is the highest index of an array, -1 where the table is none.
func (e *jsonEncoder) arrayLength(t *lua.LTable) int {
	highest, items := 0, 0
	for key, _ := t.Next(lua.LNil); key != lua.LNil; key, _ = t.Next(key) {
		k, ok := key.(lua.LNumber)
		if !ok || float64(k) != math.Floor(float64(k)) || k < 1 {
			return -1
		}
		highest = max(highest, int(min(k, math.MaxInt32)))
		items++
	}
	if e.s.sparseRatio > 0 && highest > items*e.s.sparseRatio && highest > e.s.sparseSafe {
		if !e.s.sparseConvert {
			e.refuse(t, "excessively sparse array")
		}
		return -1
	}
	return highest
}

func (e *jsonEncoder) number(n lua.LNumber) {
	if f := float64(n); math.IsInf(f, 0) || math.IsNaN(f) {
		switch e.s.encodeInvalid {
		case invalidRefused:
			e.refuse(n, "must not be NaN or Inf")
		case invalidNull:
			e.out = append(e.out, "null"...)
			return
		default:
			if math.IsNaN(f) {
				e.out = append(e.out, "nan"...)
				return
			}
		}
	}
	e.out = appendG(e.out, float64(n), e.s.precision)
}

func (e *jsonEncoder) string(s string) {
	const hex = "0123456789abcdef"
	e.out = append(e.out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '/':
			e.out = append(e.out, '\\', c)
		case c == '\b':
			e.out = append(e.out, '\\', 'b')
		case c == '\t':
			e.out = append(e.out, '\\', 't')
		case c == '\n':
			e.out = append(e.out, '\\', 'n')
		case c == '\f':
			e.out = append(e.out, '\\', 'f')
		case c == '\r':
			e.out = append(e.out, '\\', 'r')
		case c < ' ' || c == 0x7f:
			e.out = append(e.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			e.out = append(e.out, c)
		}
	}
	e.out = append(e.out, '"')
}
