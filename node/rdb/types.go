// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import "fmt"

// Type is the type of a value, as a user knows it.
type Type uint8

// The types that can be read and written.
const (
	TypeString Type = iota
)

// code is the byte in front of a key: type and encoding of its value.
type code uint8

const codeString code = 0

// codec reads and writes the values of one code.
type codec struct {
	read  func(in *input, it *Item) error
	write func(w *Writer, it *Item)
}

// codecs are the codes that can be read, and codeOf the one each type is
// written in.
var codecs = map[code]codec{
	codeString: {readString, writeString},
}

func codeOf(*Item) code { return codeString }

// codeNames tell a user what a value is that can't be read.
var codeNames = map[code]string{
	1: "a list", 2: "a set", 3: "a sorted set", 4: "a hash", 5: "a sorted set (binary scores)",
	6: "a module value", 7: "a module value",
	9: "a hash (zipmap)", 10: "a list (ziplist)", 11: "a set (intset)", 12: "a sorted set (ziplist)",
	13: "a hash (ziplist)", 14: "a list (quicklist)", 15: "a stream", 16: "a hash (listpack)",
	17: "a sorted set (listpack)", 18: "a list (quicklist 2)", 19: "a stream (2)", 20: "a set (listpack)",
	21: "a stream (3)", 22: "a hash with expiring fields", 23: "a hash with expiring fields (listpack)",
	24: "a hash with expiring fields", 25: "a hash with expiring fields (listpack)",
}

// UnsupportedError is a key whose value the node can't keep.
type UnsupportedError struct {
	Offset int64 // of the byte that gives the type
	DB     int
	Key    string
	Code   uint8 // RDB's number of type and encoding
}

func (e *UnsupportedError) Error() string {
	name, known := codeNames[code(e.Code)]
	if !known {
		name = "a value of an unknown type"
	}
	return fmt.Sprintf("rdb: offset %d: key %q of database %d holds %s, RDB type %d, which this node can't keep yet",
		e.Offset, clip(e.Key), e.DB, name, e.Code)
}

// clip keeps a key in an error's text readable.
func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
