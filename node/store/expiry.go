// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/bits"
	"math/rand/v2"
)

// NoExpiry is the time of expiry of a key that has none.
const NoExpiry int64 = -1

// expiryIndex holds the handles of the entries with a time to live, in no
// order and without gaps, and each such entry knows its place. Beside the
// handle a word has a hint of when the entry expires: so looking for expired
// keys runs along the index and touches only entries that may have expired.
type expiryIndex struct {
	words  vector
	sumLo  uint64 // the sum of all times of expiry, 128 bits, two's complement
	sumHi  uint64
	left   uint64 // words that NextExpired's round has still to see, plus one; 0: no round
	origin int64  // the time, ms, from which hints count
}

// A hint is the time of expiry in units of 8.192 seconds from the index's origin,
// cut off at 0 and at 4.36 years. That never turns the order of two times
// around, so a key may be due only if its hint is not after that of now.
const (
	hintShift = 13
	hintMax   = 1<<(64-handleBits) - 1
)

func (x *expiryIndex) hint(at int64) uint64 {
	if at <= x.origin {
		return 0
	}
	return min(uint64(at-x.origin)>>hintShift, hintMax)
}

func (x *expiryIndex) word(h handle, at int64) uint64 {
	return uint64(h) | x.hint(at)<<handleBits
}

func (x *expiryIndex) len() int { return int(x.words.len) }

func (x *expiryIndex) add(a *arena, e entry, h handle, at int64) {
	e.setExpireAt(at)
	e.setExpiryIndex(uint32(x.words.len))
	x.words.push(a, x.word(h, at))
	x.sum(at)
}

func (x *expiryIndex) sum(at int64) {
	var carry uint64
	x.sumLo, carry = bits.Add64(x.sumLo, uint64(at), 0)
	x.sumHi, _ = bits.Add64(x.sumHi, uint64(at>>63), carry)
}

func (x *expiryIndex) unsum(at int64) {
	var borrow uint64
	x.sumLo, borrow = bits.Sub64(x.sumLo, uint64(at), 0)
	x.sumHi, _ = bits.Sub64(x.sumHi, uint64(at>>63), borrow)
}

// remove takes an entry out; the last one takes its place.
func (x *expiryIndex) remove(a *arena, e entry) {
	x.unsum(e.expireAt())
	i := e.expiryIndex()
	last := *x.words.at(x.words.len - 1)
	if uint64(i) != x.words.len-1 {
		*x.words.at(uint64(i)) = last
		entry{a.ptr(handle(last & handleMask))}.setExpiryIndex(i)
	}
	x.words.pop(a)
}

func (x *expiryIndex) change(e entry, h handle, at int64) {
	x.unsum(e.expireAt())
	x.sum(at)
	e.setExpireAt(at)
	*x.words.at(uint64(e.expiryIndex())) = x.word(h, at)
}

// moved tells the index the new handle of an entry.
func (x *expiryIndex) moved(i uint32, h handle) {
	word := x.words.at(uint64(i))
	*word = *word&^handleMask | uint64(h)
}

// mean returns the average time of expiry.
func (x *expiryIndex) mean() int64 {
	hi, lo := x.sumHi, x.sumLo
	negative := int64(hi) < 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	q, _ := bits.Div64(hi, lo, x.words.len)
	if negative {
		return -int64(q)
	}
	return int64(q)
}

// SetExpire sets the time at which a key expires, in milliseconds since the
// epoch, or takes it away with NoExpiry. It reports whether the key is there.
func (db *DB) SetExpire(key []byte, at int64) bool {
	s := db.ks.lookup(key)
	if s.e.p == nil {
		return false
	}
	db.ks.setTTL(s, at)
	return true
}

// Persist takes the time to live from a key and reports whether it had one.
func (db *DB) Persist(key []byte) bool {
	s := db.ks.lookup(key)
	if s.e.p == nil || !s.e.hasTTL() {
		return false
	}
	db.ks.setTTL(s, NoExpiry)
	return true
}

// ExpireAt returns the time at which a key expires, in milliseconds since the
// epoch, NoExpiry if never, and whether the key is there. It does not count as
// an access.
func (db *DB) ExpireAt(key []byte) (at int64, ok bool) {
	v, ok := db.Peek(key)
	if !ok {
		return NoExpiry, false
	}
	return v.ExpireAt(), true
}

// Expires returns the number of keys with a time to live.
func (db *DB) Expires() int { return db.ks.expires.len() }

// AverageTTL returns the mean of what the keys with a time to live have left,
// in milliseconds, 0 if there are none. It is exact.
func (db *DB) AverageTTL(now int64) int64 {
	x := &db.ks.expires
	if x.len() == 0 {
		return 0
	}
	return max(0, x.mean()-now)
}

// NextExpired looks for a key that has expired by now (ms since the epoch: its
// time of expiry is less than now, as Redis has it), going on where the last call
// stopped. It takes at most *budget steps, one for every key with a time to
// live that it passes, and subtracts what it took. The caller, an active
// expire cycle, deletes the key, propagates that and calls again until ok is
// false: the budget is spent, or a round through all keys is complete and the
// next call begins another.
func (db *DB) NextExpired(now int64, budget *int) (key []byte, ok bool) {
	x := &db.ks.expires
	// From the last to the first: the removal of an expired key moves the last
	// one, which has been seen, into its place.
	if x.left == 0 {
		x.left = x.words.len + 1
	}
	x.left = min(x.left, x.words.len+1)
	due := x.hint(now)
	for x.left > 1 && *budget > 0 {
		x.left--
		*budget--
		word := *x.words.at(x.left - 1)
		if word>>handleBits > due {
			continue
		}
		if e := (entry{db.ks.a.ptr(handle(word & handleMask))}); e.expireAt() < now {
			return e.key(), true
		}
	}
	if x.left == 1 {
		x.left = 0
	}
	return nil, false
}

// RandomExpiring returns a key with a time to live, each with the same chance:
// what the volatile eviction policies sample.
func (db *DB) RandomExpiring() (key []byte, v Value, ok bool) {
	x := &db.ks.expires
	if x.len() == 0 {
		return nil, Value{}, false
	}
	word := *x.words.at(rand.Uint64N(x.words.len))
	e := entry{db.ks.a.ptr(handle(word & handleMask))}
	return e.key(), Value{e, &db.ks.a.reader}, true
}
