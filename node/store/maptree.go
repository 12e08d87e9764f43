// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"
	"math"
)

// A map tree holds elements by name: the fields of a hash, the members of a set,
// and those of a sorted set with their scores. It is ordered by the upper 48
// bits of a hash of the name. A leaf holds all names of a range of that order,
// so that a place in the order is a scan cursor which stays good whatever comes
// and goes; 48 bits, because some clients' numbers hold no more.
const (
	orderShift = 16
	orderEnd   = 1 << (64 - orderShift)
)

func (r *reader) hash(name []byte) uint64 { return maphash.Bytes(r.seed, name) }

// mapGet looks a name up; i is -1 if it is not there.
func (r *reader) mapGet(root handle, name []byte) (l mapLeaf, i int) {
	if root == 0 {
		return mapLeaf{}, -1
	}
	hash := r.hash(name)
	p := r.ptr(root)
	for kindOf(p) == kindInner {
		n := inner{p}
		p = r.ptr(n.child(n.byKey(hash >> orderShift)))
	}
	l = mapLeaf{p}
	return l, r.mapFind(l, hash, name)
}

// mapAt returns the element of a rank, which must be there.
func (r *reader) mapAt(root handle, rank int) (l mapLeaf, i int) {
	p := r.ptr(root)
	for kindOf(p) == kindInner {
		n := inner{p}
		var at int
		at, rank = n.byRank(rank)
		p = r.ptr(n.child(at))
	}
	return mapLeaf{p}, rank
}

// mapEach yields all elements, in the order of their ranks.
func (r *reader) mapEach(root handle, yield func(l mapLeaf, i int) bool) {
	if root == 0 {
		return
	}
	t := trail{r: r, root: root}
	t.first()
	for more := true; more; more = t.next() {
		l := r.mapLeaf(t.leaf)
		for i := range l.len() {
			if !yield(l, i) {
				return
			}
		}
	}
}

// mapScan calls emit for the elements of whole leaves from a cursor on, until
// there are count of them, and returns the cursor to go on with.
func (r *reader) mapScan(root handle, cursor uint64, count int, emit func(l mapLeaf, i int)) uint64 {
	if root == 0 {
		return 0
	}
	t := trail{r: r, root: root}
	t.byKey(cursor)
	for {
		l := r.mapLeaf(t.leaf)
		// The leaf may have grown towards the front since the cursor was given.
		all := cursor <= t.lower()
		for i := range l.len() {
			if all || r.hash(r.mapName(l, i))>>orderShift >= cursor {
				emit(l, i)
				count--
			}
		}
		next, more := t.upper()
		if !more {
			return 0
		}
		if count <= 0 {
			return next
		}
		cursor = next
		t.next()
	}
}

// mapPut sets an element, whose hash it computes, and tells whether it is new.
func (t *tree) mapPut(el *mapElement) (added bool) {
	el.hash = t.r.hash(el.name)
	size := el.size()
	if t.root == 0 {
		var l mapLeaf
		t.root, l = newMapLeaf(t.a, el.form, mapHeader+mapGroup+size)
		l.push(t.a, el)
		return true
	}
	t.byKey(el.hash >> orderShift)
	i := t.r.mapFind(t.r.mapLeaf(t.leaf), el.hash, el.name)
	if i >= 0 && el.form == formSet {
		return false
	}
	t.own()
	if i >= 0 {
		l := t.r.mapLeaf(t.leaf)
		if l.overwrite(i, el) {
			return false
		}
		l.drop(t.a, i)
		t.add(-1)
	}
	for !t.mapRoom(size) {
		t.mapDivide()
		t.byKey(el.hash >> orderShift)
	}
	t.r.mapLeaf(t.leaf).push(t.a, el)
	t.add(1)
	return i < 0
}

// overwrite puts what belongs to a name into the place of what is there, if it
// fits there.
func (l mapLeaf) overwrite(i int, el *mapElement) bool {
	switch el.form {
	case formSet:
		return true
	case formScores:
		store64(l.scoreAt(i), math.Float64bits(el.score))
		return true
	}
	p := l.scoreAt(i)
	old, size := *(*uint8)(p), len(el.value)
	if old == partOut || size > int(old) {
		return false
	}
	l.write(nil, p, el.value)
	l.addDead(int(old) - size)
	return true
}

