// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "github.com/espalier-io/espalier/node/listpack"

func (l *ListEditor) look() listLeaf { return l.a.listLeaf(l.leaf) }

// leafLen is the number of elements in the trail's leaf.
func (l *ListEditor) leafLen() int {
	if l.depth == 0 {
		return l.count
	}
	up := l.steps[l.depth-1]
	return l.a.inner(up.h).count(up.i)
}

// admits says whether the trail's leaf takes one more element of so many bytes.
func (l *ListEditor) admits(size int) bool {
	leaf := l.look()
	return !leaf.plain() && l.fill.admits(len(leaf.bytes()), l.leafLen(), size)
}

// openLeaf returns the listpack of the trail's leaf to be edited, with the capacity
// for so many bytes more.
func (l *ListEditor) openLeaf(more int) []byte {
	l.own()
	size := valueHeader + len(l.look().bytes())
	if have := l.a.sizeOf(l.leaf); size+more > have {
		h, _ := l.a.resize(l.leaf, size+more, size)
		l.setLeaf(h, 0)
	}
	return l.room(l.leaf)
}

// room returns the listpack of a leaf with what its block has left as capacity.
func (l *ListEditor) room(h handle) []byte { return l.a.listLeaf(h).room(l.a.sizeOf(h)) }

// trim gives memory back that the trail's leaf does not need any more.
func (l *ListEditor) trim() {
	size := valueHeader + len(l.look().bytes())
	if wasteful(size, l.a.sizeOf(l.leaf)) {
		h, _ := l.a.resize(l.leaf, size, size)
		l.setLeaf(h, 0)
	}
}

// counted adds to the number of elements, of the list and of the trail's leaf.
func (l *ListEditor) counted(delta int) {
	l.add(delta)
	l.count += delta
}

// newLeaf makes a leaf of one element.
func (l *ListEditor) newLeaf(element []byte) handle {
	if len(element) >= l.plain {
		return newListPlain(l.a, element)
	}
	h := newListLeaf(l.a, listpack.New(), listpack.Size(element))
	listpack.Append(l.room(h), element)
	return h
}

// beside puts a leaf of n elements behind the trail's leaf or before it.
func (l *ListEditor) beside(h handle, n int, behind bool) {
	if l.count == 0 {
		l.root = h
	} else if have := l.leafLen(); behind {
		l.ownPath()
		l.divide(l.leaf, h, 0, have, n)
	} else {
		l.ownPath()
		l.divide(h, l.leaf, 0, n, have)
	}
	l.count += n
}

// push puts an element at one of the ends.
func (l *ListEditor) push(element []byte, tail bool) {
	if l.count > 0 {
		if tail {
			l.last()
		} else {
			l.first()
		}
		if len(element) < l.plain && l.admits(len(element)) {
			l.edge(element, tail)
			return
		}
	}
	l.beside(l.newLeaf(element), 1, tail)
}

// edge puts an element at one of the ends of the trail's leaf.
func (l *ListEditor) edge(element []byte, tail bool) {
	lp := l.openLeaf(listpack.Size(element))
	if tail {
		listpack.Append(lp, element)
	} else {
		listpack.Prepend(lp, element)
	}
	l.counted(1)
}

// insert puts an element behind or before the i-th.
func (l *ListEditor) insert(i int, element []byte, behind bool) {
	at := l.byRank(i)
	edge := 0
	if behind {
		edge = l.leafLen() - 1
	}
	switch {
	case len(element) < l.plain && l.admits(len(element)):
		lp := l.openLeaf(listpack.Size(element))
		if behind {
			at++
		}
		listpack.Insert(lp, place(lp, at), element)
		l.counted(1)
	case at != edge:
		l.split(i, at, element, behind)
	case len(element) < l.plain && l.neighbour(behind) && l.admits(len(element)):
		l.edge(element, !behind)
	default:
		l.byRank(i)
		l.beside(l.newLeaf(element), 1, behind)
	}
}

// neighbour goes on to the leaf behind or before, if there is one.
func (l *ListEditor) neighbour(behind bool) bool {
	if behind {
		return l.next()
	}
	return l.prev()
}

// place returns the offset of an element, or the end for the one behind the
// last.
func place(lp []byte, i int) int {
	if off := listpack.Seek(lp, i); off >= 0 {
		return off
	}
	return listpack.End(lp)
}

