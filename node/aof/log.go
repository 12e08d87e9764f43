// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"sync"
	"sync/atomic"
	"time"
)

// Policy is when a Log's file is synced.
type Policy int32

// The policies, the directive appendfsync.
const (
	EverySecond Policy = iota
	Always
	Never
)

// Options of a Log. The functions are called without the execution lock, and
// must not call the Log.
type Options struct {
	Policy Policy
	// Size is the file's length so far, and Total that of the whole AOF.
	Size, Total int64
	// SkipSync, may be nil, tells that nothing is to be synced now
	// (no-appendfsync-on-rewrite).
	SkipSync func() bool
	// Released says that what was appended up to a mark may be told: it is as
	// durable as the policy asks.
	Released func(mark int64)
	// Notice and Warn take lines for the log of the server.
	Notice, Warn func(format string, args ...any)
	// Lost says, once, that under Always something could not be brought to the
	// disk: Settle returns false from here on.
	Lost func(error)
}

// Log appends to one increment after the other. Append and Turn are called
// under the execution lock and never wait; everything else is called without.
type Log struct {
	opts   Options
	policy atomic.Int32
	delay  atomic.Int64 // of each write, for tests (DEBUG AOF-FLUSH-SLEEP)

	mu      sync.Mutex
	changed sync.Cond // of mu: somebody has done with the file

	file File         // of whoever is busy, as is what size is set to
	size atomic.Int64 // of the file: what is behind it is no part of the AOF
	buf  []byte       // to be written
	turn *Turn        // the next file, for what is in buf from turnAt on
	at   int

	// Bytes since the Log began.
	appended, written, synced int64
	mark, released            int64

	busy      bool // somebody writes to the file
	turning   bool // and syncs it first, to go on with another one
	syncing   bool // a sync in the background runs
	postponed time.Time
	total     int64
	delayed   int64
	spare     []byte
	lastError time.Time // when one was told last

	files             int // turned to so far
	writeErr, syncErr error
	suspect           int                    // the file of syncErr, by that count
	failing           atomic.Pointer[string] // why writes must be refused, nil if they need not
	lost              bool
	closed            bool

	kick chan struct{}
	done chan struct{}
	stop chan struct{}
}

// Turn is the change to another file.
type Turn struct {
	// Open makes the file.
	Open func() (File, error)
	// Done tells how it went. After an error the Log goes on with the old file.
	Done func(error)
}

const (
	interval  = time.Second     // between syncs under EverySecond
	patience  = 2 * time.Second // for a sync to end before one writes beside it
	quiet     = 30 * time.Second
	keptSpare = 1 << 20
)

// NewLog goes on with a file that is open for appending. Close ends it.
func NewLog(file File, opts Options) *Log {
	l := &Log{
		opts: opts, file: file, total: opts.Total,
		kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	l.changed.L = &l.mu
	l.size.Store(opts.Size)
	l.policy.Store(int32(opts.Policy))
	go l.run()
	return l
}

// Append adds bytes, whole commands and annotations. mark is the caller's
// measure of what they cover; without bytes it moves on, too.
func (l *Log) Append(p []byte, mark int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.buf = append(l.buf, p...)
	l.appended += int64(len(p))
	l.mark = mark
}

// Turn makes what is appended from here on go to another file. One turn at a
// time; false says that one is waiting already.
func (l *Log) Turn(t *Turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn != nil || l.closed {
		return false
	}
	l.turn, l.at = t, len(l.buf)
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return true
}

// Turning tells whether a turn is waited for.
func (l *Log) Turning() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turn != nil
}

// SetPolicy changes the policy.
func (l *Log) SetPolicy(p Policy) { l.policy.Store(int32(p)) }

// SetDelay slows every write down, for tests.
func (l *Log) SetDelay(d time.Duration) { l.delay.Store(int64(d)) }

// Settle brings what was appended so far as far as the policy demands before
// anybody may hear of it: to the disk under Always, to the system otherwise. It
// returns false when that is not possible any more: nobody may be told.
func (l *Log) Settle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return false
	}
	if Policy(l.policy.Load()) == Always {
		return l.settleAlways()
	}
	l.settleSoon()
	return true
}

func (l *Log) settleAlways() bool {
	target, mark := l.appended, l.mark
	for l.synced < target || l.released < mark {
		switch {
		case l.lost:
			return false
		case l.closed:
			return true
		case l.busy || l.syncing:
			l.changed.Wait()
		case l.synced == l.appended:
			l.release(l.mark)
		default:
			l.work()
		}
	}
	return !l.lost
}

