// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strconv"

	"github.com/espalier-io/espalier/node/intset"
	"github.com/espalier-io/espalier/node/listpack"
)

// Limits say up to which size a collection stays packed; the directives of the
// same names say the same of Redis.
type Limits struct {
	HashEntries, HashValue int // hash-max-listpack-entries, hash-max-listpack-value
	SetIntset              int // set-max-intset-entries
	ZSetEntries, ZSetValue int // zset-max-listpack-entries, zset-max-listpack-value
	// ListNode is list-max-listpack-size: the most elements of a node, or, from -1
	// to -5, its most bytes: 4 KiB to 64 KiB.
	ListNode int
	// ListPlain is the size from which on an element is a node of its own
	// (DEBUG QUICKLIST-PACKED-THRESHOLD), 1 GiB by default.
	ListPlain int
	// SparseHLL is the most bytes of a HyperLogLog in its sparse form
	// (hll-sparse-max-bytes).
	SparseHLL int
}

// DefaultLimits are Redis's.
var DefaultLimits = Limits{
	HashEntries: 512, HashValue: 64, SetIntset: 512, ZSetEntries: 128, ZSetValue: 64,
	ListNode: -2, ListPlain: 1 << 30, SparseHLL: 3000,
}

// SetLimits changes the limits. Collections that are there already follow with
// their next change, and never become packed again, as with Redis.
func (s *Store) SetLimits(l Limits) { s.limits = l }

// Limits returns the limits.
func (s *Store) Limits() Limits { return s.limits }

// collection is what the looks at collections share.
type collection struct {
	r      *reader
	packed []byte // the packed form, nil for a tree
	root   handle // of a tree; 0 for a tree without elements, while it is edited
	count  int    // elements of a tree
}

func (v Value) collection() collection {
	if v.e.isTree() {
		return collection{r: v.r, root: v.e.block(), count: v.e.blockLen()}
	}
	return collection{r: v.r, packed: v.raw()}
}

// element returns an element of a listpack, a number in one of the reader's two
// buffers.
func (r *reader) element(lp []byte, off, buffer int) []byte {
	e := listpack.Get(lp, off)
	if e.IsInt {
		return strconv.AppendInt(r.digits[buffer][:0], e.Int, 10)
	}
	return e.Str
}

// element returns an element of the packed form.
func (c *collection) element(off, buffer int) []byte { return c.r.element(c.packed, off, buffer) }

var (
	emptyListpack = listpack.New()
	emptyIntset   = intset.New()
)

// intsetMost is the most numbers that an intset may hold, whatever the limit.
const intsetMost = 1 << 30

// SetPacked sets a key to a collection in the packed form of its type, as a dump
// has it: EncListpack for a hash or a sorted set, EncIntset for a set. The caller
// has made sure that it is whole and holds no duplicates. One with more elements
// than the limits allow is unpacked; how long they are does not matter, as with
// Redis. added tells whether the key is new; a time to live is lost.
func (db *DB) SetPacked(key []byte, t Type, packed []byte) (added bool) {
	c := content{typ: t, enc: EncListpack, text: packed, size: len(packed)}
	if t == TypeSet {
		c.enc = EncIntset
	}
	ks := db.ks
	hash := ks.hash(key)
	s := ks.find(hash, key)
	ks.put(hash, s, key, &c, false)
	switch t {
	case TypeHash:
		db.EditHash(key).fit()
	case TypeSet:
		db.EditSet(key).fit()
	case TypeZSet:
		db.EditZSet(key).fit()
	}
	return s.e.p == nil
}

// Packed returns the bytes of a listpack or an intset, nil for a value that is
// not packed.
func (v Value) Packed() []byte {
	if packedEncodings>>v.Encoding()&1 == 0 {
		return nil
	}
	return v.raw()
}
