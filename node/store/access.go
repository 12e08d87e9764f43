// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "math/rand/v2"

// Every entry has 24 bits that tell of its last accesses, as in Redis (lru in
// robj): with an LRU policy the clock of the last one, in seconds, modulo 2^24;
// with an LFU policy 16 bits of the minute at which the counter was last
// decremented and 8 bits of a logarithmic counter.

// AccessPolicy is how accesses to keys are remembered.
type AccessPolicy struct {
	LFU       bool
	LogFactor int // lfu-log-factor: the greater, the more accesses a count takes
	DecayTime int // lfu-decay-time: minutes after which the counter loses one
}

const (
	lfuInitial = 5 // the counter of a new key, so that it is not evicted at once
	clockMask  = accessMask
)

// accessClock turns accesses into those 24 bits.
type accessClock struct {
	policy  AccessPolicy
	seconds uint32 // modulo 2^24
	minutes uint32 // modulo 2^16
}

func (c *accessClock) set(nowMs int64) {
	c.seconds = uint32(nowMs/1000) & clockMask
	c.minutes = uint32(nowMs/60000) & 0xffff
}

// fresh is what a new entry starts with.
func (c *accessClock) fresh() uint32 {
	if c.policy.LFU {
		return c.minutes<<8 | lfuInitial
	}
	return c.seconds
}

// overwritten is what an entry has after its value was replaced: how often it
// is used stays, when it was used is now.
func (c *accessClock) overwritten(old uint32) uint32 {
	if c.policy.LFU {
		return old
	}
	return c.seconds
}

// touch records an access.
func (c *accessClock) touch(e entry) {
	old := e.access()
	now := c.seconds
	if c.policy.LFU {
		now = c.minutes<<8 | c.count(c.decay(old))
	}
	if now != old {
		e.setAccess(now)
	}
}

// decay returns the counter less what the time since has taken from it.
func (c *accessClock) decay(access uint32) uint32 {
	counter := access & 0xff
	if c.policy.DecayTime <= 0 {
		return counter
	}
	periods := (c.minutes - access>>8) & 0xffff / uint32(c.policy.DecayTime)
	return counter - min(periods, counter)
}

// count raises the counter with a probability that falls as it grows.
func (c *accessClock) count(counter uint32) uint32 {
	if counter == 0xff {
		return counter
	}
	base := float64(counter) - lfuInitial
	if base < 0 {
		base = 0
	}
	if rand.Float64() < 1/(base*float64(c.policy.LogFactor)+1) {
		counter++
	}
	return counter
}

// SetClock tells the store the time, in milliseconds since the epoch. It serves
// the accesses alone; to call it ten times a second is enough.
func (s *Store) SetClock(nowMs int64) { s.access.set(nowMs) }

// SetAccessPolicy says how accesses are remembered from now on. What entries
// remember is not converted, as in Redis.
func (s *Store) SetAccessPolicy(p AccessPolicy) { s.access.policy = p }

// AccessPolicy returns how accesses are remembered.
func (s *Store) AccessPolicy() AccessPolicy { return s.access.policy }

// Idle returns for how many seconds an entry with these access bits has not
// been used (OBJECT IDLETIME), under an LRU policy.
func (s *Store) Idle(access uint32) int64 {
	return int64((s.access.seconds - access) & clockMask)
}

// Frequency returns the access counter behind these access bits (OBJECT FREQ),
// under an LFU policy.
func (s *Store) Frequency(access uint32) int { return int(s.access.decay(access)) }

// IdleAccess returns the access bits of an entry that has not been used for so
// many seconds, and FrequencyAccess those of one with such a counter: what a
// load from a dump gives to SetAccess.
func (s *Store) IdleAccess(seconds int64) uint32 {
	return (s.access.seconds - uint32(min(seconds, clockMask))) & clockMask
}

// FrequencyAccess is described at IdleAccess.
func (s *Store) FrequencyAccess(counter int) uint32 {
	return s.access.minutes<<8 | uint32(counter)&0xff
}

// SetAccess sets the access bits of a key, if it is there.
func (db *DB) SetAccess(key []byte, access uint32) {
	if s := db.ks.lookup(key); s.e.p != nil {
		s.e.setAccess(access)
	}
}
