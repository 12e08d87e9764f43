// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"container/list"
	"maps"
	"slices"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// waiting are the sessions that wait for a key to get a value (BLPOP and its
// kin). Every change of a key that somebody waits for makes the key ready. When
// the command or the transaction is over and on the stream, the sessions that
// wait for the ready keys run their commands again, each a unit of its own: the
// keys in the order in which they became ready, the sessions of a key in the
// order in which they began to wait. What they change can make further keys
// ready; those come last. On a replica it is local writing, and waits until what
// has arrived of the master's stream is applied and passed on.
type waiting struct {
	queues  []map[string]*keyQueue // by database; a queue is never empty
	count   int                    // sessions
	ready   []readyKey
	serving *keyWait // whose command is being run again
}

// keyQueue are the sessions that wait for one key, the oldest wait first.
type keyQueue struct {
	list.List      // of *keyWait
	ready     bool // the key is among the ready ones
}

type readyKey struct {
	db  int
	key string
}

// keyWait is one session's wait, with its own copy of the call.
type keyWait struct {
	s      *Session
	cmd    *command.Command
	argv   [][]byte
	typ    store.Type
	db     int
	places map[string]*list.Element // in the queue of each key
	took   int64                    // by the call until it waited, in nanoseconds
	again  bool                     // it was run again and found nothing
}

// Block makes the running call wait for keys (command.Host).
func (e *Engine) Block(ctx *command.Context, w command.Wait) bool {
	s := ctx.Session.(*Session)
	if e.inTx || s.conn == nil {
		return false
	}
	if e.waiting.serving != nil {
		e.waiting.serving.again = true
		return true
	}
	k := &keyWait{s: s, cmd: s.lastCmd, argv: copyArgs(ctx.Argv), typ: w.Type, db: s.index, places: make(map[string]*list.Element, len(w.Keys))}
	e.waiting.enter(k, w.Keys)
	s.block(w.Timeout, s.reply.NullArray, func() { e.waiting.leave(k) })
	s.blocked.wait = k
	return true
}

// enter queues a session for each of its keys.
func (w *waiting) enter(k *keyWait, keys [][]byte) {
	for len(w.queues) <= k.db {
		w.queues = append(w.queues, make(map[string]*keyQueue))
	}
	for _, key := range keys {
		name := string(key)
		if k.places[name] != nil {
			continue
		}
		q := w.queues[k.db][name]
		if q == nil {
			q = &keyQueue{}
			w.queues[k.db][name] = q
		}
		k.places[name] = q.PushBack(k)
	}
	w.count++
}

// leave takes a session out of the queues.
func (w *waiting) leave(k *keyWait) {
	for name, place := range k.places {
		q := w.queues[k.db][name]
		if q.Remove(place); q.Len() == 0 {
			delete(w.queues[k.db], name)
		}
	}
	k.places = nil
	w.count--
}

// touch makes a key ready that was changed and that somebody waits for.
func (w *waiting) touch(db int, key []byte) {
	if w.count == 0 || db >= len(w.queues) {
		return
	}
	if q := w.queues[db][string(key)]; q != nil && !q.ready {
		q.ready = true
		w.ready = append(w.ready, readyKey{db, string(key)})
	}
}

// touchDatabase makes all keys ready that somebody waits for in a database whose
// content was replaced.
func (w *waiting) touchDatabase(index int) {
	if index >= len(w.queues) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(w.queues[index])) {
		w.touch(index, []byte(name))
	}
}

// serveWaiting runs the commands again that wait for keys which are ready by
// now. A pause holds it up like the writes of clients: the stream has to stand
// still. The time is looked at again: the key may have expired while the command
// ran that brought it.
func (e *Engine) serveWaiting() {
	w := &e.waiting
	for len(w.ready) > 0 && e.pauses.kind == pauseNone {
		k := w.ready[0]
		w.ready = w.ready[1:]
		e.now = time.Now().UnixMilli()
		if q := w.queues[k.db][k.key]; q != nil {
			q.ready = false
			e.serveKey(k, q)
		}
	}
	if len(w.ready) == 0 {
		w.ready = nil
	}
}

// serveKey serves the sessions that wait for a key, as long as it has something
// for them.
func (e *Engine) serveKey(ready readyKey, q *keyQueue) {
	key := []byte(ready.key)
	for place := q.Front(); place != nil; {
		k := place.Value.(*keyWait)
		place = place.Next()
		v, found := e.peek(k, key)
		switch {
		case !found:
			return
		case v.Type() == k.typ:
			e.serve(k, key)
		}
	}
}

// peek looks a ready key up for a session that waits for it.
func (e *Engine) peek(k *keyWait, key []byte) (v store.Value, found bool) {
	e.prepare(k.s, nil)
	v, found = e.ctx.Peek(key)
	e.ctx.Session = nil
	e.endUnit()
	return v, found
}

// serve runs the command of a session again, for one of its keys.
func (e *Engine) serve(k *keyWait, key []byte) {
	s := k.s
	refusal := e.refuseServing(k.cmd.Flags)
	if refusal == "" {
		mark := s.reply.Len()
		if e.rerun(k, key); k.again {
			k.again = false
			return
		}
		s.applyReplyMode(mark)
		s.streamed = e.replication.offset()
		s.unblock()
		return
	}
	k.cmd.Stats.Rejected++
	s.answer(func() { e.replyError(s, refusal) })
}

// refuseServing gives the reason why a command may not be run after all that has
// waited: what bars the writes of clients can have changed meanwhile, the role of
// the node first of all. Memory is not asked for again, as with Redis: the element
// is there already.
func (e *Engine) refuseServing(flags command.Flags) string {
	if e.managed.on {
		if text := e.managed.refuse(flags); text != "" {
			return text
		}
	}
	return e.refuseWrite(flags)
}

// rerun is call for a command that was called before: it is shown and counted
// once, its time is the sum.
func (e *Engine) rerun(k *keyWait, key []byte) {
	errors, begin := e.stats.errorReplies, e.stopwatch.begin(e)
	e.prepare(k.s, k.argv)
	e.ctx.Wake(key)
	e.waiting.serving = k
	k.cmd.Handler(&e.ctx)
	e.waiting.serving = nil
	e.record(k.s, k.cmd, k.argv)
	e.ctx.Session = nil
	e.endUnit()

	took := e.stopwatch.end(e) - begin
	k.cmd.Stats.Nanos += took
	k.took += took
	if e.stats.errorReplies > errors {
		k.cmd.Stats.Failed++
	}
	if !k.again && k.took >= e.stopwatch.slowAt {
		e.noteSlow(k.s, k.cmd, k.argv, k.took)
	}
}
