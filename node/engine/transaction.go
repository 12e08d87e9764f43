// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// transaction is a session's MULTI … EXEC and its watched keys.
type transaction struct {
	open   bool
	spoilt bool          // a queued command was refused: EXEC answers EXECABORT
	broken bool          // a watched key changed: EXEC answers null
	flags  command.Flags // what any of the queued commands has
	lacks  command.Flags // what any of them lacks
	queue  []queued
	bytes  int
	keys   []watchedKey
}

// queued is a command that waits for EXEC, with its own copy of the arguments.
type queued struct {
	cmd  *command.Command
	argv [][]byte
}

// immediate are the commands that are executed, not queued, inside a
// transaction.
var immediate = []string{"exec", "discard", "multi", "watch", "quit", "reset"}

func (e *Engine) transactionCommands() []command.Spec {
	const group = "transactions"
	quick := command.NoScript | command.Loading | command.Stale | command.Fast | command.AllowBusy
	return []command.Spec{
		{Name: "multi", Arity: 1, Flags: quick, Categories: command.CatTransaction, Group: group, Since: "1.2.0",
			Summary: "Mark the start of a transaction block", Complexity: "O(1)", Handler: multi},
		{Name: "exec", Arity: 1, Flags: command.NoScript | command.Loading | command.Stale | command.SkipSlowlog,
			Categories: command.CatTransaction, Group: group, Since: "1.2.0",
			Summary: "Execute all commands issued after MULTI", Complexity: "Depends on commands in the transaction", Handler: e.exec},
		{Name: "discard", Arity: 1, Flags: quick, Categories: command.CatTransaction, Group: group, Since: "2.0.0",
			Summary: "Discard all commands issued after MULTI", Complexity: "O(N), when N is the number of queued commands", Handler: discard},
		{Name: "watch", Arity: -2, Flags: quick, Categories: command.CatTransaction, Group: group, Since: "2.2.0",
			Summary: "Watch the given keys to determine execution of the MULTI/EXEC block", Complexity: "O(1) for every key.",
			Keys: []command.KeySpec{{Flags: command.KeyRO, Index: 1, Last: -1}}, Handler: e.watch},
		{Name: "unwatch", Arity: 1, Flags: quick, Categories: command.CatTransaction, Group: group, Since: "2.2.0",
			Summary: "Forget about all watched keys", Complexity: "O(1)", Handler: unwatch},
	}
}

func multi(ctx *command.Context) {
	s := ctx.Session.(*Session)
	if s.tx.open {
		ctx.Error("ERR MULTI calls can not be nested")
		return
	}
	s.tx.open = true
	ctx.Reply.OK()
}

func discard(ctx *command.Context) {
	s := ctx.Session.(*Session)
	if !s.tx.open {
		ctx.Error("ERR DISCARD without MULTI")
		return
	}
	s.discardTransaction()
	ctx.Reply.OK()
}

// discardTransaction forgets the queue and the watched keys.
func (s *Session) discardTransaction() {
	s.unwatchAll()
	s.tx = transaction{}
}

// enqueue copies a command into the transaction.
func (s *Session) enqueue(cmd *command.Command, flags command.Flags, argv [][]byte) {
	s.tx.flags |= flags
	s.tx.lacks |= ^flags
	s.tx.queue = append(s.tx.queue, queued{cmd: cmd, argv: copyArgs(argv)})
	s.tx.bytes += argsSize(argv)
	s.reply.Simple("QUEUED")
}

// copyArgs copies arguments into one new block.
func copyArgs(argv [][]byte) [][]byte {
	block := make([]byte, 0, argsSize(argv))
	out := make([][]byte, len(argv))
	for i, a := range argv {
		from := len(block)
		block = append(block, a...)
		out[i] = block[from:len(block):len(block)]
	}
	return out
}

func (e *Engine) exec(ctx *command.Context) {
	s := ctx.Session.(*Session)
	tx := &s.tx
	switch {
	case !tx.open:
		ctx.Error("ERR EXEC without MULTI")
	case tx.spoilt:
		s.discardTransaction()
		ctx.Error("EXECABORT Transaction discarded because of previous errors.")
	case tx.broken || s.watchedExpired():
		s.discardTransaction()
		ctx.Reply.NullArray()
	default:
		e.runQueue(s)
	}
}

// runQueue executes a transaction. Its effects form one unit of the stream.
func (e *Engine) runQueue(s *Session) {
	queue := s.tx.queue
	s.unwatchAll()
	s.tx = transaction{}
	e.inTx = true
	s.reply.ArrayLen(len(queue))
	for _, q := range queue {
		e.call(s, q.cmd, q.argv)
	}
	e.inTx = false
	e.ctx.Begin(e, nil) // EXEC itself changed nothing and is not propagated
}

