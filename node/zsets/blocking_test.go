// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

const blockingScript = `
	# the oldest wait is served first
	2> BZPOPMIN z 0 # blocks
	3> BZPOPMAX z 0 # blocks
	4> BZMPOP 0 2 y z MAX COUNT 3 # blocks
	ZADD z 1 a 2 b 3 c 4 d 5 e 6 f
	2<
	3<
	4<
	ZRANGE z 0 -1 WITHSCORES
	DEL z

	# a sorted set that the first one empties leaves nothing for the second
	2> BZMPOP 0 1 z MIN COUNT 10 # blocks
	3> BZPOPMIN z 0 # blocks
	ZADD z 1 a 2 b
	2<
	EXISTS z
	ZADD z 3 c
	3<
	EXISTS z

	# several keys, in the order in which they became ready
	2> BZPOPMIN x y z 0 # blocks
	MULTI
	ZADD z 3 c
	ZADD x 1 a
	EXEC
	2<
	DEL x y z

	# whatever makes a sorted set wakes
	2> BZPOPMIN z 0 # blocks
	SET z string
	DEL z
	SADD z set
	DEL z
	ZADD source 1 a 2 b
	ZUNIONSTORE z 1 source
	2<
	DEL z
	2> BZPOPMAX z 0 # blocks
	ZRANGESTORE z source 0 -1
	2<
	DEL z
	2> BZPOPMAX z 0 # blocks
	RENAME source z
	2<
	DEL z
	2> BZPOPMIN z 0 # blocks
	GEOADD z 13.361389 38.115556 Palermo
	2<
	2> BZPOPMIN z 0 # blocks
	ZINCRBY z 5 m
	2<
	EXISTS z

	# in a transaction the last state counts
	2> BZPOPMIN z 0 # blocks
	MULTI
	ZADD z 1 a
	DEL z
	EXEC
	MULTI
	ZADD z 1 a
	ZREM z a
	ZADD z 2 b
	EXEC
	2<
	EXISTS z
`

func TestBlocking(t *testing.T)       { inForms(t, withSets, blockingScript) }
func TestBlockingStream(t *testing.T) { difftest.RunStream(t, withSets, blockingScript) }

func TestStream(t *testing.T) {
	difftest.RunStream(t, withSets, `
		ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
		ZADD z 1 a
		ZADD z NX 5 a
		ZADD z GT CH 5 a 1 b
		ZADD z INCR 5 a
		ZADD z INCR NX 5 a
		ZADD z XX 1 nope
		ZADD z x a
		ZINCRBY z 1.5 a
		ZINCRBY z 0 a
		ZREM z nope
		ZREM z a nope
		ZPOPMIN z
		ZPOPMAX z 2
		ZPOPMIN z 0
		ZPOPMIN nope
		ZMPOP 2 nope z MIN COUNT 2
		ZMPOP 1 nope MIN
		BZPOPMAX nope z 0
		BZPOPMIN nope 0.01
		EXISTS z
		ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
		BZMPOP 0 2 nope z MAX COUNT 2
		ZREMRANGEBYRANK z 0 0
		ZREMRANGEBYRANK z 100 200
		ZREMRANGEBYSCORE z 2 2
		ZREMRANGEBYLEX z - (a
		SADD s a b
		ZUNIONSTORE dst 2 z s
		ZINTERSTORE dst 2 z nope
		ZINTERSTORE dst 2 z nope
		ZDIFFSTORE dst 1 z
		ZRANGESTORE dst z 0 0
		ZRANGESTORE dst z 10 20
		ZRANGESTORE dst z 10 20
		ZRANDMEMBER z -5 # about
		GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
		GEOADD g 13.361389 38.115556 Palermo
		GEOADD g NX CH 1 1 Palermo 2 2 other
		GEORADIUS g 15 37 200 km STORE dst
		GEORADIUS g 15 37 1 km STORE dst
		GEORADIUS g 15 37 1 km STORE dst
		GEOSEARCHSTORE dst g FROMLONLAT 15 37 BYBOX 400 400 km ASC
		MULTI
		ZADD z 1 m
		BZPOPMIN z 0
		BZPOPMIN nope 0
		EXEC
		DEBUG DIGEST
	`)
}
