// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha1"
	"encoding/binary"
)

// Digest is a fingerprint of a data set or a value, bit by bit that of Redis's
// DEBUG DIGEST and DEBUG DIGEST-VALUE, whatever the order of keys.
type Digest [sha1.Size]byte

func (d *Digest) xor(data []byte) {
	sum := sha1.Sum(data)
	for i := range d {
		d[i] ^= sum[i]
	}
}

// mix makes the digest depend on the order of what is mixed in.
func (d *Digest) mix(data []byte) {
	d.xor(data)
	*d = sha1.Sum(d[:])
}

func (d *Digest) mixNumber(n uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	d.mix(b[:])
}

func (d *Digest) mixValue(v Value) {
	d.mixNumber(uint32(v.Type()))
	switch v.Type() {
	case TypeString:
		d.mix(v.Bytes())
	case TypeList:
		for element := range v.List().Ascend(0) {
			d.mix(element)
		}
	case TypeSet:
		for member := range v.Set().All() {
			d.xor(member)
		}
	case TypeZSet:
		for member, score := range v.ZSet().Ascend(0) {
			var digits [scoreDigits]byte
			d.xorPair(member, appendScore(digits[:0], score))
		}
	case TypeHash:
		for field, value := range v.Hash().All() {
			d.xorPair(field, value)
		}
	}
	if v.ExpireAt() != NoExpiry {
		d.xor([]byte("!!expire!!"))
	}
}

// xorPair mixes in two strings that belong together, in no order to others.
func (d *Digest) xorPair(first, second []byte) {
	var pair Digest
	pair.mix(first)
	pair.mix(second)
	d.xor(pair[:])
}

// Digest returns the value's digest (DEBUG DIGEST-VALUE).
func (v Value) Digest() Digest {
	var d Digest
	d.mixValue(v)
	return d
}

// Digest returns the digest of all keys (DEBUG DIGEST). It reads all of them.
func (s *Store) Digest() Digest {
	var d Digest
	for _, db := range s.dbs {
		if db.Len() == 0 {
			continue
		}
		d.mixNumber(uint32(db.index))
		for key, v := range db.All() {
			var item Digest
			item.mix(key)
			item.mixValue(v)
			d.xor(item[:])
		}
	}
	return d
}
