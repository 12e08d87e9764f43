// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "strconv"

// The encodings of strings are Redis's: a decimal integer is EncInt, up to 44
// bytes are EncEmbstr, more are EncRaw, and so is what Append or SetRange have
// changed, however short.

// Set sets a key to a string. With keepTTL it keeps the time to live that it
// may have, else it loses it. added tells whether the key is new. ErrTooLarge
// is the only error.
func (db *DB) Set(key, value []byte, keepTTL bool) (added bool, err error) {
	if n, ok := ParseInt(value); ok {
		return db.SetInt(key, n, keepTTL)
	}
	return db.SetText(key, value, keepTTL)
}

// SetText is Set for a string that is not to become an integer, such as the
// result of INCRBYFLOAT.
func (db *DB) SetText(key, value []byte, keepTTL bool) (added bool, err error) {
	c := content{enc: EncEmbstr, text: value, size: len(value)}
	if len(value) > embstrMax {
		c.enc = EncRaw
	}
	return db.set(key, &c, keepTTL)
}

// SetInt is Set for an integer.
func (db *DB) SetInt(key []byte, n int64, keepTTL bool) (added bool, err error) {
	return db.set(key, &content{enc: EncInt, n: n}, keepTTL)
}

func (db *DB) set(key []byte, c *content, keepTTL bool) (added bool, err error) {
	if c.size > db.st.max || len(key) > maxKeyBytes {
		return false, ErrTooLarge
	}
	ks := db.ks
	hash := ks.hash(key)
	s := ks.find(hash, key)
	ks.put(hash, s, key, c, keepTTL)
	return s.e.p == nil, nil
}

// Append appends to a string and returns its new length in bytes; a key that is
// not there is set. The time to live stays.
func (db *DB) Append(key, suffix []byte) (int, error) {
	v, ok := db.Peek(key)
	if !ok {
		_, err := db.Set(key, suffix, false)
		return len(suffix), err
	}
	n := v.Len()
	b, err := db.Grow(key, n+len(suffix))
	if err != nil {
		return 0, err
	}
	copy(b[n:], suffix)
	return len(b), nil
}

// SetRange overwrites part of a string, from byte offset on, and returns its
// new length; where it was too short, or not there, zeros come between. The time
// to live stays.
func (db *DB) SetRange(key []byte, offset int, part []byte) (int, error) {
	if offset > db.st.max-len(part) {
		return 0, ErrTooLarge
	}
	b, err := db.Grow(key, offset+len(part))
	if err != nil {
		return 0, err
	}
	copy(b[offset:], part)
	return len(b), nil
}

// Grow makes a string at least n bytes long, appending zeros, and returns all
// of it for writing, until the next call of the store: what SETRANGE, SETBIT and
// BITFIELD build on. The string becomes EncRaw. A key that is not there is made.
func (db *DB) Grow(key []byte, n int) ([]byte, error) {
	if n > db.st.max || len(key) > maxKeyBytes {
		return nil, ErrTooLarge
	}
	ks := db.ks
	hash := ks.hash(key)
	s := ks.find(hash, key)
	if s.e.p == nil {
		ks.add(hash, key, &content{enc: EncRaw, size: n}, ks.st.access.fresh())
		return Value{ks.find(hash, key).e, &ks.a.reader}.raw(), nil
	}
	ks.beforeChange(s.bucket)
	ks.st.access.touch(s.e)
	switch {
	case s.e.flags()&flagBlock != 0:
		ks.growBlock(s.e, n)
	case !ks.growInline(s, n):
		ks.regrow(s, key, n)
		s = ks.find(hash, key)
	}
	s.e.setEncoding(EncRaw)
	return Value{s.e, &ks.a.reader}.raw(), nil
}

// growBlock makes the value in a value block at least n bytes long, and the
// entry's own if others read it too.
func (ks *keyspace) growBlock(e entry, n int) {
	h, have := e.block(), e.blockLen()
	n = max(n, have)
	switch {
	case valueRefs(ks.a, h) > 1:
		c := content{text: ks.a.valueBytes(h, have), size: n, room: n}
		own := newValueBlock(ks.a, &c)
		releaseValue(ks.a, h)
		h = own
	case valueHeader+n > ks.a.sizeOf(h):
		h, _ = ks.a.resize(h, valueHeader+roomFor(n), valueHeader+have)
		fallthrough
	default:
		clear(ks.a.valueBytes(h, n)[have:])
	}
	e.setBlock(h, n)
}

// growInline makes a value beside its key at least n bytes long, if the block
// has the room and the header can tell the length.
func (ks *keyspace) growInline(s slot, n int) bool {
	if s.e.encoding() == EncInt {
		return false
	}
	p, have := s.e.payload()
	if n <= have {
		return true
	}
	if n > inlineMax || n > 0xff && s.e.flags()&flagWide == 0 || s.e.size()+n-have > ks.a.sizeOf(s.h) {
		return false
	}
	s.e.setPayloadLen(n)
	clear(bytesAt(p, n)[have:])
	return true
}

// regrow writes the entry of a value beside its key, or of a number, anew with
// a value of at least n bytes.
func (ks *keyspace) regrow(s slot, key []byte, n int) {
	var digits [20]byte
	v := Value{s.e, &ks.a.reader}
	var text []byte
	if v.Encoding() == EncInt {
		text = strconv.AppendInt(digits[:0], s.e.int(), 10)
	} else {
		// The entry may be rewritten in its place: take the value out of it.
		var aside [inlineMax]byte
		text = aside[:copy(aside[:], v.raw())]
	}
	n = max(n, len(text))
	c := content{enc: EncRaw, text: text, size: n, room: roomFor(n)}
	ks.rewrite(s, key, &c, s.e.hasTTL())
}

// roomFor is the room that a string of n bytes which grows gets, so that
// appending to it is linear in all.
func roomFor(n int) int {
	const step = 1 << 20
	if n < step {
		return 2 * n
	}
	return n + max(step, n/8)
}
