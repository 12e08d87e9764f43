// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets

import "hash/maphash"

// gathered is a row of members outside the store, as few allocations as their
// bytes in one piece need.
type gathered struct {
	bytes []byte
	ends  []int
}

func (g *gathered) len() int { return len(g.ends) }

func (g *gathered) add(member []byte) {
	g.bytes = append(g.bytes, member...)
	g.ends = append(g.ends, len(g.bytes))
}

func (g *gathered) at(i int) []byte {
	start := 0
	if i > 0 {
		start = g.ends[i-1]
	}
	return g.bytes[start:g.ends[i]]
}

// distinct is a row of members without duplicates: an open-addressed table
// finds the place of each in the row.
type distinct struct {
	gathered
	slots []uint32 // places, counted from one; 0 is free; a power of two
}

var seed = maphash.MakeSeed()

// find returns the place of a member, or the slot that it would take.
func (d *distinct) find(member []byte) (place int, slot uint64, found bool) {
	mask := uint64(len(d.slots) - 1)
	for slot = maphash.Bytes(seed, member) & mask; d.slots[slot] != 0; slot = (slot + 1) & mask {
		place = int(d.slots[slot] - 1)
		if string(d.at(place)) == string(member) {
			return place, slot, true
		}
	}
	return 0, slot, false
}

// add puts a member at the end of the row, unless it is there.
func (d *distinct) add(member []byte) {
	if d.len() >= len(d.slots)/2 {
		d.grow()
	}
	if _, slot, found := d.find(member); !found {
		d.gathered.add(member)
		d.slots[slot] = uint32(d.len())
	}
}

func (d *distinct) grow() {
	d.slots = make([]uint32, max(64, 2*len(d.slots)))
	for i := range d.len() {
		_, slot, _ := d.find(d.at(i))
		d.slots[slot] = uint32(i + 1)
	}
}
