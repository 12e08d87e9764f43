// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"math"
	"time"

	"github.com/espalier-io/espalier/node/store"
)

// Wait is what a blocking command waits for that found nothing.
type Wait struct {
	Keys    [][]byte
	Type    store.Type    // of the value that helps
	Timeout time.Duration // 0 for ever
}

// Block lets the running call wait until a value of the type is under one of the
// keys of the selected database. The handler returns without a reply and will be
// run again, after the command or the transaction that brought the value and
// before the next one; Awaited tells it then which key it was. Whoever waits
// longest for a key is served first; a handler that finds nothing after all
// blocks again and keeps its place. When the time is over the engine answers
// with a null array.
//
// Block reports false, and does nothing, where nothing may wait: in a
// transaction, in a script, in the stream of a master. The handler then answers
// as if the time were over.
func (c *Context) Block(w Wait) bool { return c.host.Block(c, w) }

// Awaited gives the keys that a blocking command looks at: its own the first
// time; the one that got a value when it is run again, which need not be the
// first one that has one.
func (c *Context) Awaited(keys [][]byte) [][]byte {
	if len(c.woken) != 0 {
		return c.woken
	}
	return keys
}

// Wake says that the call waited, and which key it is run again for. Engine
// only, after Begin.
func (c *Context) Wake(key []byte) { c.woken = append(c.woken, key) }

// Timeout reads the timeout of a blocking command: seconds, fractions allowed,
// as strtold reads them; 0 is for ever. It answers itself where it returns
// false.
func (c *Context) Timeout(arg []byte) (d time.Duration, ok bool) {
	seconds, ok := ParseDouble(arg)
	if !ok {
		c.Error(ErrTimeoutFloat)
		return 0, false
	}
	millis := math.Ceil(seconds * 1000)
	if millis < 0 || millis >= math.MaxInt64 { // what does not fit 64 bits counts as negative
		c.Error(ErrNegative)
		return 0, false
	}
	if millis > float64(math.MaxInt64/time.Millisecond) {
		return 0, true // beyond all our lives
	}
	return time.Duration(millis) * time.Millisecond, true
}
