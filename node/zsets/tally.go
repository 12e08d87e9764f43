// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"bytes"
	"hash/maphash"

	"github.com/espalier-io/espalier/node/command"
)

// tally finds the members of a union again as further sources name them: a hash
// leads to the first member that has it, and each to the next.
type tally struct {
	seed  maphash.Seed
	first map[uint64]int32 // hash → index, counted from 1
	next  []int32          // the same for the one behind each item
	items []item
}

func newTally(size int) *tally {
	return &tally{
		seed:  maphash.MakeSeed(),
		first: make(map[uint64]int32, size),
		next:  make([]int32, 0, size),
		items: make([]item, 0, size),
	}
}

// find returns the score of a member, for changing, or nil. hash is what put
// wants for a new one.
func (t *tally) find(member []byte) (score *float64, hash uint64) {
	hash = maphash.Bytes(t.seed, member)
	for i := t.first[hash]; i != 0; i = t.next[i-1] {
		if bytes.Equal(t.items[i-1].member, member) {
			return &t.items[i-1].score, hash
		}
	}
	return nil, hash
}

func (t *tally) put(hash uint64, it item) {
	t.next = append(t.next, t.first[hash])
	t.items = append(t.items, it)
	t.first[hash] = int32(len(t.items))
}

// union computes the members that any source has.
func (a *algebra) union(ctx *command.Context) []item {
	a.bySize()
	t := newTally(a.sources[len(a.sources)-1].n)
	for i := range a.sources {
		s := &a.sources[i]
		for member, score := range s.all() {
			score = noNaN(s.weight * score)
			if have, hash := t.find(member); have != nil {
				a.aggregate.add(have, score)
			} else {
				t.put(hash, item{ctx.Keep(member), score})
			}
		}
	}
	return t.items
}
