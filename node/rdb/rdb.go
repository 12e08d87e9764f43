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
// Each type of value has a file of its own (string.go), which writes and reads
// it and registers it in the list of types (types.go).
//
// Start reading at Item, then Writer and Load.
package rdb

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
	// The value, in the field of its type.
	String []byte // TypeString
	// IsInt, for a Writer only, says that the string is the digits of Int.
	IsInt bool
	Int   int64
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
