// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strconv"
)

// Type is a type of value; the numbers are those of Redis's object types, which
// go into DEBUG DIGEST.
type Type uint8

// The types of values.
const (
	TypeString Type = 0
	TypeList   Type = 1
	TypeSet    Type = 2
	TypeZSet   Type = 3
	TypeHash   Type = 4
	TypeStream Type = 6
)

// String returns the type's name as the TYPE command has it.
func (t Type) String() string {
	switch t {
	case TypeString:
		return "string"
	case TypeList:
		return "list"
	case TypeSet:
		return "set"
	case TypeZSet:
		return "zset"
	case TypeHash:
		return "hash"
	case TypeStream:
		return "stream"
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Encoding is how a value is laid out; the numbers are Redis's.
type Encoding uint8

// The encodings.
const (
	EncRaw       Encoding = 0
	EncInt       Encoding = 1
	EncHT        Encoding = 2
	EncIntset    Encoding = 6
	EncSkiplist  Encoding = 7
	EncEmbstr    Encoding = 8
	EncQuicklist Encoding = 9
	EncListpack  Encoding = 11
)

// How collections are laid out: packed into bytes, or as trees.
const (
	packedEncodings = 1<<EncListpack | 1<<EncIntset
	treeEncodings   = 1<<EncHT | 1<<EncSkiplist | 1<<EncQuicklist
)

// embstrMax is the longest string that Redis calls embstr.
const embstrMax = 44

// String returns the encoding's name as OBJECT ENCODING has it.
func (c Encoding) String() string {
	switch c {
	case EncRaw:
		return "raw"
	case EncInt:
		return "int"
	case EncEmbstr:
		return "embstr"
	case EncHT:
		return "hashtable"
	case EncIntset:
		return "intset"
	case EncSkiplist:
		return "skiplist"
	case EncQuicklist:
		return "quicklist"
	case EncListpack:
		return "listpack"
	}
	return fmt.Sprintf("encoding(%d)", uint8(c))
}

// Value is a look at the value of a key, with what belongs to the key itself. It
// is valid until the next mutation of the store.
type Value struct {
	e entry
	r *reader
}

// Type returns the value's type.
func (v Value) Type() Type { return Type(v.e.typeEncoding() >> 4) }

// Encoding returns how the value is laid out.
func (v Value) Encoding() Encoding { return v.e.encoding() }

// ExpireAt returns the time at which the key expires, in milliseconds since the
// epoch, or NoExpiry.
func (v Value) ExpireAt() int64 {
	if !v.e.hasTTL() {
		return NoExpiry
	}
	return v.e.expireAt()
}

// Access returns the access bits, see Store.Idle and Store.Frequency.
func (v Value) Access() uint32 { return v.e.access() }

// Bytes returns a string's bytes without copying them: they must not be
// changed. The digits of an EncInt are written to a buffer of the store, where
// the next call of Bytes for an EncInt replaces them; Append has no such limit.
func (v Value) Bytes() []byte {
	if v.Encoding() == EncInt {
		return strconv.AppendInt(v.r.digits[0][:0], v.e.int(), 10)
	}
	return v.raw()
}

// Append appends a string's bytes to dst.
func (v Value) Append(dst []byte) []byte {
	if v.Encoding() == EncInt {
		return strconv.AppendInt(dst, v.e.int(), 10)
	}
	return append(dst, v.raw()...)
}

// Len returns the length of a string.
func (v Value) Len() int {
	if v.Encoding() == EncInt {
		return len(v.Bytes())
	}
	return len(v.raw())
}

// Int returns the number that a string stands for. ok is false if it is not the
// decimal form of a 64-bit integer to the letter.
func (v Value) Int() (n int64, ok bool) {
	if v.Encoding() == EncInt {
		return v.e.int(), true
	}
	return ParseInt(v.raw())
}

func (v Value) raw() []byte {
	p, n := v.e.payload()
	if v.e.flags()&flagBlock != 0 {
		return v.r.valueBytes(v.e.block(), v.e.blockLen())
	}
	return bytesAt(p, n)
}

// ParseInt reads the decimal form of a 64-bit integer: digits without a leading
// zero, a minus before them if it is negative, and nothing else. ok is false
// for anything that would not print the same way (Redis's string2ll).
func ParseInt(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits, negative := b, b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var u uint64
	for _, d := range digits {
		if d < '0' || d > '9' || u > (1<<64-1)/10 {
			return 0, false
		}
		next := u*10 + uint64(d-'0')
		if next < u*10 {
			return 0, false
		}
		u = next
	}
	switch {
	case negative && u <= 1<<63:
		return -int64(u), true
	case !negative && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}
