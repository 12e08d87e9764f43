// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"runtime/metrics"
	"time"
)

// watch looks after a running script. The machine has no hook for instructions,
// but asks its context before each of them whether it is over, and this is a
// context that counts the questions. Once it is over it stays so: no pcall gets
// a script past its end.
type watch struct {
	host  Host
	left  int
	over  chan struct{} // nil, which blocks, or closed
	why   string
	limit uint64 // of the heap's bytes
	heap  [1]metrics.Sample
}

const (
	// watchInterval is how many instructions pass between two looks: a few tenths
	// of a millisecond.
	watchInterval = 5000
	// memoryLimit is how much the heap may grow while a script runs, in bytes.
	memoryLimit = 1 << 30
)

func newWatch(host Host) *watch {
	w := &watch{host: host}
	w.heap[0].Name = "/memory/classes/heap/objects:bytes"
	return w
}

// begin readies the watch for a script.
func (w *watch) begin() {
	w.left, w.over, w.why, w.limit = watchInterval, nil, "", 0
}

// Done is asked before every instruction.
func (w *watch) Done() <-chan struct{} {
	if w.left--; w.left > 0 {
		return w.over
	}
	return w.look()
}

func (w *watch) look() <-chan struct{} {
	w.left = watchInterval
	if w.over != nil {
		return w.over
	}
	if w.why = w.host.Interrupt(); w.why == "" && w.hungry() {
		w.why = "ERR not enough memory"
	}
	if w.why != "" {
		w.over = make(chan struct{})
		close(w.over)
	}
	return w.over
}

// hungry tells whether the script has taken more memory than it may.
func (w *watch) hungry() bool {
	metrics.Read(w.heap[:])
	used := w.heap[0].Value.Uint64()
	if w.limit == 0 {
		w.limit = used + memoryLimit
	}
	return used > w.limit
}

// Err is why it is over.
func (w *watch) Err() error { return ended(w.why) }

type ended string

func (e ended) Error() string { return string(e) }

// Deadline is of no use here.
func (w *watch) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value has none.
func (w *watch) Value(any) any { return nil }
