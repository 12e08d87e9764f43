// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/command"
)

// rewrite is a new base being made: a snapshot, beside which an increment
// begins that holds what is executed from its cut on. The increment is opened
// by the log when it comes to that place (aof.Turn), or, where nothing was
// appended before, here.
type rewrite struct {
	job       *snapshotJob
	startedAt time.Duration
	commands  bool       // the base is written as commands
	temp      string     // name of an increment that no manifest names yet
	turned    chan error // how the turn to the new increment went; nil without one
	givenUp   atomic.Bool

	base int64 // size of the base, once it is there
}

// rewriteHistory is what INFO tells of rewrites, and what spaces them when they
// fail.
type rewriteHistory struct {
	done, failures int64 // the latter one after the other
	failed         bool  // the last one
	lastTook       time.Duration
	pause          time.Duration
	next           int64 // e.clock before which none begins by itself, 0 for no bar
}

// A rewrite that failed often begins again after a pause, which doubles.
const (
	failuresForPause = 3
	firstPause       = time.Minute
	longestPause     = time.Hour
)

func (e *Engine) bgRewriteAOF(ctx *command.Context) {
	a := &e.aof
	switch {
	case a.rewrite != nil:
		ctx.Error("ERR Background append only file rewriting already in progress")
	case e.snapshot != nil || e.inTx:
		a.scheduled = true
		a.history.failures = 0
		ctx.Reply.Simple("Background append only file rewriting scheduled")
	default:
		if err := a.startRewrite(); err != nil {
			a.rewriteBarred(err)
			ctx.Error("ERR Can't execute an AOF background rewriting. Please check the server logs for more information.")
			return
		}
		ctx.Reply.Simple("Background append only file rewriting started")
	}
}

// rewriteBarred takes note of a rewrite that could not even begin.
func (a *appendOnly) rewriteBarred(err error) {
	a.history.failed = true
	a.e.log.Warningf("Can't rewrite append only file in background: %v", err)
}

var errDiskBehind = errors.New("the AOF still waits for the disk to take what was written before the last rewrite")

var errBarred = errors.New("this node has no role or no data set yet: what is on the disk may be better")

// startRewrite begins to write a new base of the data set as it is now.
func (a *appendOnly) startRewrite() error {
	e := a.e
	switch {
	case e.snapshot != nil:
		return errSnapshotBusy
	case e.managed.barsSaving():
		return errBarred
	case a.log != nil && a.log.Turning():
		return errDiskBehind
	}
	dir, err := a.directory()
	if err != nil {
		return err
	}
	// What was executed so far belongs in front of the cut. The last command's
	// effects may still be on the way into the batch's.
	a.endBatch()
	r := &rewrite{startedAt: e.sinceStart(), commands: !e.cfg.AppendOnly.UseRDBPreamble}
	var first aof.File
	if a.mode == appendWaiting {
		if first, r.temp, err = dir.TempIncrement(); err != nil {
			return err
		}
	}
	header := e.dumpHeader()
	header.AOFBase = true
	r.job, err = e.startSnapshot(snapshotRequest{
		purpose: forAppendOnly, header: header, commands: r.commands,
		sink: func(encode func(io.Writer) error) error { return a.writeBase(dir, r, encode) },
		done: func(err error) { a.rewritten(dir, r, err) },
	})
	if err != nil {
		if first != nil {
			first.Close()
			dir.Discard(r.temp)
		}
		return err
	}
	switch a.mode {
	case appendWaiting:
		a.setLog(aof.NewLog(first, a.options(0, 0)))
		e.log.Noticef("Creating AOF incr file %s on background rewrite", r.temp)
	case appendOn:
		r.turned = make(chan error, 1)
		a.log.Turn(a.turn(dir, r))
		a.selected, a.told = -1, aof.Position{}
	}
	a.rewrite, a.scheduled = r, false
	a.history.done++
	e.log.Noticef("Background append only file rewriting started by pid %d", os.Getpid())
	return nil
}

// turn opens the increment that goes with a rewrite.
func (a *appendOnly) turn(dir *aof.Dir, r *rewrite) *aof.Turn {
	var name string
	return &aof.Turn{
		Open: func() (aof.File, error) {
			f, entry, err := dir.NextIncrement()
			name = entry.Name
			return f, err
		},
		Done: func(err error) {
			if err == nil {
				a.e.log.Noticef("Creating AOF incr file %s on background rewrite", name)
			}
			r.turned <- err
		},
	}
}

// writeBase writes the base and puts it in its place. Called without the lock.
func (a *appendOnly) writeBase(dir *aof.Dir, r *rewrite, encode func(io.Writer) error) error {
	f, temp, err := dir.TempBase()
	if err != nil {
		return err
	}
	counted := &countedFile{File: f, incremental: a.e.cfg.Current().AppendOnly.RewriteIncrementalSync}
	err = encode(counted)
	if err == nil {
		err = f.Sync()
	}
	a.e.Lock()
	r.job.end() // what follows may take as long as the disk wants
	a.e.Unlock()
	err = errors.Join(err, f.Close())
	if r.turned != nil {
		err = errors.Join(err, <-r.turned) // the next rewrite's must not come before it
	}
	if err != nil {
		dir.Discard(temp)
		return err
	}
	a.e.log.Noticef("Successfully created the temporary AOF base file %s", temp)
	made := aof.Rewritten{Temp: temp, Suffix: "rdb", TempIncrement: r.temp, Appending: r.turned != nil,
		Wanted: func() bool { return !r.givenUp.Load() }}
	if r.commands {
		made.Suffix = "aof"
	}
	base, increment, err := dir.Adopt(made)
	if err != nil {
		dir.Discard(temp)
		return err
	}
	r.base = counted.size
	a.e.log.Noticef("Successfully renamed the temporary AOF base file %s into %s", temp, base.Name)
	if increment.Name != "" {
		a.e.log.Noticef("Successfully renamed the temporary AOF incr file %s into %s", r.temp, increment.Name)
	}
	if !a.e.cfg.Current().AppendOnly.DisableAutoGC {
		a.collect(dir)
	}
	return nil
}

