// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/binary"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The library struct: values as bytes, laid out as a format says
// (http://www.inf.puc-rio.br/~roberto/struct/). Sizes are those of C on amd64.

var structFunctions = map[string]lua.LGFunction{
	"pack": structPack, "unpack": structUnpack, "size": structSize,
}

// layout walks a format.
type layout struct {
	L      *lua.LState
	format string // what is left of it
	order  binary.ByteOrder
	align  int
}

const (
	largestInt   = 32
	defaultAlign = 8
)

func newLayout(L *lua.LState) *layout {
	format := checkString(L, 1)
	if end := strings.IndexByte(format, 0); end >= 0 {
		format = format[:end] // as C reads it
	}
	return &layout{L: L, format: format, order: binary.LittleEndian, align: 1}
}

// next gives the next option and its size; ok is false behind the last one.
func (f *layout) next() (option byte, size int, ok bool) {
	if f.format == "" {
		return 0, 0, false
	}
	option, f.format = f.format[0], f.format[1:]
	switch option {
	case 'B', 'b', 'x':
		size = 1
	case 'H', 'h':
		size = 2
	case 'f':
		size = 4
	case 'L', 'l', 'T', 'd':
		size = 8
	case 'c':
		size = f.number(1)
	case 'i', 'I':
		if size = f.number(4); size > largestInt {
			f.L.RaiseError("integral size %d is larger than limit of %d", size, largestInt)
		}
	}
	return option, size, true
}

// number reads the decimal number behind an option.
func (f *layout) number(otherwise int) int {
	if f.format == "" || f.format[0] < '0' || f.format[0] > '9' {
		return otherwise
	}
	n := 0
	for f.format != "" && '0' <= f.format[0] && f.format[0] <= '9' {
		if n = n*10 + int(f.format[0]-'0'); n > math.MaxInt32 {
			f.L.RaiseError("integral size overflow")
		}
		f.format = f.format[1:]
	}
	return n
}

// padding is how many bytes come before an option at a position.
func (f *layout) padding(at int, option byte, size int) int {
	if size == 0 || option == 'c' {
		return 0
	}
	size = min(size, f.align)
	return (size - at&(size-1)) & (size - 1)
}

// control obeys the options that stand for no value.
func (f *layout) control(option byte) {
	switch option {
	case ' ':
	case '>':
		f.order = binary.BigEndian
	case '<':
		f.order = binary.LittleEndian
	case '!':
		a := f.number(defaultAlign)
		if a <= 0 || a&(a-1) != 0 {
			f.L.RaiseError("alignment %d is not a power of 2", a)
		}
		f.align = a
	default:
		argError(f.L, 1, "invalid format option '"+string([]byte{option})+"'")
	}
}

func structPack(L *lua.LState) int {
	f := newLayout(L)
	var out []byte
	at, arg := 0, 1
	for option, size, ok := f.next(); ok; option, size, ok = f.next() {
		padding := f.padding(at, option, size)
		out = append(out, make([]byte, padding)...)
		at += padding
		switch option {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			arg++
			out = f.appendInt(out, checkNumber(L, arg), size)
		case 'x':
			out = append(out, 0)
		case 'f':
			arg++
			out = f.appendFixed(out, uint64(math.Float32bits(float32(checkNumber(L, arg)))), 4)
		case 'd':
			arg++
			out = f.appendFixed(out, math.Float64bits(float64(checkNumber(L, arg))), 8)
		case 'c', 's':
			arg++
			s := checkString(L, arg)
			if size == 0 {
				size = len(s)
			}
			if len(s) < size {
				argError(L, arg+1, "string too short")
			}
			out = append(out, s[:size]...)
			if option == 's' {
				out = append(out, 0)
				size++
			}
		default:
			f.control(option)
		}
		at += size
		if len(out) > maxString {
			tooLong(L)
		}
	}
	L.Push(lua.LString(out))
	return 1
}

func (f *layout) appendInt(out []byte, n lua.LNumber, size int) []byte {
	return f.appendFixed(out, unsigned(n), size)
}

// appendFixed appends the lowest bytes of a number.
func (f *layout) appendFixed(out []byte, n uint64, size int) []byte {
	start := len(out)
	out = append(out, make([]byte, size)...)
	for i := range size {
		if f.order == binary.BigEndian {
			out[start+size-1-i] = byte(n)
		} else {
			out[start+i] = byte(n)
		}
		n >>= 8
	}
	return out
}

func (f *layout) fixed(b []byte) uint64 {
	var n uint64
	for i := range b {
		c := b[i]
		if f.order == binary.LittleEndian {
			c = b[len(b)-1-i]
		}
		n = n<<8 | uint64(c)
	}
	return n
}

// integer reads an integer, signed where the option is a lower-case letter.
func (f *layout) integer(b []byte, option byte) lua.LNumber {
	n := f.fixed(b)
	if option < 'a' {
		return lua.LNumber(n)
	}
	mask := ^uint64(0) << ((uint(len(b))*8 - 1) & 63)
	if n&mask != 0 {
		n |= mask
	}
	return lua.LNumber(int64(n))
}

func structUnpack(L *lua.LState) int {
	f, data := newLayout(L), checkString(L, 2)
	at := 0
	if L.Get(3) != lua.LNil {
		at = int(truncated(checkNumber(L, 3)))
		if at <= 0 {
			argError(L, 3, "offset must be 1 or greater")
		}
		at--
	}
	first := L.GetTop()
	need := func(size int) {
		if size < 0 || size > len(data) || at > len(data)-size {
			argError(L, 2, "data string too short")
		}
	}
	for option, size, ok := f.next(); ok; option, size, ok = f.next() {
		at += f.padding(at, option, size)
		need(size)
		if L.GetTop()-first > maxUnpacked {
			L.RaiseError("stack overflow (too many results)")
		}
		switch option {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			L.Push(f.integer([]byte(data[at:at+size]), option))
		case 'x':
		case 'f':
			L.Push(lua.LNumber(math.Float32frombits(uint32(f.fixed([]byte(data[at : at+4]))))))
		case 'd':
			L.Push(lua.LNumber(math.Float64frombits(f.fixed([]byte(data[at : at+8])))))
		case 'c':
			if size == 0 {
				n, ok := number(L.Get(-1))
				if L.GetTop() == first || !ok {
					L.RaiseError("format 'c0' needs a previous size")
				}
				size = int(truncated(n))
				L.Pop(1)
				need(size)
			}
			L.Push(lua.LString(data[at : at+size]))
		case 's':
			end := strings.IndexByte(data[at:], 0)
			if end < 0 {
				L.RaiseError("unfinished string in data")
			}
			L.Push(lua.LString(data[at : at+end]))
			size = end + 1
		default:
			f.control(option)
		}
		at += size
	}
	L.Push(lua.LNumber(at + 1))
	return L.GetTop() - first
}

func structSize(L *lua.LState) int {
	f := newLayout(L)
	at := 0
	for option, size, ok := f.next(); ok; option, size, ok = f.next() {
		at += f.padding(at, option, size)
		switch {
		case option == 's':
			argError(L, 1, "option 's' has no fixed size")
		case option == 'c' && size == 0:
			argError(L, 1, "option 'c0' has no fixed size")
		case option < '0' || '9' < option && option < 'A' || 'Z' < option && option < 'a' || option > 'z':
			f.control(option)
		}
		at += size
	}
	L.Push(lua.LNumber(at))
	return 1
}
