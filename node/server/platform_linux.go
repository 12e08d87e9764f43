// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"runtime"
	"sync"
	"time"
)

// platform is the Linux part of a Server: epoll loops.
type platform struct {
	loops     []*loop
	running   sync.WaitGroup
	started   bool
	listeners listeners
	keepAlive time.Duration // guarded by listeners.mu
}

// defaultLoops leaves most CPUs to what needs no lock: snapshots, the
// collector, replication links. One loop saturates the execution lock soon.
func defaultLoops() int {
	return min(4, max(1, runtime.GOMAXPROCS(0)/2))
}

func (s *Server) prepare() error {
	s.keepAlive = s.options.KeepAlive
	n := s.options.Loops
	if n <= 0 {
		n = defaultLoops()
	}
	for range n {
		l, err := newLoop(s)
		if err != nil {
			for _, l := range s.loops {
				l.free()
			}
			return err
		}
		s.loops = append(s.loops, l)
	}
	return nil
}

func (s *Server) start() {
	s.started = true
	for _, l := range s.loops {
		s.running.Go(l.run)
	}
}

func (s *Server) closeAll() {
	s.listeners.mu.Lock()
	s.closeListeners(func(*listener) bool { return true })
	s.listeners.mu.Unlock()
}

// finish ends the loops and waits for them.
func (s *Server) finish() {
	for _, l := range s.loops {
		if s.started {
			l.end()
		} else {
			l.free()
		}
	}
	s.running.Wait()
}
