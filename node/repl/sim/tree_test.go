// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import "testing"

// shape is a tree: the parent of each node, parents first; that of the root is -1.
type shape []int

// shapes lists every rooted tree of 2 to most nodes once, however its branches
// are ordered: by the successor rule of Beyer and Hedetniemi over the sequences
// of levels.
func shapes(most int) []shape {
	var all []shape
	for n := 2; n <= most; n++ {
		levels := make([]int, n)
		for i := range levels {
			levels[i] = i
		}
		for {
			all = append(all, byLevels(levels))
			p := n - 1
			for p > 0 && levels[p] == 1 {
				p--
			}
			if p == 0 {
				break
			}
			q := p - 1
			for levels[q] != levels[p]-1 {
				q--
			}
			for i := p; i < n; i++ {
				levels[i] = levels[i-(p-q)]
			}
		}
	}
	return all
}

func byLevels(levels []int) shape {
	s := make(shape, len(levels))
	for i, level := range levels {
		s[i] = -1
		for j := i - 1; j >= 0 && s[i] < 0; j-- {
			if levels[j] == level-1 {
				s[i] = j
			}
		}
	}
	return s
}

func TestShapes(t *testing.T) {
	count := map[int]int{}
	for _, s := range shapes(7) {
		count[len(s)]++
	}
	for n, want := range map[int]int{2: 1, 3: 2, 4: 4, 5: 9, 6: 20, 7: 48} {
		if count[n] != want {
			t.Errorf("%d trees of %d nodes, there are %d", count[n], n, want)
		}
	}
}
