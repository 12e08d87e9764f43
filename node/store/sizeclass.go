// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "math/bits"

// Size classes: steps of 8 bytes up to 128, then eight steps to every doubling
// (12.5% to 6.7% apart), up to maxSlab. Class c of the small ones is 8*c bytes;
// class 0 stands for a block with a mapping of its own.
const (
	smallMax     = 128
	smallClasses = smallMax / 8
	maxSlab      = chunkSize / 2
	numClasses   = smallClasses + 1 + 8*12 // 128 B to 512 KiB are 12 doublings
)

// classOf returns the smallest class whose blocks hold size bytes.
func classOf(size int) int {
	if size <= smallMax {
		return (size + 7) / 8
	}
	s := uint(size - 1)
	k := bits.Len(s) - 1
	return smallClasses + (k-7)*8 + int(s>>(k-3)&7) + 1
}

// classSize returns the size of the blocks of a class, in bytes.
func classSize(class int) int {
	if class <= smallClasses {
		return class * 8
	}
	step := class - smallClasses - 1
	k := 7 + step/8
	return 1<<k + (step%8+1)<<(k-3)
}
