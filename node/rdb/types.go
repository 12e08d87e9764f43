// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"errors"
	"fmt"
)

// Type is the type of a value, as a user knows it.
type Type uint8

// The types that can be read and written.
const (
	TypeString Type = iota
	TypeList
	TypeSet
	TypeZSet
	TypeHash
)

// code is the byte in front of a key: type and encoding of its value.
type code uint8

// The codes that can be read. Those up to Redis 7.0's that are not of ziplists
// and the like are written, too.
const (
	codeString       code = 0
	codeList         code = 1
	codeSet          code = 2
	codeZSet         code = 3 // scores as texts, before Redis 4
	codeHash         code = 4
	codeZSet2        code = 5
	codeHashZipmap   code = 9
	codeListZiplist  code = 10
	codeSetIntset    code = 11
	codeZSetZiplist  code = 12
	codeHashZiplist  code = 13
	codeQuicklist    code = 14 // of ziplists
	codeHashListpack code = 16
	codeZSetListpack code = 17
	codeQuicklist2   code = 18
	codeSetListpack  code = 20 // Redis 7.2
)

// readers read a value or, of one that comes in parts, what stands before them.
// Codes that can't be read have none.
var readers = [256]func(v *value, it *Item) error{
	codeString:       readString,
	codeList:         readList,
	codeSet:          readSet,
	codeZSet:         readZSetTexts,
	codeHash:         readHash,
	codeZSet2:        readZSet,
	codeHashZipmap:   readHashZipmap,
	codeListZiplist:  readListZiplist,
	codeSetIntset:    readSetIntset,
	codeZSetZiplist:  readZSetZiplist,
	codeHashZiplist:  readHashZiplist,
	codeQuicklist:    readQuicklist,
	codeHashListpack: readHashListpack,
	codeZSetListpack: readZSetListpack,
	codeQuicklist2:   readQuicklist2,
	codeSetListpack:  readSetListpack,
}

// codeOf is the code that an item is written in.
func codeOf(it *Item) code {
	packed := it.Packed != nil
	switch {
	case it.Type == TypeList && it.Nodes != nil:
		return codeQuicklist2
	case it.Type == TypeList:
		return codeList
	case it.Type == TypeSet && packed:
		return codeSetIntset
	case it.Type == TypeSet:
		return codeSet
	case it.Type == TypeZSet && packed:
		return codeZSetListpack
	case it.Type == TypeZSet:
		return codeZSet2
	case it.Type == TypeHash && packed:
		return codeHashListpack
	case it.Type == TypeHash:
		return codeHash
	}
	return codeString
}

// value writes an item's value, without its code.
func (w *Writer) value(it *Item) {
	switch {
	case it.Type == TypeString:
		w.string(it)
	case it.Packed != nil:
		w.text(it.Packed)
	case it.Type == TypeList && it.Nodes != nil:
		w.nodes(it)
	case it.Type == TypeHash:
		w.fields(it)
	case it.Type == TypeZSet:
		w.scores(it)
	default:
		w.elements(it)
	}
}

// errNoElements is a collection without elements, which Redis does not keep.
var errNoElements = errors.New("the collection is empty")

// codeNames tell a user what a value is that can't be read.
var codeNames = map[code]string{
	6: "a module value", 7: "a module value", 15: "a stream", 19: "a stream (2)", 21: "a stream (3)",
	22: "a hash with expiring fields (of a preview of Redis 7.4)", 23: "a hash with expiring fields (listpack, of a preview of Redis 7.4)",
	24: "a hash with expiring fields", 25: "a hash with expiring fields (listpack)",
}

// valkeyNames are those of numbers that Valkey gave a meaning of its own.
var valkeyNames = map[code]string{22: "a hash with expiring fields (Valkey)", 23: "", 24: "", 25: ""}

// UnsupportedError is a key whose value the node can't keep.
type UnsupportedError struct {
	Offset int64 // of the byte that gives the type
	DB     int
	Key    string
	Code   uint8 // RDB's number of type and encoding
	Valkey bool  // the number is one of Valkey's own
}

func (e *UnsupportedError) Error() string {
	name := codeNames[code(e.Code)]
	if own, differs := valkeyNames[code(e.Code)]; e.Valkey && differs {
		name = own
	}
	if name == "" {
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
