// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/espalier-io/espalier/node/command"
)

// The active expire cycle removes keys whose time is over although nobody asks
// for them. It walks the index of keys with a time to live, a stretch for each
// database at every turn of the cron, and goes on with a database as long as it
// finds more than a tolerable share of it expired; in all it may take a quarter
// of one CPU, more with a greater active-expire-effort. These are Redis's
// rules, but for the stretch, which is longer because walking our index costs
// next to nothing.

const (
	// expireSlice is how long the cycle holds the lock at a time.
	expireSlice = 250 * time.Microsecond
	// clockKeys is how many keys are removed between two looks at the clock.
	clockKeys = 16
)

// expireCycle is the state of the cycle.
type expireCycle struct {
	next     int // database
	cpu      time.Duration
	key      []byte // a copy of the key in hand
	limit    time.Duration
	stretch  int
	tolerate int // percent of a stretch
}

// tune derives the cycle's numbers from the effort, 1 to 10.
func (c *expireCycle) tune(effort, hz int) {
	effort--
	keys := 20 + 5*effort
	percent := 25 + 2*effort
	c.stretch = 1024 * keys
	c.tolerate = 10 - effort
	c.limit = time.Second / time.Duration(hz) * time.Duration(percent) / 100
}

// silent tells whether this node puts nothing of its own on the stream now.
func (e *Engine) silent() bool {
	return e.pauses.kind != pauseNone || e.replication.isReplica() || e.managed.silent()
}

// runExpireCycle is one turn of the cron. Called without the lock.
func (e *Engine) runExpireCycle() {
	e.Lock()
	c := &e.expire
	c.tune(e.cfg.ActiveExpireEffort, e.cfg.Hz)
	databases := e.store.NumDBs()
	e.Unlock()
	begin := time.Now()
	walked, found := 0, 0
	for range databases {
		for more := true; more; {
			if time.Since(begin) > c.limit {
				e.expireCycleEnds(begin, walked, found, true)
				return
			}
			var w, f int
			w, f, more = e.expireStretch()
			walked += w
			found += f
		}
		c.next++
	}
	e.expireCycleEnds(begin, walked, found, false)
}

// expireStretch walks one stretch of a database, as far as a slice of time
// allows; more says that the same database deserves another. Called without
// the lock.
func (e *Engine) expireStretch() (walked, found int, more bool) {
	e.Lock()
	defer e.Unlock()
	e.BatchBegin()
	defer e.BatchEnd()
	if e.silent() || e.debugging.noActiveExpire || e.loading != nil || e.scripting.busy() {
		return 0, 0, false
	}
	c := &e.expire
	c.next %= e.store.NumDBs()
	db := e.store.DB(c.next)
	if db.Expires() == 0 {
		return 0, 0, false
	}
	stretch := min(c.stretch, db.Expires())
	budget := stretch
	deadline := e.clock + int64(expireSlice)
	for budget > 0 {
		key, ok := db.NextExpired(e.now, &budget)
		if !ok {
			break
		}
		c.key = append(c.key[:0], key...)
		e.removeExpired(c.next, c.key)
		found++
		if found%clockKeys == 0 && int64(e.sinceStart()) > deadline {
			break
		}
	}
	walked = stretch - budget
	return walked, found, walked > 0 && found*100 > walked*c.tolerate
}

// removeExpired deletes a key whose time is over and says so to everybody.
func (e *Engine) removeExpired(db int, key []byte) {
	e.store.DB(db).Delete(key)
	e.KeyModified(db, command.EventExpired, "expired", key)
	e.Expired(db, key)
	e.endUnit()
}

// expireCycleEnds takes note of a turn for INFO stats.
func (e *Engine) expireCycleEnds(begin time.Time, walked, found int, capped bool) {
	e.Lock()
	defer e.Unlock()
	e.expire.cpu += time.Since(begin)
	if capped {
		e.stats.expireCapReached++
	}
	share := 0.0
	if walked > 0 {
		share = 100 * float64(found) / float64(walked)
	}
	e.stats.expiredStale = share*0.05 + e.stats.expiredStale*0.95
}
