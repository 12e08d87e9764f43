// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"time"
)

// Snapshot yields the data set as it was at one moment, the cut, while the
// store goes on being written. It takes no fork and no copy of the whole: the
// content of a bucket that is about to change before the snapshot has come to
// it is set aside, and nothing else.
//
// What makes it exact: every bucket carries the number of the last snapshot that
// dealt with it. A bucket is dealt with once, either by the walk or by being set
// aside before its first change; all it holds at that moment was there at the
// cut and unchanged since. The walk goes in the order of scan cursors, so
// growing and shrinking do not hide a bucket from it. A bucket that is split
// passes its number on to both halves, and two that are merged are first brought
// to the same state (keyspace.shrink).
type Snapshot struct {
	st      *Store
	a       *arena
	version uint16
	spaces  []*space
	current int
	aside   int // bytes set aside
}

// ErrSnapshotActive says that the store has a snapshot already; those who want
// one at the same time share it.
var ErrSnapshotActive = errors.New("a snapshot is in progress")

// SnapshotDB is what a snapshot holds of one database.
type SnapshotDB struct {
	Index   int // the database's number at the cut
	Keys    int // items that the snapshot yields for it
	Expires int // how many of them have a time to live
}

// Limit bounds one slice of a snapshot: the time under the lock, and the bytes
// of keys and values. A slice ends with the bucket in which it reaches either.
// Zero means no limit.
type Limit struct {
	Time  time.Duration
	Bytes int
}

// space is a keyspace that a snapshot walks.
type space struct {
	sn      *Snapshot
	ks      *keyspace
	db      SnapshotDB
	cursor  uint64
	walked  bool
	aside   asideQueue
	flushed bool // no database has the keyspace any more
}

// StartSnapshot makes the cut: the snapshot will yield what is in the store
// now. It costs little, whatever the store holds.
func (s *Store) StartSnapshot() (*Snapshot, error) {
	if s.snapshot != nil {
		return nil, ErrSnapshotActive
	}
	s.version++
	if s.version == 0 {
		s.forgetVersions()
		s.version = 1
	}
	sn := &Snapshot{st: s, a: s.a, version: s.version}
	for _, db := range s.dbs {
		if db.Len() == 0 {
			continue
		}
		sp := &space{sn: sn, ks: db.ks, db: SnapshotDB{db.index, db.Len(), db.Expires()}}
		db.ks.snap = sp
		sn.spaces = append(sn.spaces, sp)
	}
	sn.a.hold()
	s.snapshot = sn
	return sn, nil
}

// forgetVersions makes all buckets as good as never dealt with, once in 65,535
// snapshots, when the numbers start over.
func (s *Store) forgetVersions() {
	for _, db := range s.dbs {
		for b := range db.ks.dir.len {
			*db.ks.dir.at(b) &^= versionMask
		}
	}
}

// DBs returns what the snapshot holds, by database; empty ones are left out.
// Items come in this order.
func (sn *Snapshot) DBs() []SnapshotDB {
	dbs := make([]SnapshotDB, len(sn.spaces))
	for i, sp := range sn.spaces {
		dbs[i] = sp.db
	}
	return dbs
}

// AsideBytes returns how much memory the snapshot needs at the moment for what
// has changed since the cut; values that it keeps from being freed included, of
// large collections only the roots.
func (sn *Snapshot) AsideBytes() int { return sn.aside }

// Next fills a batch with the next items, whose number may be 0, and reports
// whether there are more to come. The batch must not be in use: its former items
// are gone.
func (sn *Snapshot) Next(b *Batch, limit Limit) (more bool) {
	b.Release()
	b.hold(sn.a)
	budget := newBudget(limit, b)
	for sn.current < len(sn.spaces) {
		sp := sn.spaces[sn.current]
		if !sp.drain(b, &budget) || !sp.walk(b, &budget) {
			return true
		}
		if sp.aside.empty() {
			sp.finish()
			sn.current++
		}
	}
	return false
}

// Close ends the snapshot, finished or not. Batches that it filled stay good
// until they are released.
func (sn *Snapshot) Close() {
	if sn.st == nil {
		return
	}
	for _, sp := range sn.spaces[sn.current:] {
		sp.aside.free(sn)
		sp.finish()
	}
	sn.st.snapshot = nil
	sn.st = nil
	sn.a.release()
}

// finish lets go of the keyspace.
func (sp *space) finish() {
	sp.ks.snap = nil
	if sp.flushed {
		sp.sn.st.discard(sp.ks)
	}
	sp.ks = nil
}

// seen says that a bucket has been dealt with.
func (sp *space) seen(bucket uint64) bool {
	return uint16(*sp.ks.dir.at(bucket)>>versionShift) == sp.sn.version
}

func (sp *space) mark(bucket uint64) {
	w := sp.ks.dir.at(bucket)
	*w = *w&^versionMask | uint64(sp.sn.version)<<versionShift
}

// setAside saves the content of a bucket that is about to change.
func (sp *space) setAside(bucket uint64) {
	if sp.seen(bucket) {
		return
	}
	sp.mark(bucket)
	sp.ks.each(bucket, func(_ handle, e entry) bool {
		sp.aside.put(sp.sn, e)
		return true
	})
}

// drain moves what was set aside into the batch, until the budget is spent, and
// reports whether all of it was moved.
func (sp *space) drain(b *Batch, budget *budget) bool {
	for !sp.aside.empty() {
		if budget.spent() {
			return false
		}
		sp.aside.take(sp.sn, func(e entry) { b.add(sp.db.Index, e, true) })
	}
	return true
}

// walk copies the content of buckets into the batch, until the budget is spent,
// and reports whether the last one has been reached.
func (sp *space) walk(b *Batch, budget *budget) bool {
	t := &sp.ks.table
	for !sp.walked {
		if budget.spent() {
			return false
		}
		bucket, mask := t.cursorBucket(sp.cursor)
		if !sp.seen(bucket) {
			sp.mark(bucket)
			t.each(bucket, func(_ handle, e entry) bool {
				b.add(sp.db.Index, e, false)
				return true
			})
		}
		sp.cursor = advance(sp.cursor, mask)
		sp.walked = sp.cursor == 0
	}
	return true
}

// budget is what a slice may still use.
type budget struct {
	batch    *Batch
	bytes    int
	deadline time.Time
	steps    int
}

// clockSteps is how many steps go by between two looks at the clock.
const clockSteps = 8

func newBudget(l Limit, b *Batch) budget {
	bg := budget{batch: b, bytes: l.Bytes}
	if l.Time > 0 {
		bg.deadline = time.Now().Add(l.Time)
	}
	return bg
}

// spent says that the slice must end. Each call counts as a step.
func (bg *budget) spent() bool {
	if bg.bytes > 0 && bg.batch.size >= bg.bytes {
		return true
	}
	bg.steps++
	return !bg.deadline.IsZero() && bg.steps%clockSteps == 0 && !time.Now().Before(bg.deadline)
}
