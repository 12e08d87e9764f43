// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package writer writes to a master from several clients at once, and
// remembers which writes may never get lost.
//
// A write counts as acknowledged when its SET was answered with OK and WAIT 1
// confirmed that a replica has it. A write that reached no replica may die with
// its master: that is asynchronous replication, and not what is looked for.
package writer

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
)

const (
	clients = 4
	// patience bounds a connection attempt and each call; a master that died may
	// take the answer along.
	patience = time.Second
	// pause is how long a client that was refused waits before it tries again.
	pause = 10 * time.Millisecond
)

// Locate says where the master is now and with which password; the address is
// "" while there is none.
type Locate func() (addr, password string)

// Writers write until they are stopped.
type Writers struct {
	locate Locate
	prefix string
	quit   chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	keys     []string
	progress chan struct{} // closed and replaced with every acknowledged write
}

// Start begins to write keys that begin with the prefix.
func Start(locate Locate, prefix string) *Writers {
	w := &Writers{locate: locate, prefix: prefix, quit: make(chan struct{}), progress: make(chan struct{})}
	for i := range clients {
		w.wg.Go(func() { w.run(i) })
	}
	return w
}

// Await waits until n more writes were acknowledged, for at most limit. The
// writers go on in either case.
func (w *Writers) Await(n int, limit time.Duration) error {
	timeout := time.After(limit)
	goal := w.Count() + n
	for {
		w.mu.Lock()
		have, progress := len(w.keys), w.progress
		w.mu.Unlock()
		if have >= goal {
			return nil
		}
		select {
		case <-progress:
		case <-timeout:
			return fmt.Errorf("%d more acknowledged writes: only %d in %v", n, n-(goal-have), limit)
		}
	}
}

// Count is the number of writes acknowledged so far.
func (w *Writers) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.keys)
}

// Stop ends the writing and gives the acknowledged keys, in order.
func (w *Writers) Stop() []string {
	close(w.quit)
	w.wg.Wait()
	return w.keys
}

func (w *Writers) stopped() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

func (w *Writers) run(id int) {
	for n := 0; !w.stopped(); time.Sleep(pause) {
		addr, password := w.locate()
		if addr == "" {
			continue
		}
		c, err := redisclient.DialTimeout(addr, password, patience)
		if err != nil {
			continue
		}
		for !w.stopped() && w.write(c, fmt.Sprintf("%s:%d:%d", w.prefix, id, n)) {
			n++
		}
		c.Close()
	}
}

// write sets a key and asks for a replica's word on it. It gives false when the
// connection is of no use any more.
func (w *Writers) write(c *redisclient.Conn, key string) bool {
	replies, err := c.Pipeline([]string{"SET", key, valueOf(key)}, []string{"WAIT", "1", "500"})
	if err != nil || replies[0].Err() != nil {
		return false
	}
	if replies[1].Int >= 1 {
		w.mu.Lock()
		w.keys = append(w.keys, key)
		close(w.progress)
		w.progress = make(chan struct{})
		w.mu.Unlock()
	}
	return true
}

func valueOf(key string) string { return "v:" + key }

// Missing gives those of the keys that a server does not hold as they were
// written.
func Missing(addr, password string, keys []string) (map[string]bool, error) {
	c, err := redisclient.Dial(addr, password)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	lost := map[string]bool{}
	for chunk := range slices.Chunk(keys, 1000) {
		var gets [][]string
		for _, key := range chunk {
			gets = append(gets, []string{"GET", key})
		}
		values, err := c.Pipeline(gets...)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			if v.Err() != nil {
				return nil, v.Err()
			}
			if v.Str != valueOf(chunk[i]) {
				lost[chunk[i]] = true
			}
		}
	}
	return lost, nil
}
