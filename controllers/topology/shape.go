// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
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
