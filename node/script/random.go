// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// random is the generator behind math.random: drand48's, so that a seed gives
// the same numbers on every machine and from every server.
type random struct{ x uint64 }

func newRandom() *random { return &random{0x1234ABCD330E} }

func (r *random) next() float64 {
	r.x = (r.x*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return float64(int32(r.x>>17)%math.MaxInt32) / math.MaxInt32
}

func (r *random) seed(n int32) { r.x = uint64(uint32(n))<<16 | 0x330E }

func (in *Interpreter) mathRandom(L *lua.LState) int {
	in.onlyRunning(L, "math.random can only be called inside a script invocation")
	f := in.random.next()
	low, high := int32(1), int32(0)
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(f))
		return 1
	case 1:
		high = checkInt(L, 1)
		if high < 1 {
			argError(L, 1, "interval is empty")
		}
	case 2:
		low, high = checkInt(L, 1), checkInt(L, 2)
		if low > high {
			argError(L, 2, "interval is empty")
		}
	default:
		L.RaiseError("wrong number of arguments")
	}
	L.Push(lua.LNumber(math.Floor(f*float64(high-low+1)) + float64(low)))
	return 1
}

func (in *Interpreter) mathRandomSeed(L *lua.LState) int {
	in.onlyRunning(L, "math.randomseed can only be called inside a script invocation")
	in.random.seed(checkInt(L, 1))
	return 0
}
