// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "time"

// reclaimSlice bounds what a turn of the cron frees of flushed data.
const reclaimSlice = time.Millisecond

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
			paused := e.debugging.cronPaused || e.shutdown.ended
			if !paused {
				e.BatchBegin()
				e.tick()
				if now.Sub(second) >= time.Second {
					second = now
					e.eachSecond(now)
				}
				e.BatchEnd()
			}
			changed := e.cfg.Hz != hz
			hz = e.cfg.Hz
			e.Unlock()
			if changed {
				ticker.Reset(time.Second / time.Duration(hz))
			}
			if !paused {
				e.runExpireCycle()
			}
			e.Settle()
		}
	}
}

// tick is the work of every turn.
func (e *Engine) tick() {
	e.store.SetClock(e.now)
	e.store.Reclaim(reclaimSlice)
	e.local.cycle(e)
	e.aof.cron()
	e.savingCron()
	e.shutdownCron()
	e.managed.publish()
	if e.snapshot != nil {
		e.saving.asidePeak = max(e.saving.asidePeak, e.store.Memory().Aside)
	}
}

// eachSecond is the work of every second.
func (e *Engine) eachSecond(now time.Time) {
	e.sampleStats()
	e.sampleMemory()
	e.limitHeap()
	e.sessionCron()
	e.replicationCron(now)
	e.aof.eachSecond()
}