// collect removes the history. What stays does no harm, and the next time comes.
func (a *appendOnly) collect(dir *aof.Dir) {
	removed, err := dir.Collect()
	for _, name := range removed {
		a.e.log.Noticef("Removing the history file %s in the background", name)
	}
	if err != nil {
		a.e.log.Warningf("%v", err)
	}
}

// countedFile counts what is written, and has the disk take it in steps.
type countedFile struct {
	aof.File
	size, due   int64
	incremental bool
}

func (f *countedFile) Write(p []byte) (int, error) {
	const step = 4 << 20
	n, err := f.File.Write(p)
	f.size += int64(n)
	if f.due += int64(n); err == nil && f.incremental && f.due >= step {
		f.due = 0
		err = f.Sync()
	}
	return n, err
}

// rewritten takes note of the end of a rewrite.
func (a *appendOnly) rewritten(dir *aof.Dir, r *rewrite, err error) {
	e, h := a.e, &a.history
	h.lastTook = e.sinceStart() - r.startedAt
	present := a.rewrite == r
	if present {
		a.rewrite = nil
	}
	switch {
	case err == nil && present:
		h.failed, h.failures = false, 0
		e.log.Noticef("Background AOF rewrite terminated with success")
		a.size = r.base
		if a.log != nil {
			a.size = a.log.Rebased(r.base)
		}
		a.baseSize, a.broken = a.size, ""
		if a.mode == appendWaiting {
			a.mode = appendOn
		}
		e.log.Noticef("Background AOF rewrite finished successfully")
		return
	case err == nil:
		return // given up too late: a whole AOF of that moment is on the disk
	case errors.Is(err, errSnapshotCancelled) || errors.Is(err, aof.ErrGivenUp) || !present:
		e.log.Warningf("Background AOF rewrite terminated by signal 10")
	default:
		h.failed = true
		h.failures++
		e.log.Warningf("%v", err)
		e.log.Warningf("Background AOF rewrite terminated with error")
	}
	if r.temp != "" {
		e.log.Noticef("Removing the temp incr aof file %s in the background", r.temp)
		dir.Discard(r.temp)
	}
	if present && a.mode == appendWaiting {
		a.dropLog()
		a.scheduled = true
	}
}

// giveUpRewrite ends a rewrite whose result is not wanted any more.
func (a *appendOnly) giveUpRewrite() {
	r := a.rewrite
	if r == nil {
		return
	}
	a.rewrite = nil
	r.givenUp.Store(true)
	a.e.log.Noticef("Killing running AOF rewrite child: %d", os.Getpid())
	if s := a.e.snapshot; s != nil && s.req.purpose == forAppendOnly {
		s.cancel()
	}
}

// dropLog ends the appending without bringing more to the disk.
func (a *appendOnly) dropLog() {
	if l := a.log; l != nil {
		a.setLog(nil)
		l.Abandon()
	}
}

// cron begins the rewrites that are due.
func (a *appendOnly) cron() {
	e := a.e
	if e.loading != nil || e.snapshot != nil || a.rewrite != nil || e.managed.barsSaving() {
		return
	}
	a.watchDisk()
	switch {
	case a.scheduled:
		if a.limited() {
			return
		}
	case a.mode != appendOn || !a.grown():
		return
	}
	if err := a.startRewrite(); err != nil {
		a.history.failures++
		a.rewriteBarred(err)
	}
}

// grown tells whether the file has grown by so much that it is to be rewritten.
func (a *appendOnly) grown() bool {
	cfg := &a.e.cfg.AppendOnly
	size := a.log.Status().Total
	if cfg.RewritePercentage == 0 || size <= cfg.RewriteMinSize {
		return false
	}
	growth := size*100/max(1, a.baseSize) - 100
	if growth < int64(cfg.RewritePercentage) || a.limited() {
		return false
	}
	a.e.log.Noticef("Starting automatic rewriting of AOF on %d%% growth", growth)
	return true
}

// limited tells whether rewrites have failed so often that the next one waits.
func (a *appendOnly) limited() bool {
	h := &a.history
	now := a.e.clock
	switch {
	case h.failures < failuresForPause:
		h.pause, h.next = 0, 0
		return false
	case h.next != 0 && now < h.next:
		return true
	case h.next != 0:
		h.next = 0
		return false
	}
	h.pause = min(max(firstPause, 2*h.pause), longestPause)
	h.next = now + int64(h.pause)
	a.e.log.Warningf("Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes", h.pause/time.Minute)
	return true
}

// tolerated is how much may wait to be written when the disk takes nothing.
const tolerated = 64 << 20

// watchDisk has a file rewritten that can't be trusted any more, and gives one
// up that takes nothing: a replica goes on to apply its master's writes, and
// would keep all of them in memory.
func (a *appendOnly) watchDisk() {
	if a.log == nil || a.mode != appendOn {
		return
	}
	s := a.log.Status()
	switch {
	case s.Unsynced:
		a.scheduled = true
	case s.Failing != "" && s.Buffered > tolerated:
		a.e.log.Warningf("%d bytes wait to be written to the AOF, which is given up until a new one can be written", s.Buffered)
		a.broken = s.Failing
		a.dropLog()
		a.mode, a.scheduled = appendWaiting, true
	}
}
