// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/script"
)

// unit collects what one call, one transaction or one script puts on the
// stream, so that it arrives there whole: a single effect as it is, several
// between MULTI and EXEC. Effects are encoded as they come; their arguments
// need not outlive the call.
type unit struct {
	buf      []byte
	ops      []op
	expiries int  // ops that are deletions of expired keys
	divided  bool // not all is meant for everybody: a script chose (redis.set_repl)
}

// op is one effect in a unit: its database and its bytes, buf[start:end].
type op struct {
	db         int
	start, end int
	to         effectTarget
}

// effectTarget is who is told an effect.
type effectTarget = int

const (
	toLog      effectTarget = script.ReplicateAOF
	toReplicas effectTarget = script.ReplicateReplicas
	toAll                   = toLog | toReplicas
)

var (
	multiCommand = resp.AppendCommand(nil, "MULTI")
	execCommand  = resp.AppendCommand(nil, "EXEC")
)

// Propagate appends an effect to the open unit (command.Host), where somebody
// wants it: the stream, which a replica only passes on, or the append-only file.
func (e *Engine) Propagate(db int, argv [][]byte) {
	if e.aof.loading || !e.replication.originates() && !e.appends() {
		return
	}
	u := &e.unit
	start := len(u.buf)
	u.buf = resp.AppendCommand(u.buf, argv...)
	to := toAll
	if run := e.scripting.running; run != nil {
		to = run.where
		u.divided = u.divided || to != toAll
	}
	u.ops = append(u.ops, op{db: db, start: start, end: len(u.buf), to: to})
}

// endUnit puts the unit on the stream and into the append-only file, unless a transaction is still adding to
// it. Keys that a call found expired (SCAN may find many) belong to nothing
// that would have to arrive whole.
func (e *Engine) endUnit() {
	u := &e.unit
	if len(u.ops) == 0 || e.inTx {
		return
	}
	if u.divided {
		e.emitUnit(toLog)
		e.emitUnit(toReplicas)
	} else {
		e.emitUnit(toAll)
	}
	u.reset()
}

// emitUnit says the unit's effects that are meant for somebody.
func (e *Engine) emitUnit(to effectTarget) {
	u := &e.unit
	ops := u.ops
	if u.divided {
		ops = slices.DeleteFunc(slices.Clone(ops), func(o op) bool { return o.to&to == 0 })
	}
	if len(ops) == 0 {
		return
	}
	whole := len(ops) > 1 && u.expiries < len(ops)
	if whole {
		e.emit(to, ops[0].db, multiCommand)
	}
	for _, o := range ops {
		e.emit(to, o.db, u.buf[o.start:o.end])
	}
	if whole {
		e.emit(to, ops[len(ops)-1].db, execCommand)
	}
}

// reset empties the unit and lets go of a buffer that one large transaction
// blew up.
func (u *unit) reset() {
	const kept = 64 << 10
	u.ops, u.expiries, u.divided = u.ops[:0], 0, false
	if cap(u.buf) > kept {
		u.buf = nil
	}
	u.buf = u.buf[:0]
}

// KeyModified tells who watches a key and who waits for it (command.Host). Keyspace
// notifications and client-side caches hang on here when they exist.
func (e *Engine) KeyModified(db int, _ command.EventClass, _ string, key []byte) {
	e.watched.touch(db, key)
	e.waiting.touch(db, key)
}

var delWord, unlinkWord = []byte("DEL"), []byte("UNLINK")

// Expired counts a key that was found expired and propagates its deletion
// (command.Host).
func (e *Engine) Expired(db int, key []byte) {
	e.stats.expired++
	if e.replication.originates() || e.appends() {
		e.unit.expiries++
	}
	e.Propagate(db, [][]byte{e.ExpireWord(), key})
}

// ExpireWord is how the deletion of an expired key is said on the stream
// (command.Host).
func (e *Engine) ExpireWord() []byte {
	if e.cfg.LazyfreeLazyExpire {
		return unlinkWord
	}
	return delWord
}

// Hit counts a key that a read found (command.Host).
func (e *Engine) Hit() { e.stats.hits++ }

// Miss counts a key that a read did not find (command.Host).
func (e *Engine) Miss() { e.stats.misses++ }

// ErrorReply counts an error reply by its code (command.Host).
func (e *Engine) ErrorReply(text string) { e.stats.countError(text) }
