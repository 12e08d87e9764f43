// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// The library bit: http://bitop.luajit.org/semantics.html. Numbers are reduced to
// 32 bits, results are signed.

// bitsOf reduces a number: to the nearest integer, modulo 2^32.
func bitsOf(L *lua.LState, n int) uint32 {
	f := math.RoundToEven(float64(checkNumber(L, n)))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	f = math.Mod(f, 1<<32)
	return uint32(int64(f))
}

func pushBits(L *lua.LState, b uint32) int {
	L.Push(lua.LNumber(int32(b)))
	return 1
}

// folded applies an operation to all arguments, one after the other.
func folded(op func(a, b uint32) uint32) lua.LGFunction {
	return func(L *lua.LState) int {
		b := bitsOf(L, 1)
		for i := 2; i <= L.GetTop(); i++ {
			b = op(b, bitsOf(L, i))
		}
		return pushBits(L, b)
	}
}

// shifted applies an operation with a distance of 0 to 31.
func shifted(op func(b uint32, by int) uint32) lua.LGFunction {
	return func(L *lua.LState) int {
		return pushBits(L, op(bitsOf(L, 1), int(bitsOf(L, 2)&31)))
	}
}

func single(op func(uint32) uint32) lua.LGFunction {
	return func(L *lua.LState) int { return pushBits(L, op(bitsOf(L, 1))) }
}

var bitFunctions = map[string]lua.LGFunction{
	"tobit":   single(func(b uint32) uint32 { return b }),
	"bnot":    single(func(b uint32) uint32 { return ^b }),
	"bswap":   single(bits.ReverseBytes32),
	"band":    folded(func(a, b uint32) uint32 { return a & b }),
	"bor":     folded(func(a, b uint32) uint32 { return a | b }),
	"bxor":    folded(func(a, b uint32) uint32 { return a ^ b }),
	"lshift":  shifted(func(b uint32, by int) uint32 { return b << by }),
	"rshift":  shifted(func(b uint32, by int) uint32 { return b >> by }),
	"arshift": shifted(func(b uint32, by int) uint32 { return uint32(int32(b) >> by) }),
	"rol":     shifted(bits.RotateLeft32),
	"ror":     shifted(func(b uint32, by int) uint32 { return bits.RotateLeft32(b, -by) }),
	"tohex":   bitToHex,
}

// bitToHex shows the lowest n digits, in upper case where n is negative.
func bitToHex(L *lua.LState) int {
	b, n := bitsOf(L, 1), int32(8)
	if L.GetTop() >= 2 {
		n = int32(bitsOf(L, 2))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n, digits = -n, "0123456789ABCDEF"
	}
	if n > 8 || n < 0 {
		n = 8
	}
	text := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		text[i] = digits[b&15]
		b >>= 4
	}
	L.Push(lua.LString(text))
	return 1
}
