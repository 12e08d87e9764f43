// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
)

// scoreKey turns a score into a bound of a tree: keys sort as scores do, and the
// two zeros are the same.
func scoreKey(score float64) uint64 {
	bits := math.Float64bits(score + 0)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}

func (r *reader) orderedLeaf(h handle) orderedLeaf { return orderedLeaf{r.ptr(h)} }

// firstLeaf returns the first leaf below a node.
func (r *reader) firstLeaf(h handle) orderedLeaf {
	p := r.ptr(h)
	for ; kindOf(p) == kindInner; p = r.ptr(h) {
		h = inner{p}.child(0)
	}
	return orderedLeaf{p}
}

// before returns how many elements come before a child.
func (n inner) before(i int) int {
	sum := 0
	for j := range i {
		sum += n.count(j)
	}
	return sum
}

// byScore returns the child in which a member has its place: the last one that
// does not begin beyond it. Where bounds tie, children tell by their first
// members.
func (r *reader) byScore(n inner, score float64, member []byte) int {
	key := scoreKey(score)
	i := n.byKey(key)
	if i == 0 || n.key(i) < key {
		return i
	}
	lo, hi := 0, i
	for lo < hi {
		mid := int(uint(lo+hi+1) >> 1)
		if n.key(mid) < key || r.firstLeaf(n.child(mid)).compare(r, 0, score, member) <= 0 {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// byScore goes to the leaf in which a member has its place.
func (t *trail) byScore(score float64, member []byte) orderedLeaf {
	h, d := t.root, 0
	p := t.r.ptr(h)
	for ; kindOf(p) == kindInner; p = t.r.ptr(h) {
		n := inner{p}
		i := t.r.byScore(n, score, member)
		t.steps[d] = step{h, i}
		d++
		h = n.child(i)
	}
	t.leaf, t.depth = h, d
	return orderedLeaf{p}
}

// orderedAt returns the leaf with the member of a rank, and its place there.
func (r *reader) orderedAt(h handle, rank int) (l orderedLeaf, i int) {
	p := r.ptr(h)
	for ; kindOf(p) == kindInner; p = r.ptr(h) {
		n := inner{p}
		var child int
		child, rank = n.byRank(rank)
		h = n.child(child)
	}
	return orderedLeaf{p}, rank
}

// orderedRank returns how many members come before the given one.
func (r *reader) orderedRank(h handle, score float64, member []byte) (rank int, ok bool) {
	p := r.ptr(h)
	for ; kindOf(p) == kindInner; p = r.ptr(h) {
		n := inner{p}
		i := r.byScore(n, score, member)
		rank += n.before(i)
		h = n.child(i)
	}
	i, ok := orderedLeaf{p}.find(r, score, member)
	return rank + i, ok
}

// orderedBelow returns how many scores are below the given one or, with
// inclusive, at most that.
func (r *reader) orderedBelow(h handle, score float64, inclusive bool) int {
	rank, key := 0, scoreKey(score)
	p := r.ptr(h)
	for ; kindOf(p) == kindInner; p = r.ptr(h) {
		n := inner{p}
		i := 0
		if inclusive {
			i = n.byKey(key)
		} else if key > 0 {
			i = n.byKey(key - 1)
		}
		rank += n.before(i)
		h = n.child(i)
	}
	return rank + orderedLeaf{p}.countBelow(score, inclusive)
}

// eachLong calls visit for the value blocks of the members from i to j.
func (l orderedLeaf) eachLong(i, j int, visit func(handle)) {
	n := l.len()
	for ; i < j; i++ {
		if from, _, long := l.span(n, i); long {
			visit(load40(l.textAt(n, from)))
		}
	}
}

// newOrderedLeaf makes a leaf of the members of src from i to j, with room for
// more bytes.
func newOrderedLeaf(a *arena, src orderedLeaf, i, j, more int) handle {
	h, p := a.alloc(src.rangeSize(i, j) + more)
	setHeader(p, kindOrderedLeaf)
	l := orderedLeaf{p}
	l.fill(src, i, j)
	l.eachLong(0, j-i, func(h handle) { retainValue(a, h) })
	return h
}

// orderedTree is the tree of a sorted set by score, being edited.
type orderedTree struct{ tree }

// open returns the trail's leaf to be edited, with room for so many bytes more.
func (t *orderedTree) open(more int) orderedLeaf {
	t.own()
	size := t.a.orderedLeaf(t.leaf).size()
	if size+more > t.a.sizeOf(t.leaf) {
		h, _ := t.a.resize(t.leaf, size+more, size)
		t.setLeaf(h, 0)
	}
	return t.a.orderedLeaf(t.leaf)
}

// insert puts in a member that is not there; raw is what stands for it in a
// leaf.
func (t *orderedTree) insert(score float64, member, raw []byte, long bool) {
	if t.root == 0 {
		t.root = t.single(score, raw, long)
		return
	}
	l := t.byScore(score, member)
	i, _ := l.find(t.r, score, member)
	if l.size()+orderedItem+len(raw) > orderedLeafMax {
		t.split(l, i, score, raw, long)
		return
	}
	l = t.open(orderedItem + len(raw))
	l.insert(i, score, raw, long)
	t.add(1)
}

// single makes a leaf of one member.
func (t *orderedTree) single(score float64, raw []byte, long bool) handle {
	h, p := t.a.alloc(orderedHead + orderedItem + len(raw))
	setHeader(p, kindOrderedLeaf)
	l := orderedLeaf{p}
	l.setLen(0)
	l.insert(0, score, raw, long)
	return h
}

// split makes two leaves of the trail's leaf, with one more member at place i.
func (t *orderedTree) split(l orderedLeaf, i int, score float64, raw []byte, long bool) {
	old, n := t.leaf, l.len()
	t.ownPath()
	switch at := l.half(i); at {
	case 0:
		t.divide(t.single(score, raw, long), old, scoreKey(l.score(0)), 1, n)
	case n:
		t.divide(old, t.single(score, raw, long), scoreKey(score), n, 1)
	default:
		nl, nr, more := at, n-at, orderedItem+len(raw)
		left := newOrderedLeaf(t.a, l, 0, at, more)
		right := newOrderedLeaf(t.a, l, at, n, more)
		if i <= at {
			t.a.orderedLeaf(left).insert(i, score, raw, long)
			nl++
		} else {
			t.a.orderedLeaf(right).insert(i-at, score, raw, long)
			nr++
		}
		t.divide(left, right, scoreKey(l.score(at)), nl, nr)
		releaseValue(t.a, old)
	}
}

// cut takes k members of the trail's leaf out, from place i on.
func (t *orderedTree) cut(i, k int) {
	l := t.a.orderedLeaf(t.leaf)
	if k == l.len() {
		t.ownPath()
		old := t.leaf
		t.remove()
		releaseValue(t.a, old)
		return
	}
	l = t.open(0)
	l.eachLong(i, i+k, func(h handle) { releaseValue(t.a, h) })
	l.remove(i, k)
	t.add(-k)
	size := l.size()
	if size < orderedLeafMax/4 && t.merge(l) {
		return
	}
	if wasteful(size, t.a.sizeOf(t.leaf)) {
		h, _ := t.a.resize(t.leaf, size, size)
		t.setLeaf(h, 0)
	}
}

// merge joins the trail's leaf, which has become small, with one beside it, if
// both together leave room for more.
func (t *orderedTree) merge(l orderedLeaf) bool {
	left, right := t.siblings()
	for _, h := range [2]handle{left, right} {
		if h == 0 {
			continue
		}
		other := t.a.orderedLeaf(h)
		size := l.size() + other.size() - orderedHead
		if size > orderedLeafMax*3/4 {
			continue
		}
		first, second := l, other
		if h == left {
			first, second = other, l
		}
		old := t.leaf
		joined := newOrderedLeaf(t.a, first, 0, first.len(), second.size()-orderedHead)
		second.eachLong(0, second.len(), func(h handle) { retainValue(t.a, h) })
		t.a.orderedLeaf(joined).join(second)
		t.join(h == right, joined, l.len()+other.len())
		releaseValue(t.a, old)
		releaseValue(t.a, h)
		return true
	}
	return false
}
