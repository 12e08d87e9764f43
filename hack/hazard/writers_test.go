// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hazard

import (
	"fmt"
	"sync"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
)

// writersAtOnce is how many clients write during a round.
const writersAtOnce = 4

// writers write until they are stopped and remember what was acknowledged.
type writers struct {
	s      setup
	prefix string
	quit   chan struct{}
	wg     sync.WaitGroup

	mu   sync.Mutex
	keys []string
}

func startWriters(s setup, prefix string) *writers {
	w := &writers{s: s, prefix: prefix, quit: make(chan struct{})}
	for i := range writersAtOnce {
		w.wg.Go(func() { w.run(i) })
	}
	return w
}

// await waits until so many writes were acknowledged.
func (w *writers) await(n int) error {
	err := await(fmt.Sprintf("%d acknowledged writes", n), 30*time.Second, func() (bool, error) {
		return w.count() >= n, nil
	})
	if err != nil {
		w.stop()
	}
	return err
}

// count is the number of writes acknowledged so far.
func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.keys)
}

// stop ends the writing and gives the acknowledged keys.
func (w *writers) stop() []string {
	close(w.quit)
	w.wg.Wait()
	return w.keys
}

func (w *writers) stopped() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

func (w *writers) run(id int) {
	for n := 0; !w.stopped(); {
		addr, password := w.s.master()
		if addr == "" {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c, err := redisclient.DialTimeout(addr, password, time.Second)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for ; !w.stopped(); n++ {
			key := fmt.Sprintf("%s:%d:%d", w.prefix, id, n)
			if !w.write(c, key) {
				break
			}
		}
		c.Close()
	}
}

// write sets a key and asks for a replica's word on it. It gives false when the
// connection is of no use any more.
func (w *writers) write(c *redisclient.Conn, key string) bool {
	replies, err := c.Pipeline([]string{"SET", key, "v:" + key}, []string{"WAIT", "1", "500"})
	if err != nil || replies[0].Err() != nil {
		return false
	}
	if replies[1].Int >= 1 {
		w.mu.Lock()
		w.keys = append(w.keys, key)
		w.mu.Unlock()
	}
	return true
}
