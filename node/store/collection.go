// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

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
}

// DefaultLimits are Redis's.
var DefaultLimits = Limits{
	HashEntries: 512, HashValue: 64, SetIntset: 512, ZSetEntries: 128, ZSetValue: 64,
	ListNode: -2, ListPlain: 1 << 30,
}

// SetLimits changes the limits. Collections that are there already follow with
// their next change, and never become packed again, as with Redis.
func (s *Store) SetLimits(l Limits) { s.limits = l }

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

// SetPacked sets a key to a collection in the packed form of its type, as a dump
// has it: EncListpack for a hash or a sorted set, EncIntset for a set. The caller
// has made sure that it is whole and holds no duplicates. What exceeds the limits
// is unpacked. added tells whether the key is new; a time to live is lost.
func (db *DB) SetPacked(key []byte, t Type, packed []byte) (added bool) { panic("unfinished") }

// Packed returns the bytes of a listpack or an intset, nil for a value that is
// not packed.
func (v Value) Packed() []byte {
	if packedEncodings>>v.Encoding()&1 == 0 {
		return nil
	}
	return v.raw()
}
