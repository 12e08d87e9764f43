// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/binary"
	"errors"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// The library cmsgpack: https://github.com/msgpack/msgpack/blob/master/spec.md,
// without its binary and extension types.

func (in *Interpreter) messagePackFunctions() map[string]lua.LGFunction {
	t := in.library("cmsgpack")
	for name, text := range map[string]string{
		"_NAME": "cmsgpack", "_VERSION": "lua-cmsgpack 0.4.0",
		"_DESCRIPTION": "MessagePack C implementation for Lua",
	} {
		t.RawSetString(name, lua.LString(text))
	}
	return map[string]lua.LGFunction{
		"pack":         in.pack,
		"unpack":       func(L *lua.LState) int { return unpackMessages(L, 0, 0) },
		"unpack_one":   unpackOne,
		"unpack_limit": unpackLimit,
	}
}

// maxPackNesting is how deep tables are packed; deeper ones become nil, so that
// one that holds itself comes to an end.
const maxPackNesting = 16

func (in *Interpreter) pack(L *lua.LState) int {
	if L.GetTop() == 0 {
		argError(L, 0, "MessagePack pack needs input.")
	}
	var out []byte
	for i := 1; i <= L.GetTop(); i++ {
		out = in.appendPacked(L, out, L.Get(i), 0)
	}
	L.Push(lua.LString(out))
	return 1
}

func (in *Interpreter) appendPacked(L *lua.LState, out []byte, v lua.LValue, level int) []byte {
	if len(out) > maxString {
		tooLong(L)
	}
	switch v := v.(type) {
	case lua.LString:
		return appendPackedString(out, string(v))
	case lua.LBool:
		if v {
			return append(out, 0xc3)
		}
		return append(out, 0xc2)
	case lua.LNumber:
		if f := float64(v); f >= -(1<<63) && f < 1<<63 && float64(int64(f)) == f {
			return appendPackedInt(out, int64(f))
		}
		return appendPackedFloat(out, float64(v))
	case *lua.LTable:
		if level == maxPackNesting {
			break
		}
		if real := in.guards[v]; real != nil {
			v = real
		}
		return in.appendPackedTable(L, out, v, level)
	}
	return append(out, 0xc0)
}

func (in *Interpreter) appendPackedTable(L *lua.LState, out []byte, t *lua.LTable, level int) []byte {
	count, largest, array := 0, 0.0, true
	t.ForEach(func(key, _ lua.LValue) {
		count++
		n, ok := key.(lua.LNumber)
		array = array && ok && n > 0 && lua.LNumber(int32(n)) == n
		largest = max(largest, float64(n))
	})
	if array && largest == float64(count) {
		out = appendHead(out, 0x90, 0xdc, count)
		for i := 1; i <= count; i++ {
			out = in.appendPacked(L, out, t.RawGet(lua.LNumber(i)), level+1)
		}
		return out
	}
	out = appendHead(out, 0x80, 0xde, count)
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		out = in.appendPacked(L, out, key, level+1)
		out = in.appendPacked(L, out, v, level+1)
	}
	return out
}

// appendHead begins an array or a map.
func appendHead(out []byte, small, large byte, n int) []byte {
	switch {
	case n <= 15:
		return append(out, small|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(out, large), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(out, large+1), uint32(n))
}

func appendPackedString(out []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		out = append(out, 0xa0|byte(n))
	case n <= math.MaxUint8:
		out = append(out, 0xd9, byte(n))
	case n <= math.MaxUint16:
		out = binary.BigEndian.AppendUint16(append(out, 0xda), uint16(n))
	default:
		out = binary.BigEndian.AppendUint32(append(out, 0xdb), uint32(n))
	}
	return append(out, s...)
}

