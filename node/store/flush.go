// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "time"

// From so many keys or bytes on it is cheaper to give the memory of all
// databases back at once than key by key.
const (
	wholesale      = 1024
	wholesaleBytes = 4 << 20
)

func (s *Store) isWholesale(keys int) bool {
	return keys >= wholesale || keys > 0 && s.a.used >= wholesaleBytes
}

// FlushDB removes all keys of a database and returns how many they were. With
// lazy it takes constant time and leaves the rest to Reclaim.
func (s *Store) FlushDB(i int, lazy bool) int {
	db := s.dbs[i]
	n := db.Len()
	if n == s.Len() && s.isWholesale(n) {
		return s.dropAll()
	}
	s.flush(db, lazy)
	return n
}

// FlushAll removes all keys of all databases and returns how many they were.
// Many keys go at once, with the memory that they lie in, and the system gets
// that back in the background: so it makes no difference to the caller whether
// the flush is lazy, but for a few.
func (s *Store) FlushAll(lazy bool) int {
	n := s.Len()
	if s.isWholesale(n) {
		return s.dropAll()
	}
	for _, db := range s.dbs {
		s.flush(db, lazy)
	}
	return n
}

func (s *Store) flush(db *DB, lazy bool) {
	old := db.ks
	if old.dir.len == 0 {
		return
	}
	db.ks = newKeyspace(s)
	if old.snap != nil {
		old.snap.flushed = true
		return
	}
	s.discard(old)
	if !lazy {
		s.Reclaim(0)
	}
}

// dropAll leaves the arena with all that lies in it.
func (s *Store) dropAll() int {
	n := s.Len()
	old := s.a
	s.a = newArena()
	for _, db := range s.dbs {
		db.ks = newKeyspace(s)
	}
	s.garbage = nil // it lies in the old arena
	old.retire()
	if !old.gone {
		s.retired = append(s.retired, old)
	}
	return n
}

// discard frees a keyspace that nobody can reach any more, by and by. What lies
// in a retired arena goes with the arena.
func (s *Store) discard(ks *keyspace) {
	if ks.a == s.a && !ks.a.retired {
		s.garbage = append(s.garbage, ks)
	}
}

// Reclaim frees what was flushed lazily and what is left of large collections
// that were deleted, for at most so long (0: until all is
// free), and reports whether there is more to do. The engine calls it from its
// cron.
func (s *Store) Reclaim(limit time.Duration) (more bool) {
	deadline := time.Now().Add(limit)
	steps := 0
	goOn := func() bool {
		steps++
		return limit <= 0 || steps%clockSteps != 0 || time.Now().Before(deadline)
	}
	for len(s.garbage) > 0 {
		if !s.garbage[0].teardown(goOn) {
			return true
		}
		s.garbage[0] = nil
		s.garbage = s.garbage[1:]
	}
	return !s.a.sweep(goOn)
}

// PendingObjects returns how many keys and large collections wait for Reclaim
// (INFO's lazyfree_pending_objects).
func (s *Store) PendingObjects() int {
	n := len(s.a.doomed)
	for _, ks := range s.garbage {
		n += ks.count
	}
	return n
}
