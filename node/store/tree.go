// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

// A tree holds the elements of a large collection: leaves whose layout depends
// on the type, below inner nodes that are the same for all types. A tree of one
// leaf has no inner node.

// maxDepth bounds the number of inner nodes above a leaf. With fanoutMin
// children in most nodes, 2^32 elements need no more than eight.
const maxDepth = 12

// step is an inner node with the child through which a way goes on.
type step struct {
	h handle
	i int
}

// trail is a way through a tree to one of its leaves.
type trail struct {
	r     *reader
	root  handle
	leaf  handle
	depth int // number of steps
	steps [maxDepth]step
}

// byKey goes to the leaf whose bounds a key lies in.
func (t *trail) byKey(key uint64) {
	h := t.root
	d := 0
	for p := t.r.ptr(h); kindOf(p) == kindInner; p = t.r.ptr(h) {
		n := inner{p}
		i := n.byKey(key)
		t.steps[d] = step{h, i}
		d++
		h = n.child(i)
	}
	t.leaf, t.depth = h, d
}

// byRank goes to the leaf with the element of a rank and returns the element's
// rank in the leaf. With the rank beyond the last, that is the last leaf's end.
func (t *trail) byRank(rank int) (rest int) {
	t.leaf, t.depth = t.root, 0
	return t.down(rank)
}

// down goes on from t.leaf, which may still be an inner node, by rank.
func (t *trail) down(rank int) (rest int) {
	h := t.leaf
	for p := t.r.ptr(h); kindOf(p) == kindInner; p = t.r.ptr(h) {
		n := inner{p}
		var i int
		i, rank = n.byRank(rank)
		t.steps[t.depth] = step{h, i}
		t.depth++
		h = n.child(i)
	}
	t.leaf = h
	return rank
}

// first and last go to the leaves at the ends.
func (t *trail) first() { t.byRank(0) }
func (t *trail) last()  { t.byRank(1 << 62) }

// next goes to the leaf that follows and reports whether there is one; if not,
// the trail stays.
func (t *trail) next() bool {
	for d := t.depth - 1; d >= 0; d-- {
		n := t.r.inner(t.steps[d].h)
		if i := t.steps[d].i + 1; i < n.len() {
			t.steps[d].i = i
			t.leaf, t.depth = n.child(i), d+1
			t.down(0)
			return true
		}
	}
	return false
}

// prev goes to the leaf before and reports whether there is one; if not, the
// trail stays.
func (t *trail) prev() bool {
	for d := t.depth - 1; d >= 0; d-- {
		if i := t.steps[d].i - 1; i >= 0 {
			t.steps[d].i = i
			t.leaf, t.depth = t.r.inner(t.steps[d].h).child(i), d+1
			t.down(1 << 62)
			return true
		}
	}
	return false
}

// lower returns the bound of the leaf, 0 if it is the first.
func (t *trail) lower() uint64 {
	for d := t.depth - 1; d >= 0; d-- {
		if i := t.steps[d].i; i > 0 {
			return t.r.inner(t.steps[d].h).key(i)
		}
	}
	return 0
}

// upper returns the bound of the leaf that follows; ok is false if there is
// none.
func (t *trail) upper() (key uint64, ok bool) {
	for d := t.depth - 1; d >= 0; d-- {
		n := t.r.inner(t.steps[d].h)
		if i := t.steps[d].i + 1; i < n.len() {
			return n.key(i), true
		}
	}
	return 0, false
}

// tree is a tree that is being edited, by way of the trail to one of its
// leaves. What changes only that leaf keeps the trail; what changes the inner
// nodes' children (divide, remove, join) leaves it useless until the next way is
// gone.
type tree struct {
	trail
	a *arena
}

// begin starts the edit of a tree.
func (t *tree) begin(a *arena, root handle) { t.a, t.r, t.root = a, &a.reader, root }

// ownPath makes the inner nodes of the trail the tree's own, to be written.
func (t *tree) ownPath() {
	for d := range t.depth {
		h := t.steps[d].h
		own := t.a.unshare(h)
		if own != h {
			t.name(d, own)
		}
	}
}

// own makes all blocks of the trail the tree's own, to be written.
func (t *tree) own() {
	t.ownPath()
	if own := t.a.unshare(t.leaf); own != t.leaf {
		t.name(t.depth, own)
	}
}

// name puts another block on the trail, as node of depth d or, with d the depth
// of the trail, as leaf.
func (t *tree) name(d int, h handle) {
	if d == t.depth {
		t.leaf = h
	} else {
		t.steps[d].h = h
	}
	if d == 0 {
		t.root = h
		return
	}
	up := t.steps[d-1]
	t.a.inner(up.h).setChild(up.i, h)
}

// setLeaf puts another block, or the same, into the place of the leaf, with so
// many more elements, and the path must be the tree's own. The old block is the
// caller's.
func (t *tree) setLeaf(h handle, delta int) {
	t.add(delta)
	if h != t.leaf {
		t.name(t.depth, h)
	}
}

// add counts elements that have come into the leaf.
func (t *tree) add(delta int) {
	if delta == 0 {
		return
	}
	for d := range t.depth {
		t.a.inner(t.steps[d].h).addCount(t.steps[d].i, delta)
	}
}

