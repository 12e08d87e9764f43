// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package longdouble computes as Redis does with C's long double, in the 64-bit
// mantissa of x86-64: INCRBYFLOAT and HINCRBYFLOAT have to give the same digits
// on both servers, as a replica takes the result for granted.
package longdouble

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
)

const (
	// mantissa is the precision in bits.
	mantissa = 64
	// maxExponent bounds the finite numbers: they are below 2^maxExponent.
	maxExponent = 16384
	// minExponent bounds the numbers other than zero: they are at least
	// 2^(minExponent-1), the smallest denormal one.
	minExponent = -16444
	// maxText is the longest text that Redis reads as a number.
	maxText = 5*1024 - 1
)

// Parse reads a decimal, hexadecimal or infinite number as strtold does,
// without white space before or behind it. ok is false for anything else, also
// for numbers that are too large or too close to zero.
func Parse(b []byte) (f *big.Float, ok bool) {
	if len(b) == 0 || len(b) > maxText || bytes.ContainsAny(b, " \t\r\n\v\f_") {
		return nil, false
	}
	s := string(b)
	if special, err := strconv.ParseFloat(s, 64); err == nil && (math.IsNaN(special) || math.IsInf(special, 0)) {
		return new(big.Float).SetInf(special < 0), !math.IsNaN(special)
	}
	base := 10
	if hexadecimal(s) {
		base = 0 // the prefix tells
	}
	f, _, err := big.ParseFloat(s, base, mantissa, big.ToNearestEven)
	if err != nil || tooLarge(f) || f.Sign() != 0 && f.MantExp(nil) < minExponent {
		return nil, false
	}
	return f, true
}

func hexadecimal(s string) bool {
	if s[0] == '+' || s[0] == '-' {
		s = s[1:]
	}
	return len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x'
}

// tooLarge: what rounds to 2^maxExponent or beyond is infinite.
func tooLarge(f *big.Float) bool { return f.IsInf() || f.MantExp(nil) > maxExponent }

// Add returns a sum. ok is false where it is infinite or no number at all.
func Add(a, b *big.Float) (sum *big.Float, ok bool) {
	if a.IsInf() || b.IsInf() {
		return nil, false
	}
	sum = new(big.Float).SetPrec(mantissa).Add(a, b)
	return sum, !tooLarge(sum)
}

// Format prints a finite number with up to 17 digits behind the point and no
// trailing zeros, never in exponents.
func Format(f *big.Float) []byte {
	b := f.Append(nil, 'f', 17)
	if bytes.IndexByte(b, '.') >= 0 {
		b = bytes.TrimRight(b, "0")
		b = bytes.TrimSuffix(b, []byte("."))
	}
	if string(b) == "-0" {
		return b[1:]
	}
	return b
}
