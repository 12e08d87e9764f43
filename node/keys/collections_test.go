// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/hashes"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/sets"
	"github.com/espalier-io/espalier/node/strings"
	"github.com/espalier-io/espalier/node/zsets"
)

var collections = engine.Families{
	keys.Commands(), strings.Commands(), hashes.Commands(), lists.Commands(), sets.Commands(), zsets.Commands(),
}

// fill makes a key of each type.
const fill = `
	SET str v
	RPUSH l a b c
	SADD i 1 2 3
	SADD s a
	HSET h f v
	HSET h2 f vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv
	ZADD z 1 a 2 b
	ZADD z2 1 vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv
`

func TestKeysOfCollections(t *testing.T) {
	difftest.Run(t, collections, fill+`
		TYPE l
		TYPE i
		TYPE h
		TYPE z
		OBJECT ENCODING l
		OBJECT ENCODING i
		OBJECT ENCODING s
		OBJECT ENCODING h
		OBJECT ENCODING h2
		OBJECT ENCODING z
		OBJECT ENCODING z2
		OBJECT REFCOUNT l
		COPY l l2
		RPUSH l2 d
		LRANGE l 0 -1
		LRANGE l2 0 -1
		COPY h2 h3
		HSET h3 g w
		HGETALL h2
		COPY z2 z3
		ZADD z3 5 x
		ZRANGE z2 0 -1 WITHSCORES
		ZRANGE z3 0 -1 WITHSCORES
		COPY i i2
		SADD i2 4 70000
		SMEMBERS i
		SMEMBERS i2
		COPY s s2
		SADD s2 b
		SMEMBERS s
		COPY l l2
		COPY h l2 REPLACE
		TYPE l2
		RENAME z l
		TYPE l
		MOVE h 1
		EXISTS h
		SELECT 1
		HGETALL h
		COPY h h DB 0
		SELECT 0
		HGETALL h
		EXPIRE h 100
		COPY h h9
		TTL h9
		SET l2 string
		GET l2
		DEL i i2 s
		UNLINK h2 z2
		KEYS * # unordered
		DBSIZE
	`)
}

func TestScanTypes(t *testing.T) {
	difftest.Run(t, collections, `
		SET str v
		RPUSH l a b c
		SADD i 1 2 3
		HSET h f v
		ZADD z 1 a 2 b
		SCAN 0 COUNT 1000 TYPE string
		SCAN 0 COUNT 1000 TYPE list
		SCAN 0 COUNT 1000 TYPE SET
		SCAN 0 COUNT 1000 TYPE hash
		SCAN 0 COUNT 1000 TYPE zset
		SCAN 0 COUNT 1000 TYPE nope
		SCAN 0 COUNT 1000 TYPE zset MATCH l
	`)
}

func TestDebugValues(t *testing.T) {
	difftest.Run(t, collections, fill+`
		DEBUG LISTPACK h
		DEBUG LISTPACK z
		DEBUG LISTPACK l
		DEBUG LISTPACK nope
		DEBUG LISTPACK
		DEBUG QUICKLIST l
		DEBUG QUICKLIST l 1
		DEBUG QUICKLIST h
		DEBUG QUICKLIST nope
		DEBUG OBJECT nope
		DEBUG OBJECT h # about
		DEBUG HTSTATS-KEY h
		DEBUG HTSTATS-KEY l
		DEBUG HTSTATS-KEY nope
		DEBUG DIGEST-VALUE str l i s h h2 z z2 nope
		DEBUG DIGEST
		DEBUG QUICKLIST-PACKED-THRESHOLD x
		DEBUG QUICKLIST-PACKED-THRESHOLD 4gb
		DEBUG QUICKLIST-PACKED-THRESHOLD 3b
		RPUSH plain a abc b
		DEBUG QUICKLIST-PACKED-THRESHOLD 0
		DUMP plain
		RPUSH plain abcd
		DUMP plain
		LRANGE plain 0 -1
		CONFIG SET hash-max-listpack-entries 1
		HSET h g w
		OBJECT ENCODING h
		CONFIG SET hash-max-ziplist-entries 512
		CONFIG SET set-max-intset-entries 2
		SADD i2 1 2
		OBJECT ENCODING i2
		SADD i2 3
		OBJECT ENCODING i2
		CONFIG SET set-max-intset-entries 512
		CONFIG SET zset-max-listpack-value 2
		ZADD z9 1 abc
		OBJECT ENCODING z9
		CONFIG SET zset-max-listpack-value 64
		CONFIG SET list-max-listpack-size 2
		RPUSH short a b c d e
		DUMP short
		CONFIG SET list-max-listpack-size -2
	`)
}
