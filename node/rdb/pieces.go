// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"fmt"
	"iter"
)

// value reads one value after the other, in memory that it uses again. A value
// that comes in parts is read as they are asked for: more reads the next one
// into the fields that fit the type, and the iterators, which every item shares,
// hand it on.
type value struct {
	in   *input
	more func(v *value) (ok bool, err error) // nil at the end
	err  error                               // what ended the parts early
	held bool                                // the next part was read already

	name  []byte // an element, a field, a member
	val   []byte // of a field
	score float64
	node  ListNode

	left uint64 // parts, where the dump counts them
	blob []byte // a packed form whose parts are handed on one by one
	form form   // of it
	at   int    // of the next one in it

	names names

	elements iter.Seq[[]byte]
	fields   iter.Seq2[[]byte, []byte]
	scores   iter.Seq2[[]byte, float64]
	nodes    iter.Seq[ListNode]
}

func newValue(in *input) *value {
	v := &value{in: in}
	v.elements = func(yield func([]byte) bool) {
		for v.next() && yield(v.name) {
		}
	}
	v.fields = func(yield func(field, val []byte) bool) {
		for v.next() && yield(v.name, v.val) {
		}
	}
	v.scores = func(yield func(member []byte, score float64) bool) {
		for v.next() && yield(v.name, v.score) {
		}
	}
	v.nodes = func(yield func(ListNode) bool) {
		for v.next() && yield(v.node) {
		}
	}
	return v
}

// read reads a value, or its beginning. errNoElements is one that was read
// whole and has none.
func (v *value) read(c code, it *Item) error {
	v.more, v.err, v.held, v.at, v.form = nil, nil, false, 0, form{}
	return readers[c](v, it)
}

// next reads the next part.
func (v *value) next() bool {
	if v.held {
		v.held = false
		return true
	}
	if v.more == nil {
		return false
	}
	ok, err := v.more(v)
	if !ok || err != nil {
		v.more, v.err = nil, err
	}
	return ok && err == nil
}

// drain reads the parts that nobody asked for, and tells whether all were
// whole.
func (v *value) drain() error {
	for v.next() {
	}
	return v.err
}

// keepBuffer bounds what one huge value leaves behind for the next ones.
const keepBuffer = 1 << 20

// forget lets go of what one huge value took.
func (v *value) forget() {
	for _, b := range []*[]byte{&v.name, &v.val, &v.blob, &v.node.Data} {
		if cap(*b) > keepBuffer {
			*b = nil
		}
	}
	v.names.forget()
}

// counted begins a value of parts whose number comes first. more reads one.
func (v *value) counted(it *Item, count string, more func(v *value) error) (err error) {
	if v.left, err = v.in.count(count); err != nil {
		return err
	}
	if v.left == 0 {
		return errNoElements
	}
	it.Count = v.left
	v.more = func(v *value) (bool, error) {
		if v.left == 0 {
			return false, nil
		}
		v.left--
		return true, more(v)
	}
	return nil
}

// nonEmpty reads the first part of a value that may turn out to have none.
func (v *value) nonEmpty() error {
	v.held = v.next()
	if !v.held && v.err == nil {
		return errNoElements
	}
	return v.err
}

// packed reads a collection in one piece.
func (v *value) packed(f form) (at int64, err error) {
	at, v.form = v.in.offset(), f
	v.blob, err = v.in.text(v.blob[:0], f.what)
	return at, err
}

// form names a packed form, for an error and in Redis's words.
type form struct{ what, title string }

var (
	formHashListpack = form{"a listpack of a hash", "Hash listpack"}
	formHashZiplist  = form{"a ziplist of a hash", "Hash ziplist"}
	formHashZipmap   = form{"a zipmap of a hash", "Zipmap"}
	formZSetListpack = form{"a listpack of a sorted set", "Zset listpack"}
	formZSetZiplist  = form{"a ziplist of a sorted set", "Zset ziplist"}
	formSetIntset    = form{"an intset", "Intset"}
	formSetListpack  = form{"a listpack of a set", "Set listpack"}
	formListZiplist  = form{"a ziplist of a list", "List ziplist"}
	formNodeZiplist  = form{"a node of a list", "Ziplist"}
	formNodeListpack = form{"a node of a list", "Listpack"}
)

// unsound is a packed form that breaks its own rules. For one that was
// compressed, at is where it began.
func unsound(at int64, f form, reason error) error {
	return damaged(at, "%s integrity check failed: %v", f.title, reason)
}

func damaged(at int64, format string, args ...any) error {
	return &FormatError{Offset: at, Damaged: fmt.Sprintf(format, args...)}
}

// elements writes a set, or a list of old.
func (w *Writer) elements(it *Item) {
	w.length(it.Count)
	left := it.Count
	for e := range it.Elements {
		if left--; !w.goesOn(left) {
			break
		}
		w.text(e)
	}
	w.complete(it, left)
}

// goesOn is asked before each part, with how many will be missing after it.
func (w *Writer) goesOn(left uint64) bool {
	const none = ^uint64(0) // more parts than counted
	return left != none && w.flushIfFull() == nil
}

// complete makes sure that an item has had as many parts as it said: else
// nobody could read what follows.
func (w *Writer) complete(it *Item, left uint64) {
	if left != 0 && w.err == nil {
		w.err = fmt.Errorf("rdb: key %q of database %d: %d parts of the value were announced, others came", clip(string(it.Key)), it.DB, it.Count)
	}
}