// split makes two leaves of the trail's leaf, which is full, to put an element
// behind or before the one at a place in it, the i-th of the list. The element
// goes to that part which does not have the i-th; a large one between the two.
func (l *ListEditor) split(i, at int, element []byte, behind bool) {
	start, all := i-at, l.leafLen()
	if behind {
		at++
	}
	old, nl, nr := l.leaf, at, all-at
	large := len(element) >= l.plain
	var left, right handle
	switch {
	case large:
		left, right = l.cut(0, at, 0), l.cut(at, all, 0)
	case behind:
		left, right = l.cut(0, at, 0), l.cut(at, all, listpack.Size(element))
		listpack.Prepend(l.room(right), element)
		nr++
	default:
		left, right = l.cut(0, at, listpack.Size(element)), l.cut(at, all, 0)
		listpack.Append(l.room(left), element)
		nl++
	}
	l.ownPath()
	l.divide(left, right, 0, nl, nr)
	releaseValue(l.a, old)
	l.count += nl + nr - all
	switch {
	case large:
		l.byRank(start)
		l.beside(l.newLeaf(element), 1, true)
	case behind:
		l.joinAround(start)
	default:
		l.joinAround(start + nl)
	}
}

// cut makes a new leaf of the elements of the trail's leaf from i to j, with
// room for more bytes.
func (l *ListEditor) cut(i, j, more int) handle {
	lp := l.look().bytes()
	h := newListLeaf(l.a, lp, 0)
	own := l.room(h)
	own = listpack.Delete(own, place(own, j), l.leafLen()-j)
	own = listpack.Delete(own, place(own, 0), i)
	size := valueHeader + len(own)
	h, _ = l.a.resize(h, size+more, size)
	return h
}

// joinAround joins the leaves about the one that begins with the i-th element as
// far as they may be: those before it, those behind it, it with the one before,
// it with the one behind.
func (l *ListEditor) joinAround(i int) {
	l.byRank(i)
	behind := i + l.leafLen()
	if i > 0 {
		l.byRank(i - 1)
		if before := i - l.leafLen(); before > 0 {
			l.joinNext(before - 1)
		}
	}
	if behind < l.count {
		l.joinNext(behind)
	}
	if i > 0 {
		l.joinNext(i - 1)
	}
	l.joinNext(i)
}

// joinNext makes one leaf of that with the i-th element and the next one, if
// the two may be.
func (l *ListEditor) joinNext(i int) {
	l.byRank(i)
	left, nl := l.look(), l.leafLen()
	if left.plain() || !l.next() {
		return
	}
	right, nr := l.look(), l.leafLen()
	if right.plain() || !l.fill.joins(len(left.bytes()), nl, len(right.bytes()), nr) {
		return
	}
	gone := l.leaf
	l.byRank(i)
	lp := l.openLeaf(len(right.bytes()))
	listpack.Merge(lp, right.bytes())
	l.add(nr)
	l.next()
	l.ownPath()
	l.remove()
	releaseValue(l.a, gone)
}

// Set replaces the i-th element.
func (l *ListEditor) Set(i int, element []byte) {
	at := l.byRank(i)
	large, plain := len(element) >= l.plain, l.look().plain()
	switch {
	case large != plain:
		l.insert(i, element, true)
		l.Delete(i, 1)
	case plain:
		l.ownPath()
		old := l.leaf
		l.setLeaf(newListPlain(l.a, element), 0)
		releaseValue(l.a, old)
	default:
		lp := l.openLeaf(listpack.Size(element))
		listpack.Replace(lp, listpack.Seek(lp, at), element)
		l.trim()
	}
}

// Delete takes n elements out from the i-th on. Whole leaves go without a look at
// their elements.
func (l *ListEditor) Delete(i, n int) {
	if n > 0 && n == l.count {
		// The tree goes as it is, bit by bit.
		releaseValue(l.a, l.root)
		l.root, l.count = 0, 0
		return
	}
	for n > 0 {
		at, all := l.byRank(i), l.leafLen()
		k := min(n, all-at)
		if k == all {
			l.ownPath()
			old := l.leaf
			l.remove()
			releaseValue(l.a, old)
			l.count -= k
		} else {
			lp := l.openLeaf(0)
			listpack.Delete(lp, place(lp, at), k)
			l.counted(-k)
			l.trim()
		}
		n -= k
	}
}
