// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/strings"
)

var families = engine.Families{strings.Commands(), keys.Commands()}

func TestInfo(t *testing.T) { difftest.Info(t, engine.Families{strings.Commands()}, "client|setinfo") }

func TestSet(t *testing.T) {
	difftest.Run(t, families, `
		SET a 1
		GET a
		SET a 2 NX
		SET a 2 XX
		SET b 2 XX
		GET b
		SET a 3 GET
		SET missing 3 GET
		SET missing 4 NX GET
		SET other 4 NX GET
		SET other2 4 XX GET
		GET other
		SET a 1 EX 100
		TTL a
		SET a 2 KEEPTTL
		TTL a
		SET a 3
		TTL a
		SET a 1 PX 100000
		SET a 1 EXAT 99999999999
		TTL a                      # about
		SET a 1 PXAT 99999999999999
		PEXPIRETIME a
		set A lower eX 10
		SET a 1 EX 0
		SET a 1 EX -1
		SET a 1 PX 0
		SET a 1 EX abc
		SET a 1 EX 9223372036854775807
		SET a 1 PX 9223372036854775807
		SET a 1 EX
		SET a 1 EX 10 PX 10
		SET a 1 EX 10 KEEPTTL
		SET a 1 KEEPTTL EX 10
		SET a 1 KEEPTTL KEEPTTL
		SET a 1 NX XX
		SET a 1 XX NX
		SET a 1 NX NX
		SET a 1 PERSIST
		SET a 1 FOO
		SET a
		SETNX n 1
		SETNX n 2
		GET n
		SETEX s 100 v
		TTL s
		SETEX s 0 v
		SETEX s -5 v
		SETEX s x v
		PSETEX s 100000 v
		PSETEX s 0 v
		GETSET s w
		TTL s
		GETSET nothing w
		MSET x 1 y 2 z 3
		MGET x y z nope a
		MSET x 1 y
		MSETNX x 1 q 2
		EXISTS q
		MSETNX q 2 r 3
		MSETNX q
		MGET q r
		SET empty ""
		GET empty
		STRLEN empty
		SET "with space" "line\r\nbreak\x00\xff"
		GET "with space"
	`)
}

func TestGetEx(t *testing.T) {
	difftest.Run(t, families, `
		SET a v
		GETEX a
		TTL a
		GETEX a EX 100
		TTL a
		GETEX a PERSIST
		TTL a
		GETEX a PX 100000
		GETEX a EXAT 99999999999
		GETEX a PXAT 99999999999999
		PEXPIRETIME a
		GETEX a EX 0
		GETEX a EX abc
		GETEX a EX
		GETEX a EX 10 PERSIST
		GETEX a PERSIST EX 10
		GETEX a PERSIST PERSIST
		GETEX a NX
		GETEX a KEEPTTL
		GETEX nope EX 10
		GETEX nope EX abc
		GETEX a PXAT 1
		EXISTS a
		SET d v
		GETDEL d
		GETDEL d
		EXISTS d
	`)
}

func TestCounters(t *testing.T) {
	difftest.Run(t, families, `
		INCR c
		INCR c
		INCRBY c 40
		DECR c
		DECRBY c 100
		DECRBY c -9223372036854775808
		INCRBY c abc
		INCRBY c 1.5
		INCRBY c " 1"
		SET c 9223372036854775807
		INCR c
		DECRBY c -1
		SET c -9223372036854775808
		DECR c
		INCRBY c -1
		SET c 012
		INCR c
		SET c " 5"
		INCR c
		SET c 1.0
		INCR c
		SET t 5 EX 100
		INCR t
		TTL t
		INCRBYFLOAT f 10.5
		INCRBYFLOAT f 0.1
		INCRBYFLOAT f -5
		SET f 5.0e3
		INCRBYFLOAT f 2.0e2
		INCRBYFLOAT f 1
		SET f 3.0
		INCRBYFLOAT f 1.000000000000000005
		SET f 1
		INCRBYFLOAT f 0.3333333333333333333
		INCRBYFLOAT f abc
		INCRBYFLOAT f " 1"
		INCRBYFLOAT f "1 "
		INCRBYFLOAT f nan
		INCRBYFLOAT f inf
		INCRBYFLOAT f -inf
		SET f inf
		INCRBYFLOAT f -inf
		INCRBYFLOAT f 1
		SET f 1
		INCRBYFLOAT f 0x10
		INCRBYFLOAT f 1e5000
		INCRBYFLOAT f 1e-5000
		INCRBYFLOAT f 1e4932
		INCRBYFLOAT f 1e4932
		SET f notafloat
		INCRBYFLOAT f 1
		SET f 100000000000000000000
		INCRBYFLOAT f 1
		SET f 0
		INCRBYFLOAT f 1e-17
		INCRBYFLOAT f -1e-17
		SET f 1e308
		INCRBYFLOAT f 1e308
		SET f 5
		INCRBYFLOAT f -5
		OBJECT ENCODING f
		OBJECT ENCODING c
	`)
}

func TestRanges(t *testing.T) {
	difftest.Run(t, families, `
		APPEND a foo
		APPEND a bar
		GET a
		STRLEN a
		STRLEN nope
		SET n 123
		STRLEN n
		APPEND n 4
		GET n
		OBJECT ENCODING n
		GETRANGE a 0 -1
		GETRANGE a 0 2
		GETRANGE a -3 -1
		GETRANGE a -100 100
		GETRANGE a 5 3
		GETRANGE a -1 -5
		GETRANGE a 10 20
		GETRANGE nope 0 -1
		GETRANGE a x 1
		GETRANGE n 1 2
		SUBSTR a 1 3
		SETRANGE a 3 XYZ
		GET a
		SETRANGE a 10 end
		GET a
		SETRANGE new 3 x
		GET new
		SETRANGE nothing 3 ""
		EXISTS nothing
		SETRANGE a 3 ""
		SETRANGE a -1 x
		SETRANGE a x x
		SETRANGE a 536870911 xy
		SETRANGE a 9223372036854775807 x
		SETRANGE n 1 Z
		OBJECT ENCODING n
	`)
}

func TestLCS(t *testing.T) {
	difftest.Run(t, families, `
		MSET key1 ohmytext key2 mynewtext
		LCS key1 key2
		LCS key1 key2 LEN
		LCS key1 key2 IDX
		LCS key1 key2 IDX MINMATCHLEN 4
		LCS key1 key2 IDX MINMATCHLEN 4 WITHMATCHLEN
		LCS key1 key2 IDX WITHMATCHLEN MINMATCHLEN -1
		LCS key1 key2 IDX LEN
		LCS key1 key2 FOO
		LCS key1 key2 MINMATCHLEN
		SETRANGE large 60000 x
		LCS large large
		LCS large key1 LEN
		LCS key1 nope
		LCS nope nope2 IDX
		LCS key1 key2 IDX MINMATCHLEN x
		SET num 12345
		SET num2 13579
		LCS num num2
		LCS num num2 IDX
	`)
}
