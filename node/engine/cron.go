// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "time"

// runCron does the periodic work, hz times a second. Called without the lock.
func (e *Engine) runCron() {
	e.Lock()
	hz := e.cfg.Hz
	e.Unlock()
	ticker := time.NewTicker(time.Second / time.Duration(hz))
	defer ticker.Stop()
	var second time.Time
	for {
		select {
		case <-e.stop:
			return
		case now := <-ticker.C:
			e.Lock()
			e.tick(now)
			if now.Sub(second) >= time.Second {
				second = now
				e.eachSecond(now)
			}
			if e.cfg.Hz != hz {
				hz = e.cfg.Hz
				ticker.Reset(time.Second / time.Duration(hz))
			}
			e.BatchEnd()
			e.Unlock()
		}
	}
}

// tick is the work of every turn.
func (e *Engine) tick(time.Time) {
	e.readClock()
	e.expireCycle()
	e.sessionCron()
	e.savingCron()
}

// eachSecond is the work of every second.
func (e *Engine) eachSecond(now time.Time) {
	e.stats.sample(e.clock)
	e.replicationCron(now)
}

// sample updates instantaneous_ops_per_sec.
func (s *stats) sample(clock int64) {
	if elapsed := clock - s.opsAt; s.opsAt != 0 && elapsed > 0 {
		s.opsPerSecond = (s.commands - s.opsCount) * int64(time.Second) / elapsed
	}
	s.opsAt, s.opsCount = clock, s.commands
}
