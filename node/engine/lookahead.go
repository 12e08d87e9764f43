// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// lookahead collects the keys of commands before the first of them runs. In a
// data set larger than the caches a lookup is two or three waits for memory, one
// after the other; those of different keys pass at the same time, if they begin
// together. A hint that comes to nothing costs little and changes nothing.
//
// The keys alias the input of a connection and must not outlive the batch.
type lookahead struct {
	db   *store.DB
	keys [16][]byte // as many as the store looks up side by side
	n    int
	refs []command.KeyRef
}

const (
	// cached is the size of a data set that the processor's caches hold anyway.
	cached = 1 << 20
	// manyArgs are too many keys to be still in the caches when their call runs.
	manyArgs = 256
)

// Announce notes the keys of a request to come (server.Session).
func (s *Session) Announce(argv [][]byte) {
	e := s.e
	if e.store.UsedMemory() < cached || len(argv) > manyArgs {
		return
	}
	cmd := e.table.Lookup(argv[0])
	if cmd == nil || len(cmd.Keys) == 0 {
		return
	}
	a := &e.ahead
	if a.db != s.db {
		a.fetch()
		a.db = s.db
	}
	a.refs, _ = cmd.KeysOf(a.refs[:0], argv)
	for _, ref := range a.refs {
		a.keys[a.n] = argv[ref.Pos]
		if a.n++; a.n == len(a.keys) {
			a.fetch()
		}
	}
}

// fetch has the store bring what was collected into the caches.
func (a *lookahead) fetch() {
	if a.n == 0 {
		return
	}
	a.db.Prefetch(a.keys[:a.n]...)
	a.forget()
}

// forget drops what was collected for commands that did not run after all.
func (a *lookahead) forget() {
	clear(a.keys[:a.n])
	a.n = 0
}
