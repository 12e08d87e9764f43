// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rdb reads and writes Redis's dump format, RDB. It writes version 10,
// which Redis 7.0 and everything later reads; it reads versions 1 to 12 and
// Valkey 9's 80, as far as it knows the types of the values.
//
// A dump is a magic, then a sequence of opcodes, each with its operands, then
// the end and a CRC64 of all that was before:
//
//	REDIS0010
//	AUX name value …            what the writer says about itself (Header)
//	SELECTDB n, RESIZEDB k e    the database of the keys that follow
//	[EXPIRETIME_MS t] [IDLE s | FREQ f] type key value …
//	EOF checksum
//
// Writer makes one from a stream of Items; Load takes one apart and hands the
// Items to a Handler. SaveFile and LoadFile do the same with a file. Dump and
// Restore handle single values in the form of the DUMP command.
//
// A dump comes from a disk or a network that may have damaged it, or from
// somebody who means harm. So no length in it is believed: memory is taken
// only as bytes arrive, and a compressed text may claim only the size that
// compression could explain. Every error says at which byte it was found and
// what was expected there. What can't be kept (a type, a function library) is
// refused aloud, never dropped.
//
// A collection comes in one of two forms: packed, whole, as the bytes of a
// listpack or an intset, which are checked to the last entry (packed.go) so that
// they can be kept as they are; or element by element, never held at once, in
// either direction (pieces.go). What Redis wrote before it had listpacks
// (ziplist.go, zipmap.go) is read element by element, too.
//
// Each type of value has a file of its own (string.go, list.go, set.go, hash.go,
// zset.go); they are listed in types.go.
//
// Start reading at Item, then Writer and Load.
package rdb

import "iter"

// Version is the format's version that is written.
const Version = 10

// The versions of Redis that are read, and Valkey's under its own magic.
const (
	oldestVersion = 1
	newestVersion = 12
	valkeyVersion = 80
)

// checksumVersion is the first with a checksum at the end.
const checksumVersion = 5

const (
	magicRedis  = "REDIS"
	magicValkey = "VALKEY"
	magicSize   = 9 // with the version's digits
)

// The opcodes.
const (
	opSlotImport    = 243 // Valkey 9
	opSlotInfo      = 244 // Redis 7.4
	opFunction2     = 245
	opFunctionPreGA = 246
	opModuleAux     = 247
	opIdle          = 248
	opFreq          = 249
	opAux           = 250
	opResizeDB      = 251
	opExpireTimeMS  = 252
	opExpireTime    = 253
	opSelectDB      = 254
	opEOF           = 255
)

// NoExpiry is Item.ExpireAt of a key without a time to live.
const NoExpiry int64 = -1

// Item is one key with its value. Byte slices in an Item that a Handler gets
// are valid until it returns.
type Item struct {
	DB       int
	Key      []byte
	ExpireAt int64 // Unix time in milliseconds, or NoExpiry
	Usage    Usage

	Type Type
	// The value, in one of the fields that fit the type.

	String []byte // TypeString
	// IsInt, for a Writer only, says that the string is the digits of Int.
	IsInt bool
	Int   int64

	// Packed is a whole collection: a listpack (TypeHash, TypeZSet) or an intset
	// (TypeSet). One that was read has been checked: it is not empty, names
	// nothing twice, and its scores are numbers in order.
	Packed []byte

	// Else the parts of a collection come one by one, Count of them; each is
	// valid until the next. In an item that a Handler gets, Count is a hint that
	// nobody has checked, names can be there twice, and the parts can be had only
	// once: they come from the dump as they are asked for. They end early where
	// the dump is damaged, which Load tells after the handler; what a handler
	// does not ask for, Load reads on its own. In one of Restore, they can be had
	// any number of times and are known to be whole.
	Count    uint64
	Elements iter.Seq[[]byte]           // TypeSet; TypeList, from head to tail, of old dumps
	Fields   iter.Seq2[[]byte, []byte]  // TypeHash
	Scores   iter.Seq2[[]byte, float64] // TypeZSet: write them from the highest down, as Redis does
	Nodes    iter.Seq[ListNode]         // TypeList, from head to tail
}

// ListNode is a run of a list's elements.
type ListNode struct {
	Data  []byte // a listpack, checked and not empty when it was read
	Plain bool   // Data is one element
}

// Usage is what is known about the accesses to a key; the zero value is
// nothing.
type Usage struct {
	Kind  UsageKind
	Value uint64 // UsageIdle: seconds since the last access; UsageFrequency: Redis's logarithmic counter, 0–255
}

// UsageKind says what Usage.Value is.
type UsageKind uint8

// The kinds of usage.
const (
	UsageUnknown UsageKind = iota
	UsageIdle
	UsageFrequency
)

// Header is what the writer of a dump says about itself, and where in the
// replication stream the dump stands. Fields that a dump does not have are
// zero.
type Header struct {
	RedisVersion string
	CreatedAt    int64  // Unix time in seconds
	UsedMemory   uint64 // bytes
	AOFBase      bool   // the dump begins an AOF

	// Replication is nil if the writer had no backlog.
	Replication *Replication

	// Extra are further fields, of our own or unknown, in their order.
	Extra []Aux
}

// Replication is the place of a dump in a replication history.
type Replication struct {
	StreamDB int // the database that the stream has selected here
	ID       string
	Offset   int64
}

// Aux is a named field of a header.
type Aux struct{ Name, Value string }
