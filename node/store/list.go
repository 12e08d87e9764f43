// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"

	"github.com/espalier-io/espalier/node/listpack"
)

// List is a look at a list, as Hash is one at a hash.
type List struct{ collection }

// List returns a look at the value, which must be a list.
func (v Value) List() List { return List{v.collection()} }

// Len returns the number of elements.
func (l List) Len() int { return l.count }

// At returns the i-th element, 0 <= i < Len.
func (l List) At(i int) []byte {
	h := l.root
	p := l.r.ptr(h)
	for ; kindOf(p) == kindInner; p = l.r.ptr(h) {
		n := inner{p}
		var child int
		child, i = n.byRank(i)
		h = n.child(child)
	}
	leaf := listLeaf{p}
	if leaf.plain() {
		return leaf.bytes()
	}
	lp := leaf.bytes()
	return l.r.element(lp, listpack.Seek(lp, i), 0)
}

// Ascend yields the elements from the i-th on towards the tail.
func (l List) Ascend(i int) iter.Seq[[]byte] {
	return l.walk(i, listpack.Next, (*trail).next, 0)
}

// Descend yields the elements from the i-th on towards the head.
func (l List) Descend(i int) iter.Seq[[]byte] {
	return l.walk(i, listpack.Prev, (*trail).prev, -1)
}

// walk yields the elements from the i-th on in the direction of step, which goes
// on in a leaf, and turn, which goes on to the next one, where it begins at the
// place begin.
func (l List) walk(i int, step func([]byte, int) int, turn func(*trail) bool, begin int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if i < 0 || i >= l.count {
			return
		}
		t := trail{r: l.r, root: l.root}
		for at := t.byRank(i); ; at = begin {
			leaf := l.r.listLeaf(t.leaf)
			lp := leaf.bytes()
			if leaf.plain() {
				if !yield(lp) {
					return
				}
			} else {
				for off := listpack.Seek(lp, at); off >= 0; off = step(lp, off) {
					if !yield(l.r.element(lp, off, 0)) {
						return
					}
				}
			}
			if !turn(&t) {
				return
			}
		}
	}
}

// ListNode is a run of a list's elements as Redis's quicklist has them: a
// listpack or, where an element is too large for that, its bytes as they are.
type ListNode struct {
	Data  []byte
	Plain bool
}

// NumNodes returns the number of nodes. It counts them.
func (l List) NumNodes() int {
	if l.count == 0 {
		return 0
	}
	return l.r.numLeaves(l.root)
}

// numLeaves counts the leaves of a tree.
func (r *reader) numLeaves(h handle) int {
	p := r.ptr(h)
	if kindOf(p) != kindInner {
		return 1
	}
	n := inner{p}
	if n.level() == 1 {
		return n.len()
	}
	sum := 0
	for i := range n.len() {
		sum += r.numLeaves(n.child(i))
	}
	return sum
}

// Nodes yields the nodes from head to tail.
func (l List) Nodes() iter.Seq[ListNode] {
	return func(yield func(ListNode) bool) {
		if l.count == 0 {
			return
		}
		t := trail{r: l.r, root: l.root}
		t.first()
		for more := true; more; more = t.next() {
			leaf := l.r.listLeaf(t.leaf)
			if !yield(ListNode{leaf.bytes(), leaf.plain()}) {
				return
			}
		}
	}
}

// ListEditor changes one list, as HashEditor does a hash. What it does to the
// nodes is in list_edit.go.
type ListEditor struct {
	editor
	fill  listFill
	plain int // size from which on an element is a leaf of its own
}

// EditList opens the list under a key, as EditHash does a hash.
func (db *DB) EditList(key []byte) *ListEditor {
	l := &db.st.editors.list
	l.fill, l.plain = listFill(db.st.limits.ListNode), db.st.limits.ListPlain
	if !l.open(db, key, TypeList) {
		l.enc = EncQuicklist
	}
	return l
}

// List is a look at the list as it is now, valid until the next change.
func (l *ListEditor) List() List { return List{l.collection()} }

// PushHead puts an element before the first.
func (l *ListEditor) PushHead(element []byte) { l.push(element, false) }

// PushTail puts an element behind the last.
func (l *ListEditor) PushTail(element []byte) { l.push(element, true) }

// Insert puts an element before the i-th, 0 <= i <= Len, as LINSERT BEFORE does.
func (l *ListEditor) Insert(i int, element []byte) {
	switch {
	case l.count == 0:
		l.push(element, false)
	case i == l.count:
		l.insert(i-1, element, true)
	default:
		l.insert(i, element, false)
	}
}

// InsertAfter puts an element behind the i-th, 0 <= i < Len, as LINSERT AFTER
// does: the list is the same as with Insert before the next one, but not always
// its nodes.
func (l *ListEditor) InsertAfter(i int, element []byte) { l.insert(i, element, true) }

// AppendNode puts a node of a dump behind the last one as it is. The caller has
// made sure that it is whole and not empty.
func (l *ListEditor) AppendNode(node ListNode) {
	if l.count > 0 {
		l.last()
	}
	if node.Plain {
		l.beside(newListPlain(l.a, node.Data), 1, true)
		return
	}
	l.beside(newListLeaf(l.a, node.Data, 0), listpack.Len(node.Data), true)
}

// Close ends the changes, see HashEditor.Close.
func (l *ListEditor) Close() (emptied bool) { return l.close(l.count) }
