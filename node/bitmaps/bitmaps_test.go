// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/bitmaps"
	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/strings"
)

var families = engine.Families{bitmaps.Commands(), strings.Commands(), lists.Commands(), keys.Commands()}

func TestInfo(t *testing.T) {
	difftest.Info(t, engine.Families{bitmaps.Commands()}, "client|setinfo")
	pair := difftest.NewPair(t, families)
	pair.Compare(t, `
		COMMAND GETKEYSANDFLAGS BITFIELD k
		COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0 get u8 1
		COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0 OVERFLOW SAT
		COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0 SET u8 0 1
		COMMAND GETKEYSANDFLAGS BITFIELD k INCRBY u8 0 1 GET u8 0
		COMMAND GETKEYSANDFLAGS BITFIELD k GET u8
		COMMAND GETKEYSANDFLAGS BITFIELD k OVERFLOW
		COMMAND GETKEYSANDFLAGS BITFIELD k what
		COMMAND GETKEYSANDFLAGS BITOP AND d a b
	`)
}

func TestBits(t *testing.T) {
	difftest.Run(t, families, `
		SETBIT a 7 1
		SETBIT a 7 1
		GET a
		OBJECT ENCODING a
		SETBIT a 7 0
		SETBIT a 100 0
		STRLEN a
		SETBIT a 0 1
		GET a
		DUMP a
		GETBIT a 0
		GETBIT a 1
		GETBIT a 103
		GETBIT a 104
		GETBIT a 4294967295
		GETBIT a 4294967296
		GETBIT a -1
		GETBIT a x
		GETBIT a #1
		GETBIT nope 5
		SETBIT nope -1 1
		SETBIT nope 4294967296 1
		SETBIT nope 9223372036854775808 1
		SETBIT nope x 1
		SETBIT nope x 2
		SETBIT nope 0 2
		SETBIT nope 0 -1
		SETBIT nope 0 x
		SETBIT nope 0 1.0
		EXISTS nope
		SETBIT zero 0 0
		GET zero
		SET n 12345
		GETBIT n 2
		GETBIT n 39
		GETBIT n 40
		SETBIT n 7 0
		GET n
		OBJECT ENCODING n
		SET e embedded EX 100
		SETBIT e 3 1
		TTL e
		OBJECT ENCODING e
		SET i 5
		SETBIT i 7 1
		OBJECT ENCODING i
		SETBIT big 80000 1
		STRLEN big
		BITCOUNT big
		SETBIT big 1600000 1
		BITCOUNT big
		DEBUG DIGEST-VALUE big
		LPUSH l 1
		SETBIT l 0 1
		SETBIT l x 1
		SETBIT l 0 x
		GETBIT l 0
		GETBIT l x
		SETBIT a
		GETBIT a
	`)
}

func TestLimit(t *testing.T) {
	difftest.Run(t, families, `
		CONFIG SET proto-max-bulk-len 1048576
		SETBIT a 8388607 1
		SETBIT a 8388608 1
		GETBIT a 8388608
		STRLEN a
		BITFIELD a GET u8 8388600
		BITFIELD a GET u8 8388608
		BITFIELD a GET u8 #1048575
		BITFIELD a GET u8 #1048576
		BITFIELD a SET u8 8388600 7
		BITCOUNT a
	`)
}

// TestTheStoresOwnLimit: what no entry could tell the length of is refused.
func TestTheStoresOwnLimit(t *testing.T) {
	node := difftest.StartNode(t, families, "--proto-max-bulk-len", "8gb")
	for _, offset := range []string{"17179869184", "40000000000"} {
		if v := node.Do(t, "SETBIT", "k", offset, "1"); v.Err() == nil {
			t.Errorf("bit %s is set", offset)
		}
	}
	if v := node.Do(t, "EXISTS", "k"); v.Int != 0 {
		t.Error("a refused SETBIT leaves a key behind")
	}
}

func TestCount(t *testing.T) {
	difftest.Run(t, families, `
		SET a foobar
		BITCOUNT a
		BITCOUNT a 0 -1
		BITCOUNT a 1 -2
		BITCOUNT a -2 1
		BITCOUNT a 0 1000
		BITCOUNT a 6 10
		BITCOUNT a -100 2
		BITCOUNT a -10 -8
		BITCOUNT a -8 -10
		BITCOUNT a -8 -10 nonsense
		BITCOUNT a 0 0 BYTE
		BITCOUNT a 0 -1 bit
		BITCOUNT a 10 14 BIT
		BITCOUNT a 3 29 BIT
		BITCOUNT a 3 -19 BIT
		BITCOUNT a 47 47 BIT
		BITCOUNT a 48 50 BIT
		BITCOUNT a -100 -90 BIT
		BITCOUNT a 9 8 BIT
		BITCOUNT a 0 -9223372036854775808
		BITCOUNT a 0 9223372036854775807 BIT
		BITCOUNT a 0
		BITCOUNT a x 1
		BITCOUNT a 0 x
		BITCOUNT a 0 x BIT
		BITCOUNT a 0 1 hello
		BITCOUNT a 0 1 BIT more
		BITCOUNT nope
		BITCOUNT nope x
		BITCOUNT nope 0 1 hello
		SET empty ""
		BITCOUNT empty
		BITCOUNT empty 0 -1
		BITCOUNT empty 0 -1 BIT
		SET n 123
		BITCOUNT n
		BITCOUNT n 1 1
		LPUSH l 1
		BITCOUNT l
		BITCOUNT l x
		BITCOUNT
	`)
}

