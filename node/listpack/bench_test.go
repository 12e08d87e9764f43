// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"fmt"
	"testing"
)

// BenchmarkFind looks for the last field of a hash that is as large as it may be.
func BenchmarkFind(b *testing.B) {
	for _, pairs := range []int{16, 512} {
		b.Run(fmt.Sprint(pairs), func(b *testing.B) {
			lp := New()
			for i := range pairs {
				lp = Append(lp, fmt.Appendf(nil, "field:%04d", i))
				lp = Append(lp, fmt.Appendf(nil, "value%d", i))
			}
			value := fmt.Appendf(nil, "field:%04d", pairs-1)
			for b.Loop() {
				if Find(lp, First(lp), value, 1) < 0 {
					b.Fatal("lost")
				}
			}
		})
	}
}

// BenchmarkPush appends to a node of a list until it is full, over and over.
func BenchmarkPush(b *testing.B) {
	const node = 8 << 10
	lp := append(make([]byte, 0, 2*node), New()...)
	value := []byte("an element of a list")
	for b.Loop() {
		if len(lp) > node {
			lp = Delete(lp, First(lp), Len(lp))
		}
		lp = Append(lp, value)
	}
}
