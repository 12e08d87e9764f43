// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// numberText is a number as Lua's tostring gives it: C's "%.14g".
func numberText(n lua.LNumber) string {
	f := float64(n)
	if i := int64(f); float64(i) == f && i > -1e14 && i < 1e14 && (i != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(i, 10)
	}
	return string(appendG(nil, f, 14))
}

// appendG is C's "%.*g".
func appendG(dst []byte, f float64, precision int) []byte {
	switch {
	case math.IsNaN(f):
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "nan"...)
	case math.IsInf(f, 0):
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', precision, 64)
}

// text gives a string or a number as text.
func text(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return numberText(v), true
	}
	return "", false
}

// number gives a number, or a string that spells one, as Lua's tonumber does.
func number(v lua.LValue) (lua.LNumber, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return v, true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

const blanks = " \t\n\v\f\r"

// parseNumber reads what C's strtod reads, with blanks around it.
func parseNumber(s string) (lua.LNumber, bool) {
	s = strings.Trim(s, blanks)
	if s == "" || strings.IndexByte(s, '_') >= 0 {
		return 0, false
	}
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1]|0x20 == 'x' && !strings.ContainsAny(digits, "pP") {
		s += "p0" // C needs no exponent
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		if e, ok := err.(*strconv.NumError); !ok || e.Err != strconv.ErrRange {
			return 0, false
		}
	}
	return lua.LNumber(f), true
}

// truncated is C's cast of a double to a 64-bit integer on amd64.
func truncated(n lua.LNumber) int64 {
	f := float64(n)
	if !(f >= -(1<<63) && f < 1<<63) {
		return math.MinInt64
	}
	return int64(f)
}

// truncated32 is the cast to an int.
func truncated32(n lua.LNumber) int32 {
	f := float64(n)
	if !(f > -(1<<31)-1 && f < 1<<31) {
		return math.MinInt32
	}
	return int32(f)
}
