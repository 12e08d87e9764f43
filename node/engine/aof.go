// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strconv"
	"sync/atomic"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/resp"
)

// appendOnly is the engine's side of the append-only file (package aof): what
// goes into it, when it is rewritten and loaded, and what it holds back.
//
// Effects are collected under the lock with those for the stream, and handed
// over at the end of the batch. The disk is waited for outside the lock, in
// Settle, which comes before anything is told: replies wait as a whole, and of
// the stream replicas get what the gate lets through.
//
// The other files: aof_rewrite.go (a new base), aof_switch.go (on, off, anew
// after a full sync), aof_load.go and aof_replay.go (the start), aof_report.go.
type appendOnly struct {
	e    *Engine
	mode appendMode
	dir  *aof.Dir

	log    *aof.Log                // nil while nothing is appended
	shared atomic.Pointer[aof.Log] // the same, for who has no lock
	strict atomic.Bool             // appendfsync always: the gate counts
	gate   atomic.Int64            // stream offset up to which replicas may be told

	buf      []byte       // of this batch
	covered  int          // of buf, by a position in it
	selected int          // database that the file has selected, -1 for none
	second   int64        // of the last annotation of the time
	told     aof.Position // the last one in the present file
	marked   int64        // stream offset handed over last

	// muted: what is executed comes from the file itself, or from a master, whose
	// bytes are passed on as they came.
	muted bool
	// loading: what is executed comes from the file and goes into a data set that
	// is being made.
	loading bool

	// snapshotting: a snapshot is being made, for who has no lock.
	snapshotting atomic.Bool

	rewrite   *rewrite // the one in progress
	scheduled bool     // one is to begin when it can
	history   rewriteHistory
	size      int64  // of all files, where there is no log to ask
	baseSize  int64  // of all files, when the last rewrite was over
	broken    string // why there is no log although there should be one
}

// appendMode is whether the file is kept.
type appendMode int

const (
	appendOff appendMode = iota
	// appendWaiting: it has been turned on, and what is on the disk is not the
	// present data set: the first rewrite has to be over.
	appendWaiting
	appendOn
)

func (a *appendOnly) init(e *Engine) {
	a.e = e
	a.selected = -1
	a.history.lastTook = -1
	e.watchAppendOnly()
}

// appends tells whether effects go into the file.
func (e *Engine) appends() bool { return e.aof.log != nil && !e.aof.muted }

// emit puts an effect, or a bracket of a transaction, on the stream and into the
// file.
func (e *Engine) emit(to effectTarget, db int, p []byte) {
	if to&toReplicas != 0 && e.replication.originates() {
		e.replication.selectDB(db)
		e.replication.feed(p)
	}
	if to&toLog != 0 && e.appends() {
		e.aof.append(db, p)
	}
}

// append adds an effect to the batch's.
func (a *appendOnly) append(db int, p []byte) {
	if now := a.e.now / 1000; a.e.cfg.AppendOnly.Timestamps && now > a.second {
		a.second = now
		a.buf = aof.AppendTime(a.buf, now)
	}
	if db != a.selected {
		a.selected = db
		a.buf = resp.AppendCommand(a.buf, "SELECT", strconv.Itoa(db))
	}
	a.buf = append(a.buf, p...)
}

// appendStream adds bytes of the master's stream that were applied: before them
// it had selected one database, behind them another.
func (a *appendOnly) appendStream(p []byte, before, behind int) {
	if a.log == nil || len(p) == 0 {
		return
	}
	a.append(before, p)
	a.selected = behind
}

// keptAppend is how much memory an idle buffer may hold, in bytes.
const keptAppend = 256 << 10

// endBatch hands over what the batch appended, with the position behind it.
func (a *appendOnly) endBatch() {
	if a.log == nil {
		return
	}
	if len(a.buf) > 0 {
		a.annotate()
	}
	mark := a.e.replication.offset()
	if len(a.buf) == 0 && mark == a.marked {
		return
	}
	a.marked = mark
	a.log.Append(a.buf, mark)
	if cap(a.buf) > keptAppend {
		a.buf = nil
	}
	a.buf, a.covered = a.buf[:0], 0
}

// annotate says where in the stream the data set stands, if it stands anywhere
// and that is not what was said last.
func (a *appendOnly) annotate() {
	at, db, ok := a.e.replication.m.SaveInfo()
	if !ok {
		if a.told != (aof.Position{}) {
			a.buf = append(aof.AppendUnplaced(nil), a.buf...)
			a.told = aof.Position{}
		}
		return
	}
	p := aof.Position{Replid: at.Replid, Offset: at.Offset, DB: db, Local: a.e.managed.on && a.e.managed.localWrites}
	if p != a.told {
		a.buf = aof.AppendPosition(a.buf, p, a.told, a.buf[a.covered:])
		a.told, a.covered = p, len(a.buf)
	}
}

// setLog begins or ends the appending.
func (a *appendOnly) setLog(l *aof.Log) {
	a.log = l
	a.shared.Store(l)
	a.buf, a.covered, a.selected, a.told = nil, 0, -1, aof.Position{}
	a.setGate()
}

// setGate holds the stream back from replicas, or lets it go.
func (a *appendOnly) setGate() {
	strict := a.log != nil && a.e.cfg.AppendOnly.Fsync == config.FsyncAlways
	if strict == a.strict.Load() {
		return
	}
	a.gate.Store(a.e.replication.offset())
	a.strict.Store(strict)
	a.e.replication.told = -1 // wake them
}

// through cuts what a replica could be sent, from the stream offset from on,
// down to what it may be.
func (a *appendOnly) through(pieces [][]byte, from int64) [][]byte {
	if !a.strict.Load() {
		return pieces
	}
	room := a.gate.Load() - (from - 1)
	for i, p := range pieces {
		if int64(len(p)) > room {
			if room <= 0 {
				return pieces[:i]
			}
			pieces[i] = p[:room]
			return pieces[:i+1]
		}
		room -= int64(len(p))
	}
	return pieces
}

// Settle waits until what was executed may be told (server.Handler). Called
// without the lock.
func (e *Engine) Settle() bool {
	l := e.aof.shared.Load()
	return l == nil || l.Settle()
}

// options are those of a log that goes on at a size.
func (a *appendOnly) options(size, total int64) aof.Options {
	e := a.e
	return aof.Options{
		Policy: fsyncPolicies[e.cfg.AppendOnly.Fsync], Size: size, Total: total,
		SkipSync: func() bool { return e.cfg.Current().AppendOnly.NoFsyncOnRewrite && a.snapshotting.Load() },
		Released: func(mark int64) { a.gate.Store(mark) },
		Notice:   e.log.Noticef,
		Warn:     e.log.Warningf,
		Lost:     func(error) { e.exitWith(1) }, // the log has told why
	}
}

var fsyncPolicies = map[config.Fsync]aof.Policy{
	config.FsyncEverySecond: aof.EverySecond, config.FsyncAlways: aof.Always, config.FsyncNever: aof.Never,
}

// refusal is why writes are refused, "" if they are not.
func (a *appendOnly) refusal() string {
	why := a.broken
	if a.log != nil {
		why = a.log.Failing()
	}
	if why == "" {
		return ""
	}
	return "MISCONF Errors writing to the AOF file: " + why
}