// siblings returns the leaves next to the trail's that have the same parent, 0
// where there is none.
func (t *tree) siblings() (left, right handle) {
	if t.depth == 0 {
		return 0, 0
	}
	up := t.steps[t.depth-1]
	n := t.a.inner(up.h)
	if up.i > 0 {
		left = n.child(up.i - 1)
	}
	if up.i+1 < n.len() {
		right = n.child(up.i + 1)
	}
	return left, right
}

// divide puts two blocks with nl and nr elements into the place of the leaf.
// The path must be the tree's own; the old leaf, if it is not one of the two, is
// the caller's.
func (t *tree) divide(left, right handle, key uint64, nl, nr int) {
	if t.depth > 0 {
		up := t.steps[t.depth-1]
		n := t.a.inner(up.h)
		t.add(nl + nr - n.count(up.i))
	}
	t.name(t.depth, left)
	t.insert(t.depth, right, key, nl, nr)
}

// insert puts a node behind the trail's node of depth d, which has nl elements;
// those of the ancestors' children are right already.
func (t *tree) insert(d int, right handle, key uint64, nl, nr int) {
	if d == 0 {
		level := 1
		if t.depth > 0 {
			level = t.a.inner(t.root).level() + 1
		}
		h, n := newInner(t.a, level, 4)
		n.setLen(2)
		n.set(0, t.root, 0, nl)
		n.set(1, right, key, nr)
		t.root = h
		return
	}
	up := t.steps[d-1]
	n := t.a.inner(up.h)
	n.setCount(up.i, nl)
	at := up.i + 1
	if n.len() < fanout {
		h, n := t.a.reserveInner(up.h, n.len()+1)
		if h != up.h {
			t.name(d-1, h)
		}
		n.open(at, 1)
		n.set(at, right, key, nr)
		return
	}
	// At the end nothing moves, so that what is appended leaves full nodes.
	half := fanout / 2
	if at == fanout {
		half = fanout
	}
	h, m := newInner(t.a, n.level(), fanout-half+1)
	m.setLen(fanout - half)
	m.move(0, n, half, fanout-half)
	n.setLen(half)
	into := n
	if at > half || half == fanout {
		into, at = m, at-half
	}
	into.open(at, 1)
	into.set(at, right, key, nr)
	t.insert(d-1, h, m.key(0), n.total(), m.total())
}

// remove takes the leaf out of the tree; the block is the caller's. The path
// must be the tree's own. The root of an empty tree is 0.
func (t *tree) remove() {
	if t.depth == 0 {
		t.root = 0
		return
	}
	up := t.steps[t.depth-1]
	t.add(-t.a.inner(up.h).count(up.i))
	t.drop(t.depth-1, up.i)
}

// join puts one block with count elements into the place of the leaf and its
// sibling, the right or the left one; the old blocks are the caller's. The path
// must be the tree's own.
func (t *tree) join(right bool, h handle, count int) {
	up := t.steps[t.depth-1]
	n := t.a.inner(up.h)
	at := up.i
	if !right {
		at--
	}
	t.add(count - n.count(at) - n.count(at+1))
	n.setCount(at, count)
	n.setChild(at, h)
	t.drop(t.depth-1, at+1)
}

// drop takes a child out of the trail's inner node of depth d, and joins that
// node with a neighbour if it has become small.
func (t *tree) drop(d, i int) {
	h := t.steps[d].h
	n := t.a.inner(h)
	n.remove(i, 1)
	switch {
	case d == 0:
		t.flatten()
	case n.len() == 0:
		t.a.free(h)
		t.drop(d-1, t.steps[d-1].i)
	case n.len() < fanoutMin:
		t.fuse(d)
	}
}

// flatten takes inner nodes off the top that have one child or none.
func (t *tree) flatten() {
	for kindOf(t.a.ptr(t.root)) == kindInner {
		switch t.a.inner(t.root).len() {
		case 0:
			t.a.free(t.root)
			t.root = 0
			return
		case 1:
			// The reference to the child passes over from the node, which may
			// be a shared one, to the tree.
			old := t.a.unshare(t.root)
			t.root = t.a.inner(old).child(0)
			t.a.free(old)
		default:
			return
		}
	}
}

// fuse joins the trail's inner node of depth d with one next to it, if both
// together fill no more than three quarters of a node.
func (t *tree) fuse(d int) {
	up := t.steps[d-1]
	parent := t.a.inner(up.h)
	for _, at := range [2]int{up.i - 1, up.i} {
		if at < 0 || at+1 >= parent.len() {
			continue
		}
		l, r := parent.child(at), parent.child(at+1)
		nl, nr := t.a.inner(l).len(), t.a.inner(r).len()
		if nl+nr > fanout*3/4 {
			continue
		}
		l, r = t.a.unshare(l), t.a.unshare(r)
		l, n := t.a.reserveInner(l, nl+nr)
		m := t.a.inner(r)
		n.setLen(nl + nr)
		n.move(nl, m, 0, nr)
		n.setKey(nl, parent.key(at+1)) // that of the first child had no meaning
		t.a.free(r)
		parent.setChild(at, l)
		parent.setCount(at, parent.count(at)+parent.count(at+1))
		t.drop(d-1, at+1)
		return
	}
}
