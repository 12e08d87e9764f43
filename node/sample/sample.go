// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sample draws at random from what can be counted.
package sample

import (
	"math/rand/v2"
	"slices"
)

// dense is the share of the ranks, as one in so many, from which on it is
// cheaper to go through all of them than to note which ones were drawn.
const dense = 3

// Ranks draws k distinct ranks of 0 to n-1 and returns them ascending. Every
// choice is as likely as any other. k must not be greater than n.
func Ranks(n, k int) []int {
	ranks := make([]int, 0, k)
	if k*dense > n {
		for i := range n {
			if rand.IntN(n-i) < k-len(ranks) {
				ranks = append(ranks, i)
			}
		}
		return ranks
	}
	// Floyd's way: each step draws one more from a range that is one longer, and
	// takes the new end of the range in place of what was drawn before.
	drawn := make(map[int]struct{}, k)
	for end := n - k; end < n; end++ {
		rank := rand.IntN(end + 1)
		if _, twice := drawn[rank]; twice {
			rank = end
		}
		drawn[rank] = struct{}{}
		ranks = append(ranks, rank)
	}
	slices.Sort(ranks)
	return ranks
}
