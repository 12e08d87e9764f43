// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"slices"
	"testing"
)

// TestRanks draws often enough that each rank's count lies, but for one run in
// billions, within a tenth of what it should be.
func TestRanks(t *testing.T) {
	for _, c := range []struct{ n, k int }{{1, 1}, {10, 1}, {10, 2}, {10, 3}, {10, 4}, {10, 9}, {10, 10}, {10, 0}, {0, 0}} {
		const rounds = 60000
		counts := make([]int, c.n)
		for range rounds {
			ranks := Ranks(c.n, c.k)
			if len(ranks) != c.k || !slices.IsSorted(ranks) || len(slices.Compact(ranks)) != c.k {
				t.Fatalf("%d of %d: %v", c.k, c.n, ranks)
			}
			for _, r := range ranks {
				counts[r]++
			}
		}
		for rank, got := range counts {
			want := rounds * c.k / c.n
			if got < want*9/10 || got > want*11/10 {
				t.Errorf("%d of %d: rank %d was drawn %d times, want about %d", c.k, c.n, rank, got, want)
			}
		}
	}
}
