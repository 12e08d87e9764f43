// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import "errors"

// ErrClosed is what a turn hears that a Log has not come to before its end.
var ErrClosed = errors.New("the append-only file was closed")

// Status is what is known about a Log.
type Status struct {
	Size     int64 // of its file
	Total    int64 // of the whole AOF, as far as the Log knows
	Buffered int   // bytes that wait to be written
	Pending  int   // syncs in the background that run
	Delayed  int64 // writes that did not wait for a sync any longer
	// Failing is as of the method of that name.
	Failing string
	// Unsynced tells that a sync has failed: the file is not trusted any more.
	Unsynced bool
}

// Failing is the reason, in the system's words, for which writes must be refused
// now, "" if they need not.
func (l *Log) Failing() string {
	if why := l.failing.Load(); why != nil {
		return *why
	}
	return ""
}

// showFailure sets what Failing tells. Called with mu.
func (l *Log) showFailure() {
	err := l.writeErr
	if err == nil {
		err = l.syncErr
	}
	if err == nil {
		l.failing.Store(nil)
		return
	}
	l.failing.Store(new(Reason(err)))
}

// Status of the Log now.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{
		Size: l.size.Load(), Total: l.total, Buffered: len(l.buf), Delayed: l.delayed,
		Failing: l.Failing(), Unsynced: l.syncErr != nil,
	}
	if l.syncing {
		s.Pending = 1
	}
	return s
}

// Rebased says that the AOF has a new base of that size, and that all before
// the Log's present file is history. A file that could not be synced is history
// with it.
func (l *Log) Rebased(base int64) (total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total = base + l.size.Load()
	if l.syncErr != nil && l.suspect < l.files {
		l.syncErr = nil
		l.showFailure()
		l.opts.Notice("A new AOF is on the disk, Redis can write again.")
	}
	return l.total
}