func appendPackedInt(out []byte, n int64) []byte {
	switch {
	case n >= -32 && n <= 127:
		return append(out, byte(n))
	case n >= 0 && n <= math.MaxUint8:
		return append(out, 0xcc, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(out, 0xcd), uint16(n))
	case n >= 0 && n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(out, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(out, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(out, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(out, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(out, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(out, 0xd3), uint64(n))
}

func appendPackedFloat(out []byte, f float64) []byte {
	if short := float32(f); float64(short) == f {
		return binary.BigEndian.AppendUint32(append(out, 0xca), math.Float32bits(short))
	}
	return binary.BigEndian.AppendUint64(append(out, 0xcb), math.Float64bits(f))
}

// Why bytes can't be unpacked.
var (
	errMissingBytes = errors.New("Missing bytes in input.")
	errBadFormat    = errors.New("Bad data format in input.")
	errNestedPack   = errors.New("stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)")
)

func unpackOne(L *lua.LState) int {
	offset := optionalInt(L, 2)
	L.SetTop(1)
	return unpackMessages(L, 1, offset)
}

func unpackLimit(L *lua.LState) int {
	limit, offset := truncated(checkNumber(L, 2)), optionalInt(L, 3)
	L.SetTop(1)
	return unpackMessages(L, limit, offset)
}

func optionalInt(L *lua.LState, n int) int64 {
	if L.Get(n) == lua.LNil {
		return 0
	}
	return truncated(checkNumber(L, n))
}

// unpackMessages gives the values from an offset on, as many as the limit says,
// after the offset of the next one, -1 for none. Limit and offset 0 mean all, and
// no offset.
func unpackMessages(L *lua.LState, limit, offset int64) int {
	s := checkString(L, 1)
	all := limit == 0 && offset == 0
	switch {
	case offset < 0 || limit < 0:
		L.RaiseError("Invalid request to unpack with offset of %d and limit of %d.", offset, len(s))
	case offset > int64(len(s)):
		L.RaiseError("Start offset %d greater than input length %d.", offset, len(s))
	case all:
		limit = math.MaxInt32
	}
	u := unpacker{L: L, p: []byte(s[offset:])}
	var values []lua.LValue
	for int64(len(values)) < limit && len(u.p) > 0 {
		if len(values) >= maxUnpacked {
			L.RaiseError("%s", errNestedPack.Error())
		}
		v, err := u.value(0)
		if err != nil {
			L.RaiseError("%s", err.Error())
		}
		values = append(values, v)
	}
	if !all {
		next := lua.LNumber(-1)
		if len(u.p) > 0 {
			next = lua.LNumber(len(s) - len(u.p))
		}
		L.Push(next)
	}
	for _, v := range values {
		L.Push(v)
	}
	if all {
		return len(values)
	}
	return len(values) + 1
}

// unpacker reads packed values. What it allocates is bounded by what it has read.
type unpacker struct {
	L *lua.LState
	p []byte // what is left
}

func (u *unpacker) take(n int) ([]byte, error) {
	if n > len(u.p) {
		return nil, errMissingBytes
	}
	b := u.p[:n]
	u.p = u.p[n:]
	return b, nil
}

func (u *unpacker) uint(size int) (uint64, error) {
	b, err := u.take(size)
	if err != nil {
		return 0, err
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, nil
}

func (u *unpacker) value(depth int) (lua.LValue, error) {
	if depth > maxUnpacked {
		return nil, errNestedPack
	}
	b, err := u.take(1)
	if err != nil {
		return nil, err
	}
	switch c := b[0]; {
	case c < 0x80:
		return lua.LNumber(c), nil
	case c < 0x90:
		return u.mapping(int(c&0xf), depth)
	case c < 0xa0:
		return u.array(int(c&0xf), depth)
	case c < 0xc0:
		return u.string(int(c & 0x1f))
	case c >= 0xe0:
		return lua.LNumber(int8(c)), nil
	case c >= 0xd9:
		return u.sized(c, depth)
	default:
		return u.scalar(c)
	}
}

func (u *unpacker) scalar(c byte) (lua.LValue, error) {
	size := 0
	switch c {
	case 0xc0:
		return lua.LNil, nil
	case 0xc2, 0xc3:
		return lua.LBool(c == 0xc3), nil
	case 0xcc, 0xd0:
		size = 1
	case 0xcd, 0xd1:
		size = 2
	case 0xca, 0xce, 0xd2:
		size = 4
	case 0xcb, 0xcf, 0xd3:
		size = 8
	default:
		return nil, errBadFormat
	}
	n, err := u.uint(size)
	if err != nil {
		return nil, err
	}
	switch c {
	case 0xca:
		return lua.LNumber(math.Float32frombits(uint32(n))), nil
	case 0xcb:
		return lua.LNumber(math.Float64frombits(n)), nil
	case 0xd0:
		return lua.LNumber(int8(n)), nil
	case 0xd1:
		return lua.LNumber(int16(n)), nil
	case 0xd2:
		return lua.LNumber(int32(n)), nil
	}
	return lua.LNumber(int64(n)), nil
}

// sized reads what says its length in one, two or four bytes.
func (u *unpacker) sized(c byte, depth int) (lua.LValue, error) {
	size := [...]int{1, 2, 4, 2, 4, 2, 4}[c-0xd9]
	n, err := u.uint(size)
	if err != nil {
		return nil, err
	}
	switch {
	case c <= 0xdb:
		return u.string(int(n))
	case c <= 0xdd:
		return u.array(int(n), depth)
	}
	return u.mapping(int(n), depth)
}

func (u *unpacker) string(n int) (lua.LValue, error) {
	b, err := u.take(n)
	if err != nil {
		return nil, err
	}
	return lua.LString(b), nil
}

func (u *unpacker) array(n, depth int) (lua.LValue, error) {
	t := u.L.CreateTable(min(n, len(u.p)), 0)
	for i := 1; i <= n; i++ {
		v, err := u.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if v != lua.LNil {
			t.RawSetInt(i, v)
		}
	}
	return t, nil
}

func (u *unpacker) mapping(n, depth int) (lua.LValue, error) {
	t := u.L.CreateTable(0, min(n, len(u.p)/2))
	for range n {
		key, err := u.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v, err := u.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if err := setKey(t, key, v); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// setKey sets a field with a key that was read.
func setKey(t *lua.LTable, key, v lua.LValue) error {
	if key == lua.LNil {
		return errors.New("table index is nil")
	}
	n, ok := key.(lua.LNumber)
	if !ok {
		t.RawSet(key, v)
		return nil
	}
	if math.IsNaN(float64(n)) {
		return errors.New("table index is NaN")
	}
	if n > lua.LNumber(t.MaxN()+maxGap) && n < lua.LNumber(lua.MaxArrayIndex) && float64(n) == math.Floor(float64(n)) {
		return errors.New("table index is too far from the others")
	}
	t.RawSet(key, v)
	return nil
}

// maxGap is how many places of an array a key that was read may leave empty: the
// machine fills them.
const maxGap = 1 << 16
