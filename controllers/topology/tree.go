// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// entry holds what is declared for the members of one name: a line of the tree
// form, or the one nameless line of the instances form.
type entry struct {
	name        string
	persistence Persistence
	zone        string
}

// place is one place of the declared shape. A member's own entry goes with its
// name; the place it stands in may be another's after a failover.
type place struct {
	name   string // of the member that stands here unless something moved it
	entry  entry
	parent int // index of the place above; -1 for the root
	below  int // places directly below
}

// shape is the declared tree: places in breadth-first order, the root first.
type shape []place

// declaredShape computes the shape, or says what is wrong with the spec.
func declaredShape(s Spec) (shape, error) {
	var sh shape
	var err error
	if len(s.Tree) > 0 {
		sh, err = treeShape(s.Tree)
	} else {
		sh, err = balancedShape(s)
	}
	for i := range sh {
		if p := sh[i].parent; p >= 0 {
			sh[p].below++
		}
	}
	return sh, err
}

// balancedShape fills level by level: one root, fanout below it, fanout² below
// those. The places of a level are dealt out to its parents in turn, so that
// growth moves nobody and the relays bear equal loads.
func balancedShape(s Spec) (shape, error) {
	if s.Instances < 1 {
		return nil, fmt.Errorf("instances is %d, and a group has at least one member", s.Instances)
	}
	fanout := s.Fanout
	if fanout < 1 {
		fanout = s.Instances
	}
	sh := shape{{name: "0", entry: entry{persistence: s.Persistence}, parent: -1}}
	above, width := 0, 1 // the level above: its first place, and how many it has
	for len(sh) < s.Instances {
		first := len(sh)
		for j := 0; j < width*fanout && len(sh) < s.Instances; j++ {
			sh = append(sh, place{name: strconv.Itoa(len(sh)), entry: sh[0].entry, parent: above + j%width})
		}
		above, width = first, len(sh)-first
	}
	return sh, nil
}

// treeShape spreads each entry's members evenly over those of its parent. The
// places come out in the order of the entries, parents before children.
func treeShape(entries []TreeEntry) (shape, error) {
	var sh shape
	places := map[string][]int{} // entry name → its places
	taken := map[string]bool{}
	for i, e := range entries {
		parents, ok := places[e.ReplicaOf]
		switch {
		case e.ReplicaOf == "" && i > 0:
			return nil, fmt.Errorf("tree entry %q is a second root", e.Name)
		case e.ReplicaOf != "" && !ok:
			return nil, fmt.Errorf("tree entry %q is a replica of %q, which no entry before it declares", e.Name, e.ReplicaOf)
		case i == 0 && e.Count > 1:
			return nil, fmt.Errorf("the root %q has count %d, and a group has one master", e.Name, e.Count)
		case places[e.Name] != nil:
			return nil, fmt.Errorf("tree entry %q is declared twice", e.Name)
		}
		own := entry{name: e.Name, persistence: e.Persistence, zone: e.Zone}
		for j := range max(e.Count, 1) {
			pl := place{name: memberName(e, j), entry: own, parent: -1}
			if taken[pl.name] {
				return nil, fmt.Errorf("two members would be called %q", pl.name)
			}
			taken[pl.name] = true
			if len(parents) > 0 {
				pl.parent = parents[j%len(parents)]
			}
			places[e.Name] = append(places[e.Name], len(sh))
			sh = append(sh, pl)
		}
	}
	return sh, nil
}

func memberName(e TreeEntry, i int) string {
	if e.Count > 1 {
		return fmt.Sprintf("%s-%d", e.Name, i)
	}
	return e.Name
}

// entryOf says which entry a name belongs to: that of the place of that name,
// or the one whose numbering it goes on with. In the instances form every
// number belongs to the nameless entry.
func (sh shape) entryOf(name string) (entry, bool) {
	head, n := splitName(name)
	for _, pl := range sh {
		if pl.name == name {
			return pl.entry, true
		}
	}
	for _, pl := range sh {
		e := pl.entry
		if name == e.name || n >= 0 && (head == e.name+"-" || head == "" && e.name == "") {
			return e, true
		}
	}
	return entry{}, false
}

// crew chooses the names that fill the shape: for every entry as many as it
// has places, first of all the master, then those that are in the roster, then
// the places' own names. A master of no entry takes the place of one that is
// missing, or else of the last.
func (sh shape) crew(roster []string, master string) []string {
	want := map[string]int{} // entry name → places
	for _, pl := range sh {
		want[pl.entry.name]++
	}
	var names []string
	take := func(name string) {
		if e, ok := sh.entryOf(name); ok && want[e.name] > 0 && !slices.Contains(names, name) {
			names = append(names, name)
			want[e.name]--
		}
	}
	if master != "" {
		take(master)
	}
	for _, name := range slices.SortedFunc(slices.Values(roster), byName) {
		take(name)
	}
	for _, pl := range sh {
		take(pl.name)
	}
	if master != "" && !slices.Contains(names, master) {
		drop := len(names) - 1
		for i, name := range names {
			if !slices.Contains(roster, name) {
				drop = i
				break
			}
		}
		names[drop] = master
	}
	return names
}

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
	gone  string         // the former master if it was replaced: who fed from it must move anyway
	at    []int
}

// arrange finds a placement with the master at the root that costs as little as
// it can find: it tries placements made in several ways and improves each by
// exchanging pairs. The result depends on nothing but its arguments.
func (sh shape) arrange(seats []seat, master, gone string) map[string]place {
	s := seating{shape: sh, seats: seats, index: map[string]int{}, gone: gone}
	for i, seat := range seats {
		s.index[seat.name] = i
	}
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
			if below := s.firstBelow(i); below >= 0 {
				n += s.brings(c, below, used, depth+1)
			}
		}
	}
	return n
}

func (s *seating) firstBelow(i int) int {
	return slices.IndexFunc(s.shape, func(p place) bool { return p.parent == i })
}

func (s *seating) clear(root int) {
	s.at = make([]int, len(s.shape))
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
	cost := s.cost()
	at := s.at
	keep := func() bool {
		c := s.cost()
		better := c < cost
		if better {
			cost = c
		}
		return better
	}
	for again := true; again; {
		again = false
		for i := 1; i < len(at); i++ {
			for j := i + 1; j < len(at); j++ {
				at[i], at[j] = at[j], at[i]
				if keep() {
					again = true
				} else {
					at[i], at[j] = at[j], at[i]
				}
			}
		}
		for i := 1; !again && i < len(at) && len(at) <= rotateUpTo; i++ {
			for j := 1; j < len(at); j++ {
				for k := 1; k < len(at); k++ {
					if i == j || j == k || k == i {
						continue
					}
					at[i], at[j], at[k] = at[k], at[i], at[j]
					if keep() {
						again = true
					} else {
						at[i], at[j], at[k] = at[j], at[k], at[i]
					}
				}
			}
		}
	}
	return cost
}

// rotateUpTo is the size of the largest group for which three at a time are
// tried: their number grows with its cube.
const rotateUpTo = 12

func (s *seating) cost() int64 {
	var c int64
	for i, pl := range s.shape {
		seat := &s.seats[s.at[i]]
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
	}
	return c
}
