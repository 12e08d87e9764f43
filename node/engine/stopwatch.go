// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"time"

	"github.com/espalier-io/espalier/node/command"
)

// stopwatch times the calls for INFO commandstats and the slow log. A look at
// the clock takes as long as a GET, so one serves the end of a call and the
// beginning of the next, and several cheap calls in a row share one: each is
// said to have taken the mean.
type stopwatch struct {
	mark    int64 // nanoseconds since the start, when the last call that was timed ended
	waiting int
	calls   [16]*command.Command // cheap calls since mark

	slowAt int64 // nanoseconds from which on a call is slow (slowlog-log-slower-than)
}

const (
	// exactBelow is the slowlog-log-slower-than below which calls are timed one
	// by one.
	exactBelow = int64(time.Millisecond)
	// cheapBytes is the size of arguments and reply up to which a cheap call is
	// cheap.
	cheapBytes = 4 << 10
)

// setSlowAt keeps slowlog-log-slower-than in the form that every call asks.
func (e *Engine) setSlowAt() {
	at := int64(e.cfg.SlowlogLogSlowerThan)
	if at < 0 {
		at = math.MaxInt64
	}
	e.stopwatch.slowAt = at
}

// shares tells whether a cheap command's call can share a look at the clock.
func (w *stopwatch) shares(argv [][]byte) bool {
	if w.slowAt < exactBelow {
		return false
	}
	size := 0
	for _, a := range argv {
		size += len(a)
	}
	return size <= cheapBytes
}

// share puts a call on the bill of the next look at the clock. One that turned
// out to be large is looked at now, and taken for what made the time since mark
// long; for the others, nobody knows, and 0 is returned.
func (w *stopwatch) share(e *Engine, cmd *command.Command, large bool) (took int64) {
	w.calls[w.waiting] = cmd
	w.waiting++
	if w.waiting < len(w.calls) && !large {
		return 0
	}
	before := w.mark
	w.settle(e)
	if large {
		return w.mark - before
	}
	return 0
}

// settle divides the time since mark among the calls that wait for it.
func (w *stopwatch) settle(e *Engine) {
	if w.waiting == 0 {
		return
	}
	now := int64(e.sinceStart())
	mean := (now - w.mark) / int64(w.waiting)
	for _, cmd := range w.calls[:w.waiting] {
		cmd.Stats.Nanos += mean
	}
	w.mark, w.waiting = now, 0
}

// begin is the moment at which a call that is timed by itself begins.
func (w *stopwatch) begin(e *Engine) int64 {
	w.settle(e)
	return w.mark
}

// end is the moment at which it ends; calls within it (EXEC) may wait for
// theirs.
func (w *stopwatch) end(e *Engine) int64 {
	if w.waiting > 0 {
		w.settle(e)
	} else {
		w.mark = int64(e.sinceStart())
	}
	return w.mark
}
