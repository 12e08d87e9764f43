// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/dataset"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// A snapshot is the data set at one moment, written as an RDB while the engine
// goes on: slices of it are taken under the lock, encoded and written outside.
// The store has one at a time; who comes second shares it, waits or is told.

var (
	errSnapshotBusy      = errors.New("another snapshot is in progress")
	errSnapshotCancelled = errors.New("the snapshot was cancelled")
)

// sliceLimit bounds one slice under the lock.
var sliceLimit = store.Limit{Time: 100 * time.Microsecond, Bytes: 256 << 10}

// snapshotRequest says what a snapshot is for and where it goes.
type snapshotRequest struct {
	// purpose tells INFO and others apart: a save to the disk, or a full sync.
	purpose snapshotPurpose
	// header goes in front. The caller fills Replication for the moment of
	// startSnapshot; the rest is filled in.
	header rdb.Header
	// commands asks for the commands that make the data set, in place of a dump.
	commands bool
	// sink is called once, in the job's goroutine and without the lock. It
	// calls encode with the writer that the dump is to go to, and may block in
	// it: nobody but the snapshot waits.
	sink func(encode func(io.Writer) error) error
	// done gets the sink's error, with the lock held. It is called for a
	// cancelled snapshot too, with errSnapshotCancelled somewhere in it.
	done func(error)
}

type snapshotPurpose int

const (
	forDisk snapshotPurpose = iota
	forReplicas
	forAppendOnly
)

// snapshotJob is a snapshot in progress.
type snapshotJob struct {
	e         *Engine
	req       snapshotRequest
	cut       *store.Snapshot
	st        *store.Store // that the cut is of
	usage     rdb.UsageKind
	sizes     []store.SnapshotDB
	cancelled atomic.Bool // changed under the lock
	startedAt int64       // e.clock
	keys      int64       // to be written
	written   int64       // keys, for INFO
}

// startSnapshot makes the cut and begins to write. errSnapshotBusy says that
// one is running.
func (e *Engine) startSnapshot(req snapshotRequest) (*snapshotJob, error) {
	job, err := e.cutSnapshot(req)
	if err != nil {
		return nil, err
	}
	e.snapshot = job
	e.aof.snapshotting.Store(true)
	e.done.Go(func() {
		err := req.sink(job.encode)
		e.Lock()
		defer e.Unlock()
		e.BatchBegin()
		job.end()
		req.done(err)
		e.BatchEnd()
	})
	return job, nil
}

func (e *Engine) cutSnapshot(req snapshotRequest) (*snapshotJob, error) {
	if e.scripting.busy() {
		return nil, errSnapshotBusy // half of what it does must not be in it
	}
	cut, err := e.store.StartSnapshot()
	if err != nil {
		return nil, errSnapshotBusy
	}
	job := &snapshotJob{e: e, req: req, cut: cut, st: e.store, sizes: cut.DBs(), startedAt: e.clock}
	switch policy := e.cfg.MaxMemoryPolicy; {
	case policy.IsLRU():
		job.usage = rdb.UsageIdle
	case policy.IsLFU():
		job.usage = rdb.UsageFrequency
	}
	for _, db := range job.sizes {
		job.keys += int64(db.Keys)
	}
	h := &job.req.header
	h.RedisVersion = config.RedisVersion
	h.CreatedAt = e.now / 1000
	h.UsedMemory = uint64(e.store.UsedMemory())
	return job, nil
}

// cancel ends a snapshot before its end. The store can begin another one at
// once; the sink of this one gets an error with the next key or the next buffer
// of a large one.
func (j *snapshotJob) cancel() {
	j.cancelled.Store(true)
	j.end()
}

// end lets go of the cut, once.
func (j *snapshotJob) end() {
	j.cut.Close()
	if j.e.snapshot == j {
		j.e.snapshot = nil
		j.e.aof.snapshotting.Store(false)
	}
}

// encode writes the dump to dst. Called without the lock.
func (j *snapshotJob) encode(dst io.Writer) error {
	return j.write(cancellable{dst, j}, func(b *store.Batch, more *bool) error {
		j.e.Lock()
		defer j.e.Unlock()
		if j.cancelled.Load() {
			b.Release()
			return errSnapshotCancelled
		}
		*more = j.next(b, sliceLimit)
		return nil
	}, func(b *store.Batch) {
		j.e.Lock()
		b.Release()
		j.e.Unlock()
	})
}

