// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"unsafe"
)

// zpair is the block of a sorted set that is not packed: behind the header the
// root of the tree by member, of kindMapLeaf, and of that by score, 5 bytes each.
type zpair struct{ p unsafe.Pointer }

const pairSize = valueHeader + 2*5

func (p zpair) byMember() handle { return load40(unsafe.Add(p.p, valueHeader)) }
func (p zpair) byScore() handle  { return load40(unsafe.Add(p.p, valueHeader+5)) }

// set names the roots, 0 for trees without members.
func (p zpair) set(byMember, byScore handle) {
	store40(unsafe.Add(p.p, valueHeader), byMember)
	store40(unsafe.Add(p.p, valueHeader+5), byScore)
}

// eachNamed calls visit for the roots.
func (p zpair) eachNamed(visit func(handle)) {
	for _, h := range [2]handle{p.byMember(), p.byScore()} {
		if h != 0 {
			visit(h)
		}
	}
}

// mapSetScore gives a member another score, if it is there and has not that one
// already, and returns the old one and the block that the member lies in, if it
// has one.
func (t *tree) mapSetScore(member []byte, score float64) (block handle, old float64, ok bool) {
	if t.root == 0 {
		return 0, 0, false
	}
	hash := t.r.hash(member)
	t.byKey(hash >> orderShift)
	l := t.r.mapLeaf(t.leaf)
	i := t.r.mapFind(l, hash, member)
	if i < 0 {
		return 0, 0, false
	}
	if old = l.score(i); old != score {
		t.own()
		l = t.r.mapLeaf(t.leaf)
		store64(l.scoreAt(i), math.Float64bits(score))
	}
	return l.nameBlock(i), old, true
}