// settleSoon writes, but does not wait for a disk: while a sync runs, and when
// there is another file to be opened, that is left to the background.
func (l *Log) settleSoon() {
	target := l.appended
	for l.written < target && !l.closed && l.writeErr == nil {
		switch {
		case l.turn != nil || l.turning:
			return
		case l.busy:
			l.changed.Wait()
			continue
		case l.syncing && l.postponed.IsZero():
			l.postponed = time.Now()
			return
		case l.syncing && time.Since(l.postponed) < patience:
			return
		case l.syncing:
			l.postponed = time.Time{}
			l.delayed++
			l.opts.Notice("Asynchronous AOF fsync is taking too long (disk is busy?). " +
				"Writing the AOF buffer without waiting for fsync to complete, this may slow down Redis.")
		}
		l.work()
	}
}

func (l *Log) release(mark int64) {
	l.released = mark
	l.opts.Released(mark)
}

// work writes all that waits, turns to the next file where one is wanted, and
// under Always syncs. Called with mu by whoever found the file free; mu is
// given back meanwhile.
func (l *Log) work() {
	l.busy = true
	buf, turn, at := l.buf, l.turn, l.at
	mark := l.mark
	l.buf, l.spare = l.spare[:0], nil
	l.turn, l.at = nil, 0
	l.turning = turn != nil
	always := Policy(l.policy.Load()) == Always
	if turn == nil {
		at = len(buf)
	}
	l.mu.Unlock()

	done, err := l.write(buf[:at])
	var syncErr error
	suspect, files := l.files, l.files
	if err == nil && turn != nil {
		var turned bool
		if turned, syncErr = l.turnTo(turn); turned {
			files++
		}
		var more int
		more, err = l.write(buf[at:])
		done += more
	}
	synced := false
	if err == nil && syncErr == nil && always {
		synced = true
		if l.opts.SkipSync == nil || !l.opts.SkipSync() {
			suspect, syncErr = files, l.file.Sync()
		}
	}

	l.mu.Lock()
	l.busy, l.turning = false, false
	l.files = files
	l.written += int64(done)
	l.total += int64(done)
	if syncErr != nil {
		l.syncFailed(syncErr, suspect, always)
	}
	if err != nil {
		if turn != nil && done < at {
			l.turn, l.at = turn, at-done
		}
		l.writeFailed(err, done, len(buf), always)
		l.buf = append(buf[done:len(buf):len(buf)], l.buf...)
	} else {
		l.wroteAll(buf)
	}
	if synced && syncErr == nil {
		l.synced = l.written
		l.release(mark)
	}
	l.changed.Broadcast()
}

// wroteAll takes note of a buffer that is written, and keeps its memory.
func (l *Log) wroteAll(buf []byte) {
	if l.writeErr != nil {
		l.opts.Warn("AOF write error looks solved, Redis can write again.")
		l.writeErr = nil
		l.showFailure()
	}
	l.postponed = time.Time{}
	if cap(buf) <= keptSpare {
		l.spare = buf
	}
}

// write writes to the file; n bytes of p are in it and stay. A write that
// failed half-way is cut off again.
func (l *Log) write(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if d := l.delay.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
	n, err = l.file.Write(p)
	if err != nil && n > 0 {
		if cut := l.file.Truncate(l.size.Load()); cut != nil {
			l.warnSometimes("Could not remove short write from the append-only file.  Redis may refuse "+
				"to load the AOF the next time it starts.  ftruncate: %s", Reason(cut))
		} else {
			n = 0
		}
	}
	l.size.Add(int64(n))
	return n, err
}

// turnTo goes on with another file. The old one is brought to the disk first:
// what follows it must never be there without it.
func (l *Log) turnTo(t *Turn) (turned bool, syncErr error) {
	syncErr = l.file.Sync()
	next, err := t.Open()
	if err == nil {
		_ = l.file.Close() // it was synced: there is nothing left to fail
		l.file = next
		l.size.Store(0)
		turned = true
	}
	t.Done(err)
	return turned, syncErr
}

