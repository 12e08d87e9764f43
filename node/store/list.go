// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "iter"

// List is a look at a list, as Hash is one at a hash.
type List struct{ collection }

// List returns a look at the value, which must be a list.
func (v Value) List() List { return List{v.collection()} }

// Len returns the number of elements.
func (l List) Len() int { panic("unfinished") }

// At returns the i-th element, 0 <= i < Len.
func (l List) At(i int) []byte { panic("unfinished") }

// Ascend yields the elements from the i-th on towards the tail.
func (l List) Ascend(i int) iter.Seq[[]byte] { panic("unfinished") }

// Descend yields the elements from the i-th on towards the head.
func (l List) Descend(i int) iter.Seq[[]byte] { panic("unfinished") }

// ListNode is a run of a list's elements as Redis's quicklist has them: a
// listpack or, where an element is too large for that, its bytes as they are.
type ListNode struct {
	Data  []byte
	Plain bool
}

// NumNodes returns the number of nodes.
func (l List) NumNodes() int { panic("unfinished") }

// Nodes yields the nodes from head to tail.
func (l List) Nodes() iter.Seq[ListNode] { panic("unfinished") }

// ListEditor changes one list, as HashEditor does a hash.
type ListEditor struct{ editor }

// EditList opens the list under a key, as EditHash does a hash.
func (db *DB) EditList(key []byte) *ListEditor { panic("unfinished") }

// List is a look at the list as it is now, valid until the next change.
func (l *ListEditor) List() List { panic("unfinished") }

// PushHead puts an element before the first.
func (l *ListEditor) PushHead(element []byte) { panic("unfinished") }

// PushTail puts an element behind the last.
func (l *ListEditor) PushTail(element []byte) { panic("unfinished") }

// Insert puts an element before the i-th, 0 <= i <= Len.
func (l *ListEditor) Insert(i int, element []byte) { panic("unfinished") }

// Set replaces the i-th element.
func (l *ListEditor) Set(i int, element []byte) { panic("unfinished") }

// Delete takes n elements out from the i-th on.
func (l *ListEditor) Delete(i, n int) { panic("unfinished") }

// AppendNode puts a node of a dump behind the last one as it is. The caller has
// made sure that it is whole.
func (l *ListEditor) AppendNode(node ListNode) { panic("unfinished") }

// Close ends the changes, see HashEditor.Close.
func (l *ListEditor) Close() (emptied bool) { panic("unfinished") }
