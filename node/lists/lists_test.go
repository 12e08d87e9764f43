// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/strings"
	"github.com/espalier-io/espalier/node/zsets"
)

var families = engine.Families{strings.Commands(), keys.Commands(), lists.Commands(), zsets.Commands()}

func TestInfo(t *testing.T) { difftest.Info(t, engine.Families{lists.Commands()}, "client|setinfo") }

func TestPushAndPop(t *testing.T) {
	difftest.Run(t, families, `
		LPUSH a 1
		LPUSH a 2 3 4
		RPUSH a 5 6 ""
		LRANGE a 0 -1
		LLEN a
		TYPE a
		OBJECT ENCODING a
		LPUSHX a x y
		RPUSHX a z
		LPUSHX none x
		RPUSHX none x
		EXISTS none
		LLEN none
		LPOP a
		RPOP a
		LPOP a 2
		RPOP a 2
		LPOP a 0
		RPOP a 0
		LPOP a -1
		LPOP a x
		LPOP a 1.5
		LPOP a 9223372036854775808
		LPOP a 1 2
		RPOP a 1 2
		LPOP none
		LPOP none 0
		LPOP none 3
		RPOP none
		RPOP none 3
		LPOP none -1
		LRANGE a 0 -1
		LPOP a 100
		EXISTS a
		RPUSH a 1 2 3
		RPOP a 9223372036854775807
		EXISTS a
		RPUSH a "012" 12 -5 " 5" 5000000000 99999999999999999999 "line\r\nbreak\x00\xff"
		LRANGE a 0 -1
		LPUSH a
		RPUSHX a
		LPOP
		SET s x
		LPUSH s 1
		RPUSHX s 1
		LPOP s
		LPOP s 0
		LPOP s x
		LLEN s
		RPUSH t 1
		EXPIRE t 1000
		RPUSH t 2
		TTL t
		LPOP t
		TTL t
	`)
}

func TestReading(t *testing.T) {
	difftest.Run(t, families, `
		RPUSH a 0 1 2 3 4 5 6 7 8 9
		LRANGE a 0 0
		LRANGE a 0 -1
		LRANGE a -3 -1
		LRANGE a -100 2
		LRANGE a 8 100
		LRANGE a 5 3
		LRANGE a 10 20
		LRANGE a -1 -5
		LRANGE a -9223372036854775808 9223372036854775807
		LRANGE a x 1
		LRANGE a 1 x
		LRANGE none 0 -1
		LRANGE none x 1
		LINDEX a 0
		LINDEX a 9
		LINDEX a -1
		LINDEX a -10
		LINDEX a 10
		LINDEX a -11
		LINDEX a x
		LINDEX none x
		LINDEX none 0
		LINDEX a -9223372036854775808
		SET s x
		LRANGE s 0 -1
		LRANGE s x 1
		LINDEX s x
		LPOS s x
		LPOS s x RANK 0
	`)
}

func TestPositions(t *testing.T) {
	difftest.Run(t, families, `
		RPUSH a a b c 1 2 3 c c
		LPOS a a
		LPOS a c
		LPOS a 1
		LPOS a 01
		LPOS a none
		LPOS a c RANK 1
		LPOS a c RANK 2
		LPOS a c RANK 4
		LPOS a c RANK -1
		LPOS a c RANK -3
		LPOS a c RANK -4
		LPOS a c RANK 0
		LPOS a c RANK x
		LPOS a c RANK -9223372036854775808
		LPOS a c RANK
		LPOS a c COUNT 0
		LPOS a c COUNT 1
		LPOS a c COUNT 2
		LPOS a c COUNT 0 RANK 2
		LPOS a c COUNT 2 RANK -1
		LPOS a c COUNT 10 RANK -2
		LPOS a none COUNT 0
		LPOS a c COUNT -1
		LPOS a c COUNT x
		LPOS a c MAXLEN -1
		LPOS a c MAXLEN x
		LPOS a c MAXLEN 0
		LPOS a c MAXLEN 2
		LPOS a c MAXLEN 3
		LPOS a c MAXLEN 3 COUNT 0
		LPOS a c MAXLEN 7 COUNT 0
		LPOS a c MAXLEN 1 RANK -1
		LPOS a c MAXLEN 2 RANK -3
		LPOS a c MAXLEN 6 RANK -3 COUNT 0
		LPOS a c COUNT 1 COUNT 3
		LPOS a c NOSUCH 1
		LPOS none c
		LPOS none c COUNT 0
		LPOS none c COUNT 0 RANK 0
		LPOS a
	`)
}

