// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"math"
	"strconv"
)

func readString(v *value, it *Item) (err error) {
	it.Type = TypeString
	it.String, err = v.in.text(it.String[:0], "a string value")
	return err
}

func (w *Writer) string(it *Item) {
	switch {
	case !it.IsInt:
		w.text(it.String)
	case it.Int >= math.MinInt32 && it.Int <= math.MaxInt32:
		w.buf = appendNumber(w.buf, it.Int)
	default:
		var digits [20]byte
		w.text(strconv.AppendInt(digits[:0], it.Int, 10))
	}
}
