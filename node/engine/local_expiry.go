// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/espalier-io/espalier/node/command"

// localExpiry remembers the keys with a time to live that clients wrote into a
// writable replica. Its master knows nothing of them and will never delete
// them, so that this node has to; keys of the master's it leaves alone.
type localExpiry struct {
	keys map[localKey]struct{}
	refs []command.KeyRef
}

type localKey struct {
	db  int
	key string
}

// note looks at the keys that a client's write on this replica has touched.
func (l *localExpiry) note(e *Engine, db int, cmd *command.Command, argv [][]byte) {
	l.refs, _ = cmd.KeysOf(l.refs[:0], argv) // a call that was executed holds together
	for _, ref := range l.refs {
		v, ok := e.store.DB(db).Peek(argv[ref.Pos])
		if !ok || v.ExpireAt() < 0 {
			continue
		}
		if l.keys == nil {
			l.keys = make(map[localKey]struct{})
		}
		l.keys[localKey{db, string(argv[ref.Pos])}] = struct{}{}
	}
}

// forget is called when the data set is replaced: nothing local is left.
func (l *localExpiry) forget() { l.keys = nil }

// cycle removes the remembered keys whose time is over. The order of a map is
// a draw: a share of them at each turn sees all of them before long.
func (l *localExpiry) cycle(e *Engine) {
	if !e.replication.isReplica() {
		l.keys = nil // a master's own cycle sees to them
		return
	}
	if e.scripting.busy() {
		return
	}
	const share = 1000
	seen := 0
	for k := range l.keys {
		if seen++; seen > share {
			return
		}
		key := []byte(k.key)
		v, ok := e.store.DB(k.db).Peek(key)
		switch {
		case !ok || v.ExpireAt() < 0:
			delete(l.keys, k)
		case v.ExpireAt() < e.now:
			delete(l.keys, k)
			e.removeExpired(k.db, key)
		}
	}
}
