// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "sync"

// releaser unmaps memory away from the execution lock: giving hundreds of
// megabytes back to the kernel takes milliseconds. At most one goroutine works
// at a time and it ends when nothing is left to do.
type releaser struct {
	mu      sync.Mutex
	idle    sync.Cond
	queue   [][]byte
	running bool
}

var background = newReleaser()

func newReleaser() *releaser {
	r := &releaser{}
	r.idle.L = &r.mu
	return r
}

func (r *releaser) release(mem ...[]byte) {
	if len(mem) == 0 {
		return
	}
	r.mu.Lock()
	r.queue = append(r.queue, mem...)
	if !r.running {
		r.running = true
		go r.run()
	}
	r.mu.Unlock()
}

func (r *releaser) run() {
	r.mu.Lock()
	for len(r.queue) > 0 {
		batch := r.queue
		r.queue = nil
		r.mu.Unlock()
		for _, mem := range batch {
			unmapPages(mem)
		}
		r.mu.Lock()
	}
	r.running = false
	r.idle.Broadcast()
	r.mu.Unlock()
}

// wait returns when all that was released so far is back with the system.
func (r *releaser) wait() {
	r.mu.Lock()
	for r.running {
		r.idle.Wait()
	}
	r.mu.Unlock()
}
