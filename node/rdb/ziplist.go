// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// A ziplist is what listpacks replaced in Redis 7.0: a header (its length in
// bytes and the offset of the last entry, each a uint32, and the number of
// entries as a uint16, 65535 of which say that they must be counted), the
// entries, and an end byte 0xFF; all little-endian but the lengths of strings.
// An entry is the length of the one before it (a byte below 254, or 254 and a
// uint32), an encoding, and the data:
//
//	00llllll                     a string of up to 63 bytes
//	01llllll llllllll            of up to 16383 bytes
//	10000000 and four bytes      of any length
//	11000000, 11010000, 11100000 a number of 16, 32, 64 bits, which follows
//	11110000, 11111110           of 24, of 8 bits
//	1111xxxx                     the number xxxx - 1, from 0 to 12
const (
	ziplistHeader   = 10
	ziplistEnd      = 0xff
	ziplistBigPrev  = 254
	ziplistUncount  = 1<<16 - 1
	ziplist16       = 0xc0
	ziplist32       = 0xd0
	ziplist64       = 0xe0
	ziplist24       = 0xf0
	ziplist8        = 0xfe
	ziplistFirstInt = 0xf1
	ziplistLastInt  = 0xfd
)

// ziplist reads a ziplist and makes sure that it is sound. Its entries are then
// to be had from ziplistEntry, v.left of them.
func (v *value) ziplist(f form) (n int, err error) {
	at, err := v.packed(f)
	if err != nil {
		return 0, err
	}
	n, reason := checkZiplist(v.blob)
	if reason != nil {
		return 0, unsound(at, f, reason)
	}
	v.left, v.at = uint64(n), ziplistHeader
	return n, nil
}

// ziplistPairs is ziplist for one of names and what belongs to them, v.left
// pairs.
func (v *value) ziplistPairs(it *Item, f form) error {
	at := v.in.offset()
	n, err := v.ziplist(f)
	switch {
	case err != nil:
		return err
	case n%2 != 0:
		return unsound(at, f, fmt.Errorf("%d entries are no pairs", n))
	case n == 0:
		return errNoElements
	}
	it.Count, v.left = uint64(n/2), uint64(n/2)
	return nil
}

// ziplistEntry appends the next entry as a text.
func (v *value) ziplistEntry(dst []byte) []byte {
	e, _ := parseZiplistEntry(v.blob, v.at)
	v.at = e.end
	if e.isInt {
		return strconv.AppendInt(dst, e.n, 10)
	}
	return append(dst, e.text...)
}

// checkZiplist says whether a blob is a ziplist, as strictly as Redis does, and
// how many entries it has.
func checkZiplist(zl []byte) (n int, reason error) {
	if len(zl) < ziplistHeader+1 {
		return 0, fmt.Errorf("ziplist: %d bytes are too short for one", len(zl))
	}
	if size := binary.LittleEndian.Uint32(zl); uint64(size) != uint64(len(zl)) {
		return 0, fmt.Errorf("ziplist: says %d bytes and has %d", size, len(zl))
	}
	end := len(zl) - 1
	if zl[end] != ziplistEnd {
		return 0, fmt.Errorf("ziplist: offset %d: no end", end)
	}
	last, before := 0, 0
	at := ziplistHeader
	for zl[at] != ziplistEnd {
		e, ok := parseZiplistEntry(zl, at)
		if !ok {
			return 0, fmt.Errorf("ziplist: offset %d: no entry", at)
		}
		if e.before != uint64(before) {
			return 0, fmt.Errorf("ziplist: offset %d: says that the entry before has %d bytes, and it has %d", at, e.before, before)
		}
		last, before = at, e.end-at
		at = e.end
		n++
	}
	if at != end {
		return 0, fmt.Errorf("ziplist: offset %d: an end before the end", at)
	}
	tail := binary.LittleEndian.Uint32(zl[4:])
	if n > 0 && tail != uint32(last) || int(tail) > end {
		return 0, fmt.Errorf("ziplist: says that the last entry is at offset %d, and it is at %d", tail, last)
	}
	if said := int(binary.LittleEndian.Uint16(zl[8:])); said != ziplistUncount && said != n {
		return 0, fmt.Errorf("ziplist: says %d entries and has %d", said, n)
	}
	return n, nil
}

// ziplistPart is one entry of a ziplist.
type ziplistPart struct {
	before uint64 // length of the entry before
	text   []byte
	n      int64
	isInt  bool
	end    int // offset behind it
}

// parseZiplistEntry takes the entry at an offset apart; ok is false if it is
// none, or does not end before the ziplist does.
func parseZiplistEntry(zl []byte, at int) (e ziplistPart, ok bool) {
	rest := zl[at : len(zl)-1]
	if len(rest) < 2 {
		return e, false
	}
	e.before = uint64(rest[0])
	if rest[0] >= ziplistBigPrev {
		if len(rest) < 6 {
			return e, false
		}
		e.before = uint64(binary.LittleEndian.Uint32(rest[1:]))
		rest = rest[4:]
	}
	c := rest[1]
	rest = rest[2:]
	if c >= ziplist16 {
		size, known := ziplistIntSize(c)
		if !known || size > len(rest) {
			return e, false
		}
		e.isInt, e.n = true, ziplistInt(c, rest)
		e.end = len(zl) - 1 - len(rest) + size
		return e, true
	}
	length := uint64(c & 0x3f)
	switch c & ziplist16 {
	case 0x40:
		if len(rest) < 1 {
			return e, false
		}
		length = length<<8 | uint64(rest[0])
		rest = rest[1:]
	case 0x80:
		if c != 0x80 || len(rest) < 4 {
			return e, false
		}
		length = uint64(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
	}
	if length > uint64(len(rest)) {
		return e, false
	}
	e.text = rest[:length]
	e.end = len(zl) - 1 - len(rest) + int(length)
	return e, true
}

func ziplistIntSize(c byte) (size int, known bool) {
	switch c {
	case ziplist8:
		return 1, true
	case ziplist16:
		return 2, true
	case ziplist24:
		return 3, true
	case ziplist32:
		return 4, true
	case ziplist64:
		return 8, true
	}
	return 0, c >= ziplistFirstInt && c <= ziplistLastInt
}

// ziplistInt is the number of an encoding whose bytes are there.
func ziplistInt(c byte, p []byte) int64 {
	switch c {
	case ziplist8:
		return int64(int8(p[0]))
	case ziplist16:
		return int64(int16(binary.LittleEndian.Uint16(p)))
	case ziplist24:
		return int64(int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24) >> 8)
	case ziplist32:
		return int64(int32(binary.LittleEndian.Uint32(p)))
	case ziplist64:
		return int64(binary.LittleEndian.Uint64(p))
	}
	return int64(c - ziplistFirstInt)
}
