// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"math"
	"slices"
)

// seat is one member to be placed.
type seat struct {
	name   string
	entry  entry
	parent string // the member above it so far, "" for none
	place  string // its place so far, "" for none
	fit    bool   // serves with a complete copy: may stand above others
}

// What a placement costs. Each weight outweighs all smaller ones together for
// the 64 members that a group may have: above all a member stands where its
// persistence and zone are declared, then nobody moves without need, then
// nobody waits below a member that has yet to sync, then names are as declared.
const (
	costMismatch = 1 << 40
	costMove     = 1 << 24
	costUnfit    = 1 << 10
	costName     = 1
)

// seating puts seats into the places of a shape; at[i] is the seat in place i.
type seating struct {
	shape shape
	seats []seat
	index map[string]int // seat by name
	below [][]int        // the places directly below each place
	gone  string         // the former master if it was replaced: who fed from it must move anyway
	at    []int
}

func newSeating(sh shape, seats []seat, gone string) *seating {
	s := &seating{shape: sh, seats: seats, index: map[string]int{}, below: make([][]int, len(sh)), gone: gone, at: make([]int, len(sh))}
	for i, seat := range seats {
		s.index[seat.name] = i
	}
	for i, pl := range sh {
		if pl.parent >= 0 {
			s.below[pl.parent] = append(s.below[pl.parent], i)
		}
	}
	return s
}

// arrange finds a placement with the master at the root that costs as little as
// it can find: it tries placements made in several ways and improves each by
// exchanging pairs. The result depends on nothing but its arguments.
func (sh shape) arrange(seats []seat, master, gone string) map[string]place {
	s := newSeating(sh, seats, gone)
	root, ok := s.index[master]
	if !ok {
		root = s.preferred(0)
	}
	best, bestCost := []int(nil), int64(math.MaxInt64)
	for _, start := range []func(int){s.fromStanding, s.fromBranches} {
		start(root)
		if cost := s.improve(); cost < bestCost {
			best, bestCost = slices.Clone(s.at), cost
		}
	}
	out := map[string]place{}
	for i, seat := range best {
		out[seats[seat].name] = sh[i]
	}
	return out
}

// moves is how many members with a working upstream a placement with this
// master would move.
func (sh shape) moves(seats []seat, master, gone string) int {
	placed := sh.arrange(seats, master, gone)
	holder := map[string]string{}
	for name, pl := range placed {
		holder[pl.name] = name
	}
	n := 0
	for _, s := range seats {
		pl := placed[s.name]
		if s.parent != "" && s.parent != gone && pl.parent >= 0 && holder[sh[pl.parent].name] != s.parent {
			n++
		}
	}
	return n
}

// preferred is the seat for place i by name, or the first.
func (s *seating) preferred(i int) int {
	if j, ok := s.index[s.shape[i].name]; ok {
		return j
	}
	return 0
}

// fromStanding leaves everyone in the place that he has, puts the master at the
// root and fills what is free in order of names.
func (s *seating) fromStanding(root int) {
	s.clear(root)
	used := map[int]bool{root: true}
	put := func(i, seat int) {
		if s.at[i] < 0 && !used[seat] {
			s.at[i], used[seat] = seat, true
		}
	}
	for i := range s.shape {
		for j, seat := range s.seats {
			if seat.place == s.shape[i].name {
				put(i, j)
			}
		}
	}
	for i := range s.shape {
		if j, ok := s.index[s.shape[i].name]; ok {
			put(i, j)
		}
	}
	s.fill(used)
}