// cancellable is the way out of a snapshot that may be cancelled.
type cancellable struct {
	dst io.Writer
	job *snapshotJob
}

func (c cancellable) Write(p []byte) (int, error) {
	if c.job.cancelled.Load() {
		return 0, errSnapshotCancelled
	}
	return c.dst.Write(p)
}

// encodeLocked is encode for who holds the lock all the time: SAVE.
func (j *snapshotJob) encodeLocked(dst io.Writer) error {
	return j.write(dst, func(b *store.Batch, more *bool) error {
		*more = j.next(b, store.Limit{Bytes: sliceLimit.Bytes})
		return nil
	}, (*store.Batch).Release)
}

// next takes a slice. What the keys' access bits mean changes with the clock,
// so they are read here, under the lock.
func (j *snapshotJob) next(b *store.Batch, limit store.Limit) (more bool) {
	more = j.cut.Next(b, limit)
	j.written += int64(len(b.Items))
	for i := range b.Items {
		it := &b.Items[i]
		switch j.usage {
		case rdb.UsageIdle:
			it.Access = uint32(j.st.Idle(it.Access))
		case rdb.UsageFrequency:
			it.Access = uint32(j.st.Frequency(it.Access))
		default:
			return more
		}
	}
	return more
}

// write encodes the slices that next gives.
func (j *snapshotJob) write(dst io.Writer, next func(b *store.Batch, more *bool) error, release func(*store.Batch)) error {
	cfg := j.e.cfg.Current()
	w := j.writer(dst, cfg)
	if err := w.begin(); err != nil {
		return err
	}
	var (
		batch store.Batch
		pause = saveDelay{delay: cfg.RDBKeySaveDelay}
		turns courtesy
	)
	defer release(&batch)
	for more := true; more; {
		if err := next(&batch, &more); err != nil {
			return err
		}
		for i := range batch.Items {
			it := &batch.Items[i]
			if err := w.put(it); err != nil {
				return err
			}
			turns.worked(len(it.Key) + len(it.Value))
			pause.afterKey()
			if j.cancelled.Load() {
				return errSnapshotCancelled
			}
		}
	}
	return w.end()
}

// writer gives the form that the request asks for.
func (j *snapshotJob) writer(dst io.Writer, cfg *config.Values) itemWriter {
	if j.req.commands {
		return newCommandWriter(dst, &j.req.header, cfg)
	}
	opts := rdb.WriterOptions{Compress: cfg.RDBCompression, Checksum: cfg.RDBChecksum, Sizes: j.size}
	return &dumpWriter{w: rdb.NewWriter(dst, opts), item: itemEncoder{usage: j.usage}, header: j.req.header}
}

// size answers the writer's RESIZEDB.
func (j *snapshotJob) size(db int) (keys, expires uint64) {
	for _, s := range j.sizes {
		if s.Index == db {
			return uint64(s.Keys), uint64(s.Expires)
		}
	}
	return 0, 0
}

// itemEncoder turns the store's items into the dump's, in memory that it uses
// again.
type itemEncoder struct {
	usage rdb.UsageKind
	item  rdb.Item
}

func (c *itemEncoder) convert(it *store.Item) *rdb.Item {
	c.item = rdb.Item{DB: it.DB, Key: it.Key, ExpireAt: it.ExpireAt}
	if c.usage != rdb.UsageUnknown {
		c.item.Usage = rdb.Usage{Kind: c.usage, Value: uint64(it.Access)}
	}
	dataset.DescribeItem(&c.item, it)
	return &c.item
}

// saveDelay slows a dump down for tests (rdb-key-save-delay): a pause for each
// key or, below zero, one microsecond for so many keys. A timer is no finer than
// a millisecond, so shorter pauses are saved up until they are worth one, and
// what it overslept is taken off the next.
type saveDelay struct {
	delay time.Duration
	keys  time.Duration
	owed  time.Duration
}

// shortestPause is what is slept at once.
const shortestPause = 2 * time.Millisecond

func (d *saveDelay) afterKey() {
	switch {
	case d.delay > 0:
		d.owed += d.delay
	case d.delay < 0:
		d.keys++
		if d.keys >= -d.delay/time.Microsecond {
			d.keys = 0
			d.owed += time.Microsecond
		}
	}
	if d.owed >= shortestPause || d.delay >= shortestPause {
		begin := time.Now()
		time.Sleep(d.owed)
		d.owed -= time.Since(begin)
	}
}