// mapRoom gives the leaf room for one more element of so many bytes, or reports
// that it must be divided first.
func (t *tree) mapRoom(size int) bool {
	l := t.r.mapLeaf(t.leaf)
	if l.fits(size) {
		return true
	}
	need := mapHeader + mapGroups(l.len()+1) + l.top() - l.dead() + size
	if need > mapLeafMax && l.len() > 1 {
		return false
	}
	t.mapRebuild(need)
	return true
}

// mapRebuild moves the leaf into a block that has the room for need bytes.
func (t *tree) mapRebuild(need int) {
	old := t.leaf
	from := t.r.mapLeaf(old)
	h, l := newMapLeaf(t.a, from.form(), need)
	l.takeAll(from)
	t.setLeaf(h, 0)
	t.a.free(old)
}

// mapDivide divides the leaf at three eighths of its range or, if all is in one
// part, at three eighths of that. Halves would have all leaves of a tree grow
// through the same sizes at the same time, and leave the arena full of blocks of
// the sizes before.
func (t *tree) mapDivide() {
	from := t.r.mapLeaf(t.leaf)
	low, high := t.lower(), uint64(orderEnd)
	if key, ok := t.upper(); ok {
		high = key
	}
	var upper [mapElsMax]bool
	n, count := from.len(), 0
	var middle uint64
	for count == 0 || count == n {
		if high-low < 8 {
			panic("store: a leaf cannot be divided: the hash is broken")
		}
		middle = low + (high-low)/8*3
		count = 0
		for i := range n {
			upper[i] = t.r.hash(t.r.mapName(from, i))>>orderShift >= middle
			if upper[i] {
				count++
			}
		}
		if count == 0 {
			high = middle
		} else {
			low = middle
		}
	}
	size := 0
	for i := range n {
		if upper[i] {
			size += from.elementSize(i)
		}
	}
	live := from.top() - from.dead()
	left, l := newMapLeaf(t.a, from.form(), mapHeader+mapGroups(n-count)+live-size)
	right, r := newMapLeaf(t.a, from.form(), mapHeader+mapGroups(count)+size)
	for i := range n {
		if upper[i] {
			r.take(from, i)
		} else {
			l.take(from, i)
		}
	}
	t.a.free(t.leaf)
	t.divide(left, right, middle, n-count, count)
}

// mapDelete removes a name and tells whether it was there.
func (t *tree) mapDelete(name []byte) bool {
	if t.root == 0 {
		return false
	}
	hash := t.r.hash(name)
	t.byKey(hash >> orderShift)
	i := t.r.mapFind(t.r.mapLeaf(t.leaf), hash, name)
	if i < 0 {
		return false
	}
	t.own()
	l := t.r.mapLeaf(t.leaf)
	l.drop(t.a, i)
	t.add(-1)
	switch live := l.live(); {
	case l.len() == 0:
		t.a.free(t.leaf)
		t.remove()
	case live < mapLeafMin && t.mapJoin(live):
	case wasteful(live, l.size()):
		t.mapRebuild(live)
	}
	return true
}

// mapJoin puts the leaf and one next to it into one, if that leaves room to
// grow.
func (t *tree) mapJoin(live int) bool {
	left, right := t.siblings()
	for _, other := range [2]handle{left, right} {
		if other == 0 {
			continue
		}
		l, o := t.r.mapLeaf(t.leaf), t.r.mapLeaf(other)
		need := live + o.live() + mapGroup
		if need > mapLeafMax*3/4 {
			continue
		}
		h, joined := newMapLeaf(t.a, l.form(), need)
		joined.takeAll(l)
		joined.takeAll(o)
		t.a.free(t.leaf)
		if valueRefs(t.a, other) > 1 {
			o.eachNamed(func(h handle) { retainValue(t.a, h) })
			releaseValue(t.a, other)
		} else {
			t.a.free(other)
		}
		t.join(other == right, h, joined.len())
		return true
	}
	return false
}