func (l *Log) writeFailed(err error, done, wanted int, always bool) {
	if done > 0 {
		l.warnSometimes("Short write while writing to the AOF file: (nwritten=%d, expected=%d)", done, wanted)
	} else {
		l.warnSometimes("Error writing to the AOF file: %s", Reason(err))
	}
	l.writeErr = err
	l.showFailure()
	if always {
		l.opts.Warn("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
		l.lose(err)
	}
}

func (l *Log) syncFailed(err error, file int, always bool) {
	l.syncErr, l.suspect = err, file
	l.showFailure()
	if always {
		l.opts.Warn("Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. Exiting...", Reason(err))
		l.lose(err)
		return
	}
	l.opts.Warn("Fail to fsync the AOF file: %s. Writes are refused until a new AOF is on the disk.", Reason(err))
}

func (l *Log) lose(err error) {
	if !l.lost {
		l.lost = true
		l.opts.Lost(err)
	}
}

// warnSometimes tells of errors that come again and again.
func (l *Log) warnSometimes(format string, args ...any) {
	if now := time.Now(); now.Sub(l.lastError) > quiet {
		l.lastError = now
		l.opts.Warn(format, args...)
	}
}

// run writes what others left, and syncs.
func (l *Log) run() {
	defer close(l.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-l.kick:
			l.catchUp(false)
		case <-ticker.C:
			l.catchUp(true)
		}
	}
}

// catchUp writes what waits and, if it is time, syncs.
func (l *Log) catchUp(sync bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.busy {
		l.changed.Wait()
	}
	if l.closed || l.lost {
		return
	}
	if len(l.buf) > 0 || l.turn != nil {
		l.work()
	}
	if sync && Policy(l.policy.Load()) == EverySecond && l.synced < l.written && l.writeErr == nil &&
		(l.opts.SkipSync == nil || !l.opts.SkipSync()) {
		l.syncInBackground()
	}
}

// syncInBackground syncs while others go on to append.
func (l *Log) syncInBackground() {
	for l.busy {
		l.changed.Wait()
	}
	file, upTo := l.file, l.written
	l.syncing = true
	l.mu.Unlock()
	err := file.Sync()
	l.mu.Lock()
	l.syncing = false
	if err != nil {
		l.syncFailed(err, l.files, false)
	} else {
		l.synced = max(l.synced, upTo)
	}
	l.changed.Broadcast()
	if len(l.buf) > 0 && !l.busy {
		l.work() // what was put off
	}
}

// Sync writes and syncs all that was appended so far, whatever the policy.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.syncAll()
}

func (l *Log) syncAll() error {
	for l.busy || l.syncing {
		l.changed.Wait()
	}
	for (len(l.buf) > 0 || l.turn != nil) && !l.lost && !l.closed {
		if l.work(); l.writeErr != nil {
			return l.writeErr
		}
		for l.busy || l.syncing {
			l.changed.Wait()
		}
	}
	if l.closed {
		return nil
	}
	l.busy = true
	upTo, mark := l.written, l.mark
	l.mu.Unlock()
	err := l.file.Sync()
	l.mu.Lock()
	l.busy = false
	if err == nil {
		l.synced = upTo
		l.release(mark)
	} else {
		l.syncErr, l.suspect = err, l.files
		l.showFailure()
	}
	l.changed.Broadcast()
	return err
}

// Close syncs, and ends the Log: what is appended from here on is dropped.
func (l *Log) Close() error {
	l.mu.Lock()
	err := l.syncAll()
	for l.busy || l.syncing {
		l.changed.Wait()
	}
	was := l.closed
	l.closed = true
	turn := l.turn
	l.turn = nil
	l.changed.Broadcast()
	l.mu.Unlock()
	if was {
		return nil
	}
	if turn != nil {
		turn.Done(ErrClosed)
	}
	close(l.stop)
	<-l.done
	if closed := l.file.Close(); err == nil {
		err = closed
	}
	return err
}

// Abandon ends the Log without bringing anything more to the disk.
func (l *Log) Abandon() {
	l.mu.Lock()
	was, turn := l.closed, l.turn
	l.closed, l.turn, l.buf = true, nil, nil
	l.changed.Broadcast()
	l.mu.Unlock()
	if was {
		return
	}
	if turn != nil {
		turn.Done(ErrClosed)
	}
	close(l.stop)
	go func() {
		<-l.done
		l.mu.Lock()
		defer l.mu.Unlock()
		for l.busy || l.syncing {
			l.changed.Wait()
		}
		_ = l.file.Close() // nobody relies on what is in it
	}()
}