func (e *Engine) watch(ctx *command.Context) {
	s := ctx.Session.(*Session)
	if s.tx.open {
		ctx.Error("ERR WATCH inside MULTI is not allowed")
		return
	}
	for _, key := range ctx.Argv[1:] {
		s.watch(ctx, key)
	}
	ctx.Reply.OK()
}

func unwatch(ctx *command.Context) {
	s := ctx.Session.(*Session)
	s.unwatchAll()
	s.tx.broken = false
	ctx.Reply.OK()
}

// watchedKey is one key that a session watches.
type watchedKey struct {
	db      int
	key     string
	expired bool // it had already expired when the watch began: its removal is no change
}

// watched finds the sessions that watch a key.
type watched struct {
	byKey []map[string][]*Session // by database
	count int
}

func (w *watched) init() { w.byKey = nil }

func (s *Session) watch(ctx *command.Context, key []byte) {
	db := s.index
	if slices.ContainsFunc(s.tx.keys, func(k watchedKey) bool { return k.db == db && k.key == string(key) }) {
		return
	}
	v, ok := ctx.DB.Peek(key)
	expired := ok && v.ExpireAt() >= 0 && v.ExpireAt() < ctx.Now
	s.tx.keys = append(s.tx.keys, watchedKey{db: db, key: string(key), expired: expired})
	s.e.watched.add(db, string(key), s)
}

// watchedExpired tells whether a watched key has expired since its watch
// began: a change that nobody wrote.
func (s *Session) watchedExpired() bool {
	for _, k := range s.tx.keys {
		if k.expired {
			continue
		}
		v, ok := s.e.store.DB(k.db).Peek([]byte(k.key))
		if ok && v.ExpireAt() >= 0 && v.ExpireAt() < s.e.now {
			return true
		}
	}
	return false
}

func (s *Session) unwatchAll() {
	for _, k := range s.tx.keys {
		s.e.watched.remove(k.db, k.key, s)
	}
	s.tx.keys = nil
}

func (w *watched) add(db int, key string, s *Session) {
	for len(w.byKey) <= db {
		w.byKey = append(w.byKey, nil)
	}
	if w.byKey[db] == nil {
		w.byKey[db] = make(map[string][]*Session)
	}
	w.byKey[db][key] = append(w.byKey[db][key], s)
	w.count++
}

func (w *watched) remove(db int, key string, s *Session) {
	sessions := w.byKey[db][key]
	i := slices.Index(sessions, s)
	if i < 0 {
		return
	}
	w.count--
	if sessions = slices.Delete(sessions, i, i+1); len(sessions) == 0 {
		delete(w.byKey[db], key)
		return
	}
	w.byKey[db][key] = sessions
}

// touch breaks the transactions that watch a key.
func (w *watched) touch(db int, key []byte) {
	if w.count == 0 || db >= len(w.byKey) {
		return
	}
	for _, s := range w.byKey[db][string(key)] {
		s.breakWatch(db, key)
	}
}

// breakWatch marks the transaction broken; the removal of a key that had
// expired before the watch began does not.
func (s *Session) breakWatch(db int, key []byte) {
	k := s.watching(db, string(key))
	if k.expired && !s.e.store.DB(db).Has(key) {
		k.expired = false
		return
	}
	s.tx.broken = true
}

// touchDatabase breaks the transactions that watch a key of a database which
// is about to be emptied, or replaced by what next holds. A key counts as
// changed when it is on either side, unless nobody could have seen it on both:
// a key that had expired is as good as none.
func (w *watched) touchDatabase(index int, here, next *store.DB, now int64) {
	if w.count == 0 || index >= len(w.byKey) {
		return
	}
	for name, sessions := range w.byKey[index] {
		key := []byte(name)
		before := here.Has(key)
		after, afterExpired := false, false
		if next != nil {
			v, ok := next.Peek(key)
			after, afterExpired = ok, ok && v.ExpireAt() >= 0 && v.ExpireAt() < now
		}
		if !before && !after {
			continue
		}
		for _, s := range sessions {
			k := s.watching(index, name)
			switch {
			case k.expired && !after:
				k.expired = false
			case k.expired && afterExpired:
			case !before && afterExpired:
				k.expired = true
			default:
				s.tx.broken = true
			}
		}
	}
}

// watching finds a key that the session is known to watch.
func (s *Session) watching(db int, key string) *watchedKey {
	for i := range s.tx.keys {
		if k := &s.tx.keys[i]; k.db == db && k.key == key {
			return k
		}
	}
	panic("the index of watched keys names a session that does not watch " + key)
}