// fromBranches works from the root down: into each place below a member goes
// the one that brings the most of its own branch along, or keeps its upstream.
func (s *seating) fromBranches(root int) {
	s.clear(root)
	used := map[int]bool{root: true}
	for i := range s.shape {
		if s.at[i] >= 0 {
			continue
		}
		above := s.seats[s.at[s.shape[i].parent]].name
		best, bestGain := -1, math.MinInt
		for j, seat := range s.seats {
			if used[j] {
				continue
			}
			gain := 2 * s.brings(j, i, used, 0)
			switch {
			case seat.parent == above:
				gain += 2
			case seat.parent != "" && seat.parent != s.gone:
				gain--
			}
			if seat.entry == s.shape[i].entry {
				gain++
			}
			if gain > bestGain {
				best, bestGain = j, gain
			}
		}
		s.at[i], used[best] = best, true
	}
}

// brings is how many of the members below seat j could stay below it if it
// stood in place i.
func (s *seating) brings(j, i int, used map[int]bool, depth int) int {
	if depth > len(s.shape) {
		return 0 // contradictory parents form a ring
	}
	room, n := s.shape[i].below, 0
	for c, child := range s.seats {
		if room > 0 && !used[c] && child.parent == s.seats[j].name {
			room--
			n++
			if len(s.below[i]) > 0 {
				n += s.brings(c, s.below[i][0], used, depth+1)
			}
		}
	}
	return n
}

func (s *seating) clear(root int) {
	for i := range s.at {
		s.at[i] = -1
	}
	s.at[0] = root
}

func (s *seating) fill(used map[int]bool) {
	next := 0
	for i := range s.at {
		if s.at[i] >= 0 {
			continue
		}
		for used[next] {
			next++
		}
		s.at[i], used[next] = next, true
	}
}

// improve exchanges pairs below the root, and in small groups rotates three, as
// long as that makes it cheaper.
func (s *seating) improve() int64 {
	for s.exchange() || len(s.at) <= rotateUpTo && s.rotate() {
	}
	return s.cost()
}

// exchange tries all pairs once and says whether one was worth it.
func (s *seating) exchange() bool {
	better := false
	for i := 1; i < len(s.at); i++ {
		for j := i + 1; j < len(s.at); j++ {
			before := s.around(i, j)
			s.at[i], s.at[j] = s.at[j], s.at[i]
			if s.around(i, j) < before {
				better = true
			} else {
				s.at[i], s.at[j] = s.at[j], s.at[i]
			}
		}
	}
	return better
}

// rotate does the same with all threes.
func (s *seating) rotate() bool {
	at, better := s.at, false
	for i := 1; i < len(at); i++ {
		for j := 1; j < len(at); j++ {
			for k := 1; k < len(at); k++ {
				if i == j || j == k || k == i {
					continue
				}
				before := s.around(i, j, k)
				at[i], at[j], at[k] = at[k], at[i], at[j]
				if s.around(i, j, k) < before {
					better = true
				} else {
					at[i], at[j], at[k] = at[j], at[k], at[i]
				}
			}
		}
	}
	return better
}

// rotateUpTo is the size of the largest group for which three at a time are
// tried: their number grows with its cube.
const rotateUpTo = 12

func (s *seating) cost() int64 {
	var c int64
	for i := range s.shape {
		c += s.costAt(i)
	}
	return c
}

// around is the part of the cost that changes when these places change hands:
// their own and that of the places below them.
func (s *seating) around(places ...int) int64 {
	var c int64
	for _, i := range places {
		c += s.costAt(i)
		for _, below := range s.below[i] {
			if !slices.Contains(places, below) {
				c += s.costAt(below)
			}
		}
	}
	return c
}

func (s *seating) costAt(i int) int64 {
	var c int64
	pl, seat := &s.shape[i], &s.seats[s.at[i]]
	if seat.entry.persistence != pl.entry.persistence || seat.entry.zone != pl.entry.zone {
		c += costMismatch
	}
	if pl.parent >= 0 && seat.parent != "" && seat.parent != s.gone &&
		s.seats[s.at[pl.parent]].name != seat.parent {
		c += costMove
	}
	if !seat.fit {
		c += costUnfit * int64(pl.below)
	}
	if seat.name != pl.name {
		c += costName
	}
	return c
}
