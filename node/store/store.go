// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"hash/maphash"
	"math"
	"time"
)

// DefaultDatabases is Redis's default for the directive databases.
const DefaultDatabases = 16

// MaxValueBytes is the default limit of a value, Redis's proto-max-bulk-len.
const MaxValueBytes = 512 << 20

// MostValueBytes is what a value can have at most, whatever the limit.
const MostValueBytes = math.MaxInt32

// maxKeyBytes is what an entry can hold of a key, with room for its header.
const maxKeyBytes = 1 << 30

// ErrTooLarge says that a key or a value is longer than the limit.
var ErrTooLarge = errors.New("string exceeds maximum allowed size (proto-max-bulk-len)")

// Options are what New may be told. The zero value gives Redis's defaults.
type Options struct {
	Databases int // number of databases
	MaxValue  int // limit of a value in bytes, at most MostValueBytes
}

// Store is a data set: a number of databases over slabs that they share. A
// process may have several, such as the one it serves and the one that a full
// sync loads beside it; they have nothing in common.
type Store struct {
	a      *arena
	seed   maphash.Seed
	origin int64
	access accessClock
	dbs    []*DB
	max    int
	limits Limits

	editors struct {
		hash HashEditor
		set  SetEditor
		zset ZSetEditor
		list ListEditor
	}
	editing bool   // one of the editors is open
	scratch []byte // where packed collections are edited that have no room, see editor

	version  uint16 // of the last snapshot
	snapshot *Snapshot
	garbage  []*keyspace // flushed, to be freed bit by bit
	retired  []*arena    // flushed as a whole, still held by a snapshot
}

// New returns an empty store. It has no memory outside the Go heap until the
// first key comes.
func New(o Options) *Store {
	if o.Databases == 0 {
		o.Databases = DefaultDatabases
	}
	if o.MaxValue == 0 {
		o.MaxValue = MaxValueBytes
	}
	now := time.Now().UnixMilli()
	s := &Store{a: newArena(), seed: maphash.MakeSeed(), origin: now, max: min(o.MaxValue, MostValueBytes), limits: DefaultLimits}
	s.access.set(now)
	s.access.policy = AccessPolicy{LogFactor: 10, DecayTime: 1}
	s.dbs = make([]*DB, o.Databases)
	for i := range s.dbs {
		s.dbs[i] = &DB{st: s, index: i, ks: newKeyspace(s)}
	}
	return s
}

// SetMaxValue changes the limit of a value, in bytes (proto-max-bulk-len).
func (s *Store) SetMaxValue(n int) { s.max = min(n, MostValueBytes) }

// MaxValue returns that limit.
func (s *Store) MaxValue() int { return s.max }

// NumDBs returns the number of databases.
func (s *Store) NumDBs() int { return len(s.dbs) }

// DB returns database i, 0 <= i < NumDBs. The pointer stays good for as long as
// the store does, whatever is flushed or swapped.
func (s *Store) DB(i int) *DB { return s.dbs[i] }

// Len returns the number of keys in all databases.
func (s *Store) Len() int {
	n := 0
	for _, db := range s.dbs {
		n += db.Len()
	}
	return n
}

// SwapDB swaps the content of two databases, in constant time.
func (s *Store) SwapDB(i, j int) {
	s.dbs[i].ks, s.dbs[j].ks = s.dbs[j].ks, s.dbs[i].ks
}

// Close gives all memory back to the system, as soon as a snapshot that runs is
// closed and its batches are released. The store must not be used afterwards,
// but for that.
func (s *Store) Close() {
	s.a.retire()
	for _, db := range s.dbs {
		db.ks = nil
	}
	s.garbage = nil
}