func TestChanging(t *testing.T) {
	difftest.Run(t, families, `
		RPUSH a 0 1 2 3 4 5
		LSET a 0 x
		LSET a -1 y
		LSET a 6 z
		LSET a -7 z
		LSET a x z
		LSET none 0 z
		LSET none x z
		LRANGE a 0 -1
		LINSERT a BEFORE 2 before
		LINSERT a after 2 after
		LINSERT a BEFORE x first
		LINSERT a AFTER y last
		LINSERT a AFTER none x
		LINSERT a NEAR 2 x
		LINSERT none BEFORE 1 x
		LINSERT none NEAR 1 x
		LRANGE a 0 -1
		DEL a
		RPUSH a a b a a c a b b a
		LREM a 2 a
		LRANGE a 0 -1
		LREM a -2 b
		LRANGE a 0 -1
		LREM a 1 none
		LREM a x a
		LREM none 0 a
		LREM none x a
		LREM a 0 a
		LRANGE a 0 -1
		LREM a -1 b
		LREM a -9223372036854775808 c
		EXISTS a
		RPUSH a 1 1 2 1 1
		LREM a -3 1
		LRANGE a 0 -1
		LREM a 9223372036854775807 1
		LRANGE a 0 -1
		DEL a
		RPUSH a 0 1 2 3 4 5 6 7 8 9
		LTRIM a 1 -2
		LRANGE a 0 -1
		LTRIM a -5 100
		LRANGE a 0 -1
		LTRIM a -100 100
		LTRIM a x 1
		LTRIM a 1 x
		LTRIM none 0 1
		LTRIM none x 1
		LTRIM a 1 0
		EXISTS a
		RPUSH a 1
		LTRIM a 5 10
		EXISTS a
		SET s x
		LSET s 0 x
		LSET s x x
		LINSERT s BEFORE 1 2
		LINSERT s NEAR 1 2
		LREM s 0 x
		LREM s x x
		LTRIM s 0 1
		LTRIM s x 1
	`)
}

func TestMoving(t *testing.T) {
	difftest.Run(t, families, `
		RPUSH a 1 2 3 4 5 6
		LMOVE a b LEFT RIGHT
		LMOVE a b left LEFT
		LMOVE a b RIGHT RIGHT
		LMOVE a b RIGHT left
		LRANGE a 0 -1
		LRANGE b 0 -1
		LMOVE a b UP DOWN
		LMOVE a b LEFT DOWN
		LMOVE none b LEFT DOWN
		LMOVE none b LEFT RIGHT
		LMOVE a a LEFT RIGHT
		LRANGE a 0 -1
		LMOVE a a RIGHT RIGHT
		LRANGE a 0 -1
		EXPIRE a 1000
		RPOP a
		LMOVE a a LEFT LEFT
		TTL a
		LRANGE a 0 -1
		RPOPLPUSH a a
		TTL a
		RPOPLPUSH a b
		EXISTS a
		LRANGE b 0 -1
		RPOPLPUSH none b
		RPOPLPUSH b b
		LRANGE b 0 -1
		SET s x
		RPOPLPUSH s b
		RPOPLPUSH b s
		RPOPLPUSH none s
		LMOVE b s LEFT LEFT
		LMOVE s b LEFT LEFT
		LMOVE b s LEFT NOWHERE
		LLEN b
		RPOPLPUSH a
		LMOVE a b LEFT
	`)
}

func TestMultiPop(t *testing.T) {
	difftest.Run(t, families, `
		RPUSH a 1 2 3 4 5
		RPUSH b 6 7
		LMPOP 1 a LEFT
		LMPOP 2 none a RIGHT
		LMPOP 3 none b a left COUNT 10
		LMPOP 2 a b RIGHT count 2
		LRANGE a 0 -1
		LMPOP 2 none other LEFT
		LMPOP 1 a LEFT COUNT 5
		EXISTS a
		LMPOP 0 a LEFT
		LMPOP -1 a LEFT
		LMPOP x a LEFT
		LMPOP 9223372036854775806 a LEFT
		LMPOP 2 a LEFT
		LMPOP 2 a b c
		LMPOP 1 a UP
		LMPOP 1 a LEFT COUNT
		LMPOP 1 a LEFT COUNT 0
		LMPOP 1 a LEFT COUNT -1
		LMPOP 1 a LEFT COUNT x
		LMPOP 1 a LEFT COUNT 1 COUNT 2
		LMPOP 1 a LEFT NOSUCH 1
		LMPOP 1 a LEFT 1
		LMPOP 1 a
		LMPOP 1
		SET s x
		RPUSH c 1
		LMPOP 2 s c LEFT
		LMPOP 2 c s LEFT
		BLMPOP 0 2 s c LEFT
		RPUSH c 1 2 3
		BLMPOP 0 1 c RIGHT COUNT 2
		BLMPOP x 1 c LEFT
		BLMPOP -1 1 c LEFT
		BLMPOP x 0 c LEFT
		BLMPOP 0.01 1 none LEFT
		BLMPOP 0 1 c LEFT COUNT 0
		COMMAND GETKEYS LMPOP 2 a b LEFT
		COMMAND GETKEYS BLMPOP 0 2 a b LEFT COUNT 3
		COMMAND GETKEYS BLPOP a b c 0
		COMMAND GETKEYSANDFLAGS BLMOVE a b LEFT LEFT 0
	`)
}
