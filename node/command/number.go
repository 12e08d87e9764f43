// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"math"
	"strconv"
)

// ParseDouble reads a number as C's strtod does, where all of b is one: decimal,
// hexadecimal or infinite. NaN is no number, and neither is what is too large for
// a float64.
func ParseDouble(b []byte) (f float64, ok bool) {
	if len(b) == 0 || bytes.IndexByte(b, '_') >= 0 { // a separator of digits in Go only
		return 0, false
	}
	text := string(b)
	if digits := bytes.TrimLeft(b, "+-"); len(digits) > 1 && digits[0] == '0' && digits[1]|0x20 == 'x' && !bytes.ContainsAny(digits, "pP") {
		text += "p0" // C needs no exponent
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsNaN(f)
}