func TestPos(t *testing.T) {
	difftest.Run(t, families, `
		BITPOS nope 0
		BITPOS nope 1
		BITPOS nope 0 x
		BITPOS nope 1 0 1 2 3 4
		BITPOS nope 2
		BITPOS nope x
		SET a "\xff\xf0\x00"
		BITPOS a 0
		BITPOS a 1
		BITPOS a 1 2
		BITPOS a 0 0 0
		BITPOS a 0 0 1
		BITPOS a 1 -1
		BITPOS a 0 -2
		BITPOS a 0 5
		BITPOS a 1 5
		BITPOS a 0 2 1
		BITPOS a 0 0 11 BIT
		BITPOS a 0 0 12 BIT
		BITPOS a 0 13 14 BIT
		BITPOS a 1 12 23 BIT
		BITPOS a 1 3 3 BIT
		BITPOS a 0 3 3 BIT
		BITPOS a 0 -100 -90 BIT
		BITPOS a 1 0 -1 BYTE
		BITPOS a 1 0 -1 what
		BITPOS a 1 x
		BITPOS a 1 0 x
		BITPOS a 1 0 x BIT
		BITPOS a 1 0 x what
		BITPOS a 1 0 1 BIT more
		SET f "\xff\xff\xff"
		BITPOS f 0
		BITPOS f 0 0
		BITPOS f 0 1
		BITPOS f 0 0 -1
		BITPOS f 0 3
		BITPOS f 0 0 -1 BIT
		SET z "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		BITPOS z 1
		BITPOS z 0
		SETBIT z 90 1
		BITPOS z 1
		BITPOS z 1 0 89 BIT
		BITPOS z 1 0 90 BIT
		SET empty ""
		BITPOS empty 0
		BITPOS empty 1
		BITPOS empty 0 0
		BITPOS empty 0 0 -1
		BITPOS empty 0 0 -1 BIT
		SET n 7
		BITPOS n 1
		LPUSH l 1
		BITPOS l 1
		BITPOS l 2
		BITPOS l 1 x
	`)
}

func TestOp(t *testing.T) {
	difftest.Run(t, families, `
		SET a "\xaa\x00\xff\x55"
		SET b "\x0f"
		BITOP NOT d a
		GET d
		OBJECT ENCODING d
		BITOP and d a b
		GET d
		BITOP Or d a b
		GET d
		BITOP XOR d a b nope
		GET d
		BITOP AND d a nope
		GET d
		BITOP OR d nope nope
		EXISTS d
		BITOP OR d nope
		SET d x EX 100
		BITOP OR d a
		TTL d
		SET a2 "\x01\x02\x03\x04" EX 100
		BITOP XOR a2 a2 a
		GET a2
		TTL a2
		BITOP XOR a2 a2 a2 a
		GET a2
		BITOP AND b b a
		GET b
		BITOP NOT b b
		GET b
		BITOP OR new new a
		GET new
		SET n 123
		SET m 456
		BITOP XOR n n m
		GET n
		SET n 123
		BITOP OR t n m
		GET t
		DUMP t
		SET empty ""
		BITOP NOT d empty
		EXISTS d
		BITOP NOT d a b
		BITOP NOT d
		BITOP NAND d a
		BITOP AND d
		LPUSH l 1
		BITOP AND d a l nope
		BITOP AND l a
		TYPE l
		GET l
		SET same 1234 EX 100
		BITOP AND same b a
		GET same
		OBJECT ENCODING same
		TTL same
		BITOP AND same nope a
		GET same
		SETRANGE long 1000 xyz
		SETRANGE long2 700 abc
		BITOP NOT long2 long2
		BITOP XOR long3 long long2 a
		DEBUG DIGEST-VALUE long long2 long3
		BITOP AND long long3 long long
		DEBUG DIGEST-VALUE long
	`)
}

