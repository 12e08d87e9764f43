// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

func TestBlockingWithoutNeed(t *testing.T) {
	difftest.Run(t, families, `
		RPUSH a 1 2 3 4 5
		RPUSH b 6
		BLPOP a b 0
		BRPOP none a 0
		BLPOP b a 0
		BLMOVE a b LEFT RIGHT 0
		BRPOPLPUSH a b 0
		LRANGE a 0 -1
		LRANGE b 0 -1
		BLPOP none 0.01
		BRPOP none other 0.01
		BLMOVE none a LEFT LEFT 0.01
		BRPOPLPUSH none a 0.01
		SET s x
		BLPOP s a 0
		BLPOP none s a 0
		BLPOP a s 0
		BLMOVE s a LEFT LEFT 0
		BLMOVE b s LEFT LEFT 0
		BRPOPLPUSH s a 0
		BRPOPLPUSH b s 0
		BLMOVE none s LEFT LEFT 0.01
		BLMOVE none a UP LEFT 0
		BLMOVE none a LEFT DOWN x
		BLMOVE none a LEFT LEFT x
		BLPOP none x
		BLPOP none -1
		BLPOP none -0.5
		BLPOP none -0.0001 # blocks
		2> RPUSH none 1
		1<
		BLPOP none ""
		BLPOP none " 1"
		BLPOP none "1 "
		BLPOP none nan
		BLPOP none inf
		BLPOP none -inf
		BLPOP none 1e300
		BLPOP none 0x
		BLPOP none 1_0
		BLPOP none 0x0.0p1 # blocks
		2> RPUSH none 1
		1<
		BLPOP none 9000000000000 # blocks
		2> RPUSH none 1
		1<
		BLPOP none 9223372036854776
		BLPOP none 1e-3
		BRPOPLPUSH none a x
		BRPOPLPUSH none a -1
		BLPOP none
		BLMOVE a b LEFT LEFT

		# nothing waits in a transaction
		MULTI
		BLPOP none 0
		BRPOP none 0
		BLMOVE none a LEFT LEFT 0
		BRPOPLPUSH none a 0
		BLMPOP 0 1 none LEFT
		BLPOP b 0
		EXEC
	`)
}

