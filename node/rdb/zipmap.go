// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A zipmap is how Redis before 2.6 packed a hash: the number of fields in a byte
// (254: to be counted), then field after field, and an end byte 0xFF. A
// field is its length and its bytes, the length of its value, the number of bytes
// that are unused behind the value, the value, and those bytes. A length is a
// byte below 254, or 254 and a little-endian uint32.
const (
	zipmapHeader  = 1
	zipmapBig     = 254
	zipmapEnd     = 0xff
	zipmapUncount = 254
)

// checkZipmap says whether a blob is a zipmap with fields, as strictly as Redis
// does, and how many there are.
func checkZipmap(zm []byte) (n int, reason error) {
	end := len(zm) - 1
	if len(zm) < zipmapHeader+1 || zm[end] != zipmapEnd {
		return 0, errors.New("zipmap: no end")
	}
	at := zipmapHeader
	for ; zm[at] != zipmapEnd; n++ {
		_, _, next, ok := zipmapPair(zm, at)
		if !ok {
			return 0, fmt.Errorf("zipmap: offset %d: no field that ends before the zipmap", at)
		}
		at = next
	}
	switch {
	case at != end:
		return 0, fmt.Errorf("zipmap: offset %d: an end before the end", at)
	case n == 0:
		return 0, errors.New("zipmap: no fields")
	case zm[0] != zipmapUncount && int(zm[0]) != n:
		return 0, fmt.Errorf("zipmap: says %d fields and has %d", zm[0], n)
	}
	return n, nil
}

// zipmapPair returns the field at an offset, its value, and the offset behind.
func zipmapPair(zm []byte, at int) (field, val []byte, next int, ok bool) {
	rest := zm[at : len(zm)-1]
	n, rest, ok := zipmapLength(rest)
	if !ok || n > len(rest) {
		return nil, nil, 0, false
	}
	field, rest = rest[:n], rest[n:]
	n, rest, ok = zipmapLength(rest)
	if !ok || len(rest) == 0 {
		return nil, nil, 0, false
	}
	unused, rest := int(rest[0]), rest[1:]
	if n+unused > len(rest) {
		return nil, nil, 0, false
	}
	return field, rest[:n], len(zm) - 1 - len(rest) + n + unused, true
}

func zipmapLength(p []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(p) == 0 || p[0] == zipmapEnd || p[0] == zipmapBig && len(p) < 5:
		return 0, nil, false
	case p[0] < zipmapBig:
		return int(p[0]), p[1:], true
	}
	n = int(binary.LittleEndian.Uint32(p[1:]))
	return n, p[5:], n >= zipmapBig // Redis passes over a short text by its short length
}
