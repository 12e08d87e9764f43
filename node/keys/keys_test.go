// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/strings"
)

var families = engine.Families{keys.Commands(), strings.Commands()}

func TestInfo(t *testing.T) { difftest.Info(t, engine.Families{keys.Commands()}, "client|setinfo") }

func TestKeyspace(t *testing.T) {
	difftest.Run(t, families, `
		MSET a 1 b 2 c 3
		DEL a nope a
		UNLINK b nope
		EXISTS a b c c c
		TOUCH c c nope
		TYPE c
		TYPE nope
		MSET one 1 two 2 three 3 "f*ur" 4
		KEYS *            # unordered
		KEYS t*           # unordered
		KEYS t[wx]o
		KEYS t[^w]ree     # unordered
		KEYS "f\\*ur"
		KEYS nope
		RENAME one uno
		GET uno
		RENAME one uno
		RENAME uno uno
		RENAMENX uno two
		RENAMENX uno fresh
		RENAMENX fresh fresh
		RENAMENX nope x
		SET e v EX 100
		RENAME e e2
		TTL e2
		RENAME e2 two
		TTL two
		RANDOMKEY         # about
		DBSIZE
		OBJECT ENCODING fresh
		OBJECT ENCODING two
		OBJECT ENCODING nope
		OBJECT REFCOUNT nope
		OBJECT REFCOUNT two
		OBJECT FREQ two
		OBJECT IDLETIME two
		OBJECT IDLETIME nope
		OBJECT FOO two
		OBJECT ENCODING
		OBJECT HELP
		OBJECT
		FLUSHDB
		RANDOMKEY
		KEYS *
	`)
}

func TestMoveAndCopy(t *testing.T) {
	difftest.Run(t, families, `
		SET a 1 EX 100
		MOVE a 1
		EXISTS a
		MOVE a 1
		MOVE a 0
		MOVE a x
		MOVE a 99
		MOVE a -1
		SELECT 1
		GET a
		TTL a
		SET b 2
		COPY a c
		TTL c
		COPY a c
		COPY a c REPLACE
		COPY a a
		COPY a a DB 2
		COPY a b DB 0 REPLACE
		COPY nope x
		COPY a x DB 99
		COPY a x DB y
		COPY a x DB
		COPY a x FOO
		SELECT 0
		MGET a b
		SET a other
		SELECT 1
		MOVE a 0
		GET a
		SELECT 99
		SELECT x
	`)
}

func TestExpiry(t *testing.T) {
	difftest.Run(t, families, `
		SET a v
		TTL a
		PTTL a
		EXPIRETIME a
		TTL nope
		PTTL nope
		EXPIRETIME nope
		PEXPIRETIME nope
		EXPIRE a 100
		TTL a
		EXPIRE a 200 NX
		EXPIRE a 200 XX
		EXPIRE a 100 GT
		EXPIRE a 300 GT
		EXPIRE a 400 LT
		EXPIRE a 50 LT
		TTL a
		PERSIST a
		PERSIST a
		PERSIST nope
		EXPIRE a 100 GT
		EXPIRE a 100 XX
		EXPIRE a 100 LT
		EXPIRE a 100 NX XX
		EXPIRE a 100 NX GT
		EXPIRE a 100 GT LT
		EXPIRE a 90 XX GT
		EXPIRE a 100 FOO
		EXPIRE a x
		EXPIRE nope 100
		EXPIRE a 9223372036854775807
		EXPIRE a -9223372036854775808
		PEXPIRE a 9223372036854775807
		PEXPIRE a 9223372036854775000
		EXPIREAT a 99999999999
		EXPIRETIME a
		PEXPIREAT a 99999999999999
		PEXPIRETIME a
		EXPIREAT a 9223372036854775807
		PEXPIREAT a 9223372036854775807
		EXPIRE a 0
		EXISTS a
		SET a v
		EXPIRE a -1
		EXISTS a
		SET a v
		EXPIREAT a 1
		EXISTS a
		SET a v
		PEXPIREAT a -5
		EXISTS a
	`)
}

func TestScan(t *testing.T) {
	difftest.Run(t, families, `
		SCAN 0
		SCAN x
		SCAN -1
		SCAN ""
		SCAN 0 COUNT
		SCAN 0 COUNT 0
		SCAN 0 COUNT x
		SCAN 0 FOO 1
		SCAN 0 MATCH
		MSET a 1 b 2
		SCAN 0 COUNT 1000        # about
		SCAN 0 COUNT 1000 MATCH a
		SCAN 0 COUNT 1000 TYPE list
		SCAN 0 COUNT 1000 TYPE STRING MATCH b
		SCAN 18446744073709551615 COUNT 1000 MATCH nope # about
		SCAN 18446744073709551616
	`)
}