func TestBlocking(t *testing.T) {
	difftest.Run(t, families, `
		# the oldest wait is served first, each with one element
		2> BLPOP a 0 # blocks
		3> BRPOP a 0 # blocks
		4> BLMPOP 0 1 a RIGHT COUNT 2 # blocks
		RPUSH a 1 2 3 4 5
		2<
		3<
		4<
		LRANGE a 0 -1
		DEL a
		2> BLPOP a 0 # blocks
		3> BLPOP a 0 # blocks
		LPUSH a 1 2 3
		2<
		3<
		LRANGE a 0 -1
		DEL a

		# several keys, in the order in which they became ready
		2> BLPOP a b c 0 # blocks
		MULTI
		RPUSH c 3
		RPUSH a 1
		RPUSH b 2
		EXEC
		2<
		MGET a b c
		DEL a b c
		2> BLPOP a a a 0 # blocks
		RPUSH a 1 2
		2<
		LRANGE a 0 -1
		DEL a

		# the keys of a session that was served by another one are not its any more
		2> BLPOP a b 0 # blocks
		3> BLPOP b 0 # blocks
		RPUSH a 1
		2<
		RPUSH b 2
		3<
		EXISTS a b

		# moves, and chains of them
		2> BLMOVE a b LEFT RIGHT 0 # blocks
		3> BRPOPLPUSH b c 0 # blocks
		4> BLPOP c 0 # blocks
		RPUSH a 1
		2<
		3<
		4<
		EXISTS a b c
		2> BLMOVE a a LEFT RIGHT 0 # blocks
		RPUSH a 1 2 3
		2<
		LRANGE a 0 -1
		DEL a
		2> BRPOPLPUSH a a 0 # blocks
		3> BRPOPLPUSH a a 0 # blocks
		RPUSH a 1 2 3
		2<
		3<
		LRANGE a 0 -1
		DEL a
		# a circle
		2> BRPOPLPUSH a b 0 # blocks
		3> BRPOPLPUSH b a 0 # blocks
		RPUSH a x
		2<
		3<
		LRANGE a 0 -1
		DEL a

		# a destination of another type is told when it matters, and the next one
		# in the queue gets the element
		SET s x
		2> BRPOPLPUSH a s 0 # blocks
		3> BLPOP a 0 # blocks
		RPUSH a 1
		2<
		3<
		EXISTS a

		# a key of another type helps nobody, a later list does
		2> BLPOP a 0 # blocks
		SET a x
		GET a
		DEL a
		APPEND a x
		MULTI
		DEL a
		RPUSH a 1
		EXEC
		2<

		# each waits for a type of its own
		2> BZPOPMIN a 0 # blocks
		3> BLPOP a 0 # blocks
		4> BLMPOP 0 1 a LEFT COUNT 9 # blocks
		5> BZMPOP 0 1 a MAX COUNT 9 # blocks
		RPUSH a x y z
		3<
		4<
		ZADD a 1 m 2 n 3 o
		2<
		5<
		2> BZPOPMAX a 0 # blocks
		3> BLPOP a 0 # blocks
		MULTI
		ZADD a 1 m
		DEL a
		RPUSH a 1
		EXEC
		3<
		ZADD a 1 m
		2<

		# a transaction is whole
		2> BLPOP a 0 # blocks
		MULTI
		RPUSH a 1
		DEL a
		EXEC
		MULTI
		RPUSH a 1
		RPUSH a 2
		LPOP a
		EXEC
		2<
		EXISTS a
		2> BLPOP a 0 # blocks
		MULTI
		RPUSH a 1
		SET a x
		EXEC
		DEL a
		RPUSH a 2
		2<

		# any way in which a list comes to be
		2> BLPOP a 0 # blocks
		RPUSH x 1 2
		RENAME x a
		2<
		2> BLPOP b 0 # blocks
		COPY a b
		2<
		SELECT 1
		RPUSH c 1
		2> BLPOP c 0 # blocks
		MOVE c 0
		2<
		SELECT 0
		SELECT 2
		RPUSH d 1
		SELECT 0
		2> BLPOP d 0 # blocks
		SWAPDB 0 2
		2<
		SWAPDB 0 2
		RPUSH x 3 1 2
		2> BLPOP f 0 # blocks
		SORT x STORE f
		2<
		2> BLPOP g 0 # blocks
		RESTORE g 0 "\x12\x01\x02\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\x02\x01\xff\n\x00\xdd\xe7\x1a(\xae9\x1b\x98"
		2<
		2> BLPOP e 0 # blocks
		LINSERT e BEFORE 1 2
		LPUSHX e 1
		RPOPLPUSH a e
		2<
		DBSIZE

		# memory is no matter for who has waited
		2> BLMOVE a b LEFT RIGHT 0 # blocks
		MULTI
		RPUSH a 1
		CONFIG SET maxmemory 1
		EXEC
		2<
		BLMOVE b a LEFT RIGHT 0
		CONFIG SET maxmemory 0
		DEL b

		# a watched key that a wait takes away
		WATCH a
		2> BLPOP a 0 # blocks
		3> RPUSH a 1
		2<
		MULTI
		PING
		EXEC

		# time
		2> BLPOP a 0.02
		2> BRPOPLPUSH a b 0.02
		2> BLMOVE a b LEFT LEFT 0.02
		2> BLMPOP 0.02 1 a LEFT
		RPUSH a 1
		LRANGE a 0 -1
		DEL a
	`)
}

func TestStream(t *testing.T) {
	difftest.RunStream(t, families, `
		RPUSH a 1 2 3 4 5 6 7 8 9
		LPUSHX none 1
		LPUSHX a 0
		LPOP none
		LPOP a 0
		LPOP a
		RPOP a 2
		LMPOP 2 none a LEFT COUNT 2
		LMPOP 1 none LEFT
		LMPOP 1 a RIGHT
		BLPOP a 0
		BRPOP a 0
		BLMPOP 0 1 a RIGHT COUNT 2
		BLPOP none 0.01
		RPUSH a 1 2 3
		BLMOVE a b LEFT RIGHT 0
		BRPOPLPUSH a b 0
		LMOVE a b LEFT RIGHT
		RPOPLPUSH b b
		LSET b 0 x
		LSET b 10 x
		LINSERT b BEFORE none x
		LINSERT b BEFORE x y
		LREM b 0 none
		LREM b 0 x
		LTRIM b 0 -1
		LTRIM b 0 0
		LTRIM b 1 0
		LTRIM b 1 0

		# what serves a wait is a unit of its own
		2> BLPOP a 0 # blocks
		3> BLMPOP 0 2 z a LEFT COUNT 5 # blocks
		4> BRPOP a 0 # blocks
		RPUSH a 1 2 3
		2<
		3<
		RPUSH a 4
		4<
		2> BLMOVE a b LEFT RIGHT 0 # blocks
		3> BRPOPLPUSH b c 0 # blocks
		4> BLPOP c 0 # blocks
		MULTI
		RPUSH a 1
		SET x y
		EXEC
		2<
		3<
		4<
		SET s x
		2> BRPOPLPUSH a s 0 # blocks
		3> BRPOPLPUSH a c 0 # blocks
		RPUSH a 1
		2<
		3<
		SELECT 3
		2> SELECT 3
		2> BLPOP a b 0 # blocks
		SELECT 4
		RPUSH b 1
		MOVE b 3
		2<
		MULTI
		BLPOP none 0
		RPUSH a 1
		BLPOP a 0
		EXEC
	`)
}