func TestField(t *testing.T) {
	difftest.Run(t, families, `
		BITFIELD a
		EXISTS a
		BITFIELD a SET i8 0 -100
		BITFIELD a SET i8 0 101
		BITFIELD a GET i8 0 GET u8 0 GET u4 2 GET i64 0 GET u63 1 GET u1 7 GET i1 7
		BITFIELD a SET u8 #1 66 SET u8 #2 67 INCRBY u5 7 3
		GET a
		BITFIELD a GET u16 1000
		BITFIELD a INCRBY u8 0 257 INCRBY u8 0 -512 INCRBY i8 0 300
		BITFIELD a OVERFLOW SAT INCRBY u8 0 300 INCRBY u8 0 -1000 INCRBY i8 0 300 INCRBY i8 0 -1000 SET i8 0 1000 SET i8 0 -1000 SET u8 0 1000 SET u8 0 -1
		BITFIELD a OVERFLOW FAIL INCRBY u8 0 300 OVERFLOW WRAP INCRBY u8 0 300 OVERFLOW FAIL SET u8 0 256 SET u8 0 255
		BITFIELD a INCRBY i64 0 9223372036854775807 INCRBY i64 0 9223372036854775807
		BITFIELD a OVERFLOW SAT INCRBY i64 0 9223372036854775807 INCRBY i64 0 -9223372036854775808 INCRBY i64 0 -9223372036854775808
		BITFIELD a OVERFLOW FAIL INCRBY i64 0 -1 SET i63 0 -9223372036854775808 SET i63 0 4611686018427387904
		BITFIELD a OVERFLOW SAT SET i63 0 -9223372036854775808 GET i63 0 SET i8 0 -9223372036854775808 GET i8 0 SET i8 0 -9223372036854775000 GET i8 0
		BITFIELD a SET u63 3 9223372036854775807 GET u63 3 INCRBY u63 3 9223372036854775807
		BITFIELD a OVERFLOW SAT INCRBY u63 3 9223372036854775807 INCRBY u63 3 -9223372036854775808
		BITFIELD a GET u64 0
		BITFIELD a GET i65 0
		BITFIELD a GET i0 0
		BITFIELD a GET u-1 0
		BITFIELD a GET x8 0
		BITFIELD a GET "" 0
		BITFIELD a GET u 0
		BITFIELD a GET u8 -1
		BITFIELD a GET u8 #-1
		BITFIELD a GET u8 #
		BITFIELD a GET u8 ""
		BITFIELD a GET u8 x
		BITFIELD a GET u8 4294967295
		BITFIELD a GET u8 4294967296
		BITFIELD a GET u8 #536870911
		BITFIELD a GET u8 #536870912
		BITFIELD a GET u8 #9223372036854775807
		BITFIELD a GET u63 #9223372036854775807
		BITFIELD a SET u8 x x
		BITFIELD a SET u8 0 x
		BITFIELD a SET u8 0
		BITFIELD a GET u8
		BITFIELD a OVERFLOW
		BITFIELD a OVERFLOW what SET u8 0 1
		BITFIELD a OVERFLOW SAT
		BITFIELD a what
		BITFIELD a SET u8 0 1 what
		BITFIELD_RO a
		BITFIELD_RO a GET u8 0 GET i8 8
		BITFIELD_RO a SET u8 0 1
		BITFIELD_RO a GET u8 0 INCRBY u8 0 1
		BITFIELD_RO a OVERFLOW FAIL
		BITFIELD_RO nope GET u8 0
		BITFIELD nope GET u8 0
		EXISTS nope
		SET n 1
		BITFIELD n GET u1 0 GET u8 0
		OBJECT ENCODING n
		BITFIELD n SET u8 4 255
		GET n
		LPUSH l 1
		BITFIELD l GET u8 0
		BITFIELD l
		BITFIELD l SET u8 0 1
		BITFIELD l SET u8 0 x
		BITFIELD_RO l GET u8 0
		BITFIELD_RO l SET u8 0 1
		BITFIELD fails OVERFLOW FAIL SET u8 100 256
		GET fails
		DUMP a
		DEBUG DIGEST
	`)
}

func TestStream(t *testing.T) {
	difftest.RunStream(t, families, `
		SETBIT a 5 1
		SETBIT a 5 1
		SETBIT a 5 0
		SETBIT a 500 0
		SETBIT b 0 0
		BITOP NOT c a
		BITOP OR c nope
		BITOP OR c nope
		BITFIELD a GET u8 0
		BITFIELD a SET u8 0 0
		BITFIELD a SET u8 0 1 INCRBY u8 0 1
		BITFIELD a OVERFLOW FAIL SET u8 0 300
		BITFIELD longer SET u8 100 0
		INFO persistence # about
		PEXPIRE a 100000 # skip
		BITOP AND a a b
		BITCOUNT a
		TTL a
	`)
}

// TestGrowthIsReplicated: Redis forgets to tell its replicas of a string that a
// BITFIELD made whose operations then failed.
func TestGrowthIsReplicated(t *testing.T) {
	node := difftest.StartNode(t, families, "--repl-diskless-sync-delay", "0")
	stream := difftest.Listen(t, node.Dial(t))
	node.Do(t, "BITFIELD", "k", "OVERFLOW", "FAIL", "SET", "u8", "0", "256")
	stream.Want(t, "SELECT 0", "BITFIELD k OVERFLOW FAIL SET u8 0 256")
	node.Do(t, "BITFIELD", "k", "OVERFLOW", "FAIL", "SET", "u8", "0", "256")
	node.Do(t, "SETBIT", "k", "0", "1")
	stream.Want(t, "SETBIT k 0 1")
}
