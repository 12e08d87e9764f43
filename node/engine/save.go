// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/rdb"
)

// saving is what is known about saves to the disk: INFO persistence, the save
// points, and whether a failed save bars writes.
type saving struct {
	job         *snapshotJob // a save in the background
	scheduled   bool         // BGSAVE SCHEDULE
	lastSave    int64        // Unix seconds of the last success, or of the start
	lastTry     int64        // e.clock of the last background save
	lastFailed  bool
	lastTook    time.Duration // of the last background save, -1 for none
	dirtyAtCut  int64         // e.dirty when the running save was cut
	saves       int64
	asidePeak   int  // bytes set aside by the running snapshot, at most
	lastAside   int  // the same of the last one
	flushed     bool // FLUSHALL ran: the dump is to be emptied at the end of the batch
	skipSumming bool // DEBUG SET-SKIP-CHECKSUM-VALIDATION
}

// retryDelay is how long the save points wait after a failed save.
const retryDelay = 5 * time.Second

func (s *saving) init(now int64) {
	s.lastSave = now / 1000
	s.lastTook = -1
}

// dumpPath is the file that saves go to and the start reads.
func dumpPath(v *config.Values) string { return filepath.Join(v.Dir, v.DBFilename) }

// savingBarsWrites tells whether a failed save is a reason to refuse writes.
func (e *Engine) savingBarsWrites() bool {
	return e.cfg.StopWritesOnBgsaveError && len(e.cfg.Save) > 0 && !e.replication.isReplica()
}

// savePoint finds a save point that is due.
func (e *Engine) savePoint() (config.SavePoint, bool) {
	s := &e.saving
	if s.lastFailed && e.clock-s.lastTry < int64(retryDelay) {
		return config.SavePoint{}, false
	}
	for _, p := range e.cfg.Save {
		if e.dirty >= p.Changes && e.now/1000-s.lastSave > int64(p.Period/time.Second) {
			return p, true
		}
	}
	return config.SavePoint{}, false
}

// savingCron obeys the save points and BGSAVE SCHEDULE.
func (e *Engine) savingCron() {
	if e.snapshot != nil || e.saving.job != nil || e.loading != nil || e.managed.barsSaving() {
		return
	}
	if p, due := e.savePoint(); due {
		e.log.Noticef("%d changes in %d seconds. Saving...", p.Changes, int64(p.Period/time.Second))
		e.startSaving()
	} else if e.saving.scheduled && (!e.saving.lastFailed || e.clock-e.saving.lastTry >= int64(retryDelay)) {
		e.startSaving()
	}
}

// startSaving begins a save in the background; false says that a snapshot is
// running, or that a cancelled save has not noticed yet.
func (e *Engine) startSaving() bool {
	s := &e.saving
	if s.job != nil {
		return false
	}
	path, incremental := dumpPath(&e.cfg.Values), e.cfg.RDBSaveIncrementalFsync
	job, err := e.startSnapshot(snapshotRequest{
		purpose: forDisk,
		header:  e.dumpHeader(),
		sink: func(encode func(io.Writer) error) error {
			return rdb.SaveFile(path, rdb.FileOptions{IncrementalSync: incremental, Replace: e.replaceDump}, encode)
		},
		done: e.backgroundSaved,
	})
	if err != nil {
		return false
	}
	s.job, s.scheduled = job, false
	s.lastTry = e.clock
	s.dirtyAtCut = e.dirty
	e.log.Noticef("Background saving started by pid %d", os.Getpid())
	return true
}

// replaceDump lets a background save take the old dump's place, unless it was
// cancelled: it would bring back what was flushed or replaced meanwhile.
func (e *Engine) replaceDump(rename func() error) error {
	e.Lock()
	defer e.Unlock()
	if e.saving.job.cancelled.Load() {
		return errSnapshotCancelled
	}
	return rename()
}

// dumpHeader says where in the stream the data set stands now.
func (e *Engine) dumpHeader() rdb.Header {
	return rdb.Header{Replication: e.replication.dumpPosition(), Extra: e.managed.dumpFields()}
}

// backgroundSaved takes note of the end of a background save.
func (e *Engine) backgroundSaved(err error) {
	s := &e.saving
	took := time.Duration(e.clock - s.job.startedAt)
	s.job = nil
	s.asidePeak, s.lastAside = 0, s.asidePeak
	if errors.Is(err, errSnapshotCancelled) {
		return
	}
	s.lastTook = took
	if err != nil {
		s.lastFailed = true
		e.log.Warningf("%v", err)
		e.log.Warningf("Background saving error")
		return
	}
	e.log.Noticef("DB saved on disk")
	e.log.Noticef("Background saving terminated with success")
	e.saved(s.dirtyAtCut)
}

// saved takes note of a dump that is on the disk and covers so many changes.
func (e *Engine) saved(changes int64) {
	e.dirty -= changes
	e.saving.lastSave = e.now / 1000
	e.saving.lastFailed = false
	e.saving.saves++
}

// saveNow writes the dump while everything waits. A background save that is
// running must have been dealt with.
func (e *Engine) saveNow() error {
	job, err := e.cutSnapshot(snapshotRequest{purpose: forDisk, header: e.dumpHeader()})
	if err != nil {
		return err
	}
	defer job.end()
	err = rdb.SaveFile(dumpPath(&e.cfg.Values), rdb.FileOptions{IncrementalSync: e.cfg.RDBSaveIncrementalFsync}, job.encodeLocked)
	if err != nil {
		e.log.Warningf("%v", err)
		return err
	}
	e.log.Noticef("DB saved on disk")
	e.saved(e.dirty)
	return nil
}

// cancelSaving ends a background save whose result is not wanted any more.
func (e *Engine) cancelSaving() {
	if job := e.saving.job; job != nil && !job.cancelled.Load() {
		job.cancel()
	}
}

// forgetDump makes the disk forget with the memory: with save points set,
// FLUSHALL leaves an empty dump, and a save of the old data must not replace it
// afterwards. The dump waits for the end of the batch, when the flush is on the
// stream: its position must not be one at which there was data.
func (e *Engine) forgetDump() {
	if e.aof.loading {
		return // the file that is being replayed has flushed a data set of the past
	}
	e.cancelSaving()
	e.saving.flushed = true
}

// saveAfterFlush writes the dump that FLUSHALL asked for.
func (e *Engine) saveAfterFlush() {
	if !e.saving.flushed {
		return
	}
	e.saving.flushed = false
	if len(e.cfg.Save) == 0 || e.snapshot != nil || e.managed.barsSaving() {
		return
	}
	_ = e.saveNow() // has logged it; the changes stay counted for the save points
}
