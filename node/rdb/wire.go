// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"hash/crc64"
	"math"
	"math/bits"
	"strconv"
)

// A length is written in 1, 2, 5 or 9 bytes; the first two bits tell which.
// 11 is no length but a specially encoded string, whose encoding follows in
// the other six.
const (
	len6       = 0 << 6
	len14      = 1 << 6
	len32      = 0x80
	len64      = 0x81
	lenEncoded = 3 << 6

	encInt8  = 0
	encInt16 = 1
	encInt32 = 2
	encLZF   = 3
)

func appendLength(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, len6|byte(n))
	case n < 1<<14:
		return append(b, len14|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, len32), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, len64), n)
}

// longestInt is the most digits of a number that is written as one.
const longestInt = 11

// appendInt writes s as an integer, if it is the one way to write a number of
// 32 bits.
func appendInt(b, s []byte) ([]byte, bool) {
	if len(s) == 0 || len(s) > longestInt || (s[0] < '0' || s[0] > '9') && s[0] != '-' {
		return b, false
	}
	n, err := strconv.ParseInt(string(s), 10, 32)
	if err != nil {
		return b, false
	}
	var canonical [longestInt]byte
	if string(strconv.AppendInt(canonical[:0], n, 10)) != string(s) {
		return b, false
	}
	return appendNumber(b, n), true
}

// appendNumber writes a number of 32 bits as a specially encoded string.
func appendNumber(b []byte, n int64) []byte {
	switch {
	case n >= math.MinInt8 && n <= math.MaxInt8:
		return append(b, lenEncoded|encInt8, byte(n))
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return binary.LittleEndian.AppendUint16(append(b, lenEncoded|encInt16), uint16(n))
	}
	return binary.LittleEndian.AppendUint32(append(b, lenEncoded|encInt32), uint32(n))
}

// jones is Redis's CRC64, in the standard library's form.
var jones = crc64.MakeTable(bits.Reverse64(0xad93d23594c935a9))

// checksum continues a CRC64. The library derives further tables in each call
// of some size, so give it large pieces.
func checksum(crc uint64, p []byte) uint64 { return ^crc64.Update(^crc, jones, p) }
