// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

func TestSort(t *testing.T) {
	difftest.Run(t, collections, `
		RPUSH l 3 1 2 10 -5 1.5
		SORT l
		SORT l ASC
		SORT l DESC
		SORT l ALPHA
		SORT l ALPHA DESC
		sort l desc asc
		SORT l LIMIT 1 2
		SORT l LIMIT 0 0
		SORT l LIMIT -3 2
		SORT l LIMIT 4 100
		SORT l LIMIT 100 1
		SORT l LIMIT 2 -1
		SORT l LIMIT 1 9223372036854775807
		SORT l LIMIT 9223372036854775807 9223372036854775807
		SORT l LIMIT x 1
		SORT l LIMIT 1 x
		SORT l LIMIT 1
		SORT l FOO
		SORT l BY
		SORT l GET
		SORT l STORE
		SORT
		SORT nope
		SORT_RO nope
		SORT_RO l DESC LIMIT 0 2
		SORT_RO l STORE x
		SADD s 5 3 9 1
		SORT s
		SORT s DESC LIMIT 0 1
		SADD s five
		SORT s
		SORT s ALPHA
		ZADD z 3 30 2 20 1 10 0 40
		SORT z
		SORT z DESC
		SET str v
		SORT str
		SORT_RO str
		HSET h f v
		SORT h
	`)
}

func TestSortNumbers(t *testing.T) {
	difftest.Run(t, collections, `
		RPUSH l inf -inf 1e3 0x10 " 7" "" +3 -0 0 .5 5.
		SORT l
		SORT l DESC
		RPUSH l nan
		SORT l
		LREM l 0 nan
		RPUSH l "7 "
		SORT l
		LREM l 0 "7 "
		RPUSH l 1_0
		SORT l
		LREM l 0 1_0
		RPUSH l "8\x00abc"
		SORT l
		RPUSH ties 1 1.0 +1 01
		SORT ties
		SORT ties DESC
		RPUSH texts "b\x00z" "b\x00a" "a\x00c" abc "\xff" ""
		SORT texts ALPHA
		SORT texts ALPHA STORE texts
		LRANGE texts 0 -1
	`)
}

// TestSortTooLarge has no comparison: Redis remembers a number that was out of
// range and refuses all that come after it, in other calls, too.
func TestSortTooLarge(t *testing.T) {
	client := difftest.StartNode(t, collections).Dial(t)
	client.Ask(t, "RPUSH", "l", "1", "1e400")
	if v := client.Ask(t, "SORT", "l"); v.Str != "ERR One or more scores can't be converted into double" {
		t.Errorf("1e400 is answered %s", v.Text())
	}
	client.Ask(t, "LSET", "l", "1", "2")
	if v := client.Ask(t, "SORT", "l", "DESC"); v.Text() != "[2 1]" {
		t.Errorf("2 and 1 are sorted %s", v.Text())
	}
}

func TestSortByAndGet(t *testing.T) {
	difftest.Run(t, collections, `
		RPUSH l 1 2 3 4
		MSET w1 40 w2 30 w3 20 w4 10 o1 one o3 three
		SORT l BY w*
		SORT l BY w* DESC
		SORT l BY w* LIMIT 1 2
		SORT l BY w* GET "#"
		SORT l BY w* GET o* GET "#" GET w*
		SORT l BY nope*
		SORT l BY nope* DESC
		DEL w2
		SORT l BY w*
		SORT l BY w* ALPHA
		SET w2 x
		SORT l BY w*
		SORT l BY w* ALPHA
		SORT l BY w* ALPHA DESC GET w*
		SORT l GET o
		SORT l GET ##
		SORT l BY nosort
		SORT l BY nosort DESC
		SORT l BY nosort LIMIT 1 2
		SORT l BY nosort DESC LIMIT 1 2
		SORT l BY nosort BY w*
		SORT l BY w* BY nosort
		SORT l BY ""
		HSET h1 a 9 b x
		HSET h2 a 8
		HSET h3 b y
		SORT l BY h*->a
		SORT l BY h*->a GET h*->b
		SORT l BY h*->
		SORT l GET h*->
		SORT l GET h*->a->b
		HSET h1 "a->b" arrow
		SORT l GET h*->a->b
		SET "h1->" odd
		SORT l GET h*->
		SORT l GET w*->a
		SORT l GET h*
		SET pre1post both
		SORT l GET pre*post
		SET 1*2 stars
		SORT l GET **2
		HSET k1x f hash
		SORT l GET k*x->f
		SORT l GET ->*
		SET ->1 arrow
		SORT l GET ->*
		ZADD z 1 c 5 a 3 b
		SORT z BY nosort
		SORT z BY nosort DESC
		SORT z BY nosort LIMIT 1 1
		SORT z BY nosort DESC LIMIT 0 2
		SORT z BY nosort LIMIT 5 10
		SORT z ALPHA
		SADD s a
		SORT s BY nosort
		SET n1 5 PX 1
		WAIT 0 5
		SORT l GET n*
		EXISTS n1
	`)
}

func TestSortStore(t *testing.T) {
	difftest.Run(t, collections, `
		RPUSH l 3 1 2
		SORT l STORE d
		LRANGE d 0 -1
		TYPE d
		OBJECT ENCODING d
		SET d2 x EX 100
		SORT l DESC STORE d2
		LRANGE d2 0 -1
		TTL d2
		SORT l STORE l
		LRANGE l 0 -1
		MSET w1 a w3 c
		SORT l GET w* GET "#" STORE d
		LRANGE d 0 -1
		SORT nope STORE d
		EXISTS d
		SORT nope STORE d
		SORT l LIMIT 5 5 STORE d2
		EXISTS d2
		SADD s c b a
		SORT s BY nosort STORE d
		LRANGE d 0 -1
		SORT s BY nosort DESC STORE d
		LRANGE d 0 -1
		SORT s STORE d
		LRANGE d 0 -1
		SORT l STORE a STORE b
		EXISTS a b
		COMMAND GETKEYS SORT l BY w* GET "#" STORE d LIMIT 0 1 STORE e
		COMMAND GETKEYS SORT l BY STORE x
		COMMAND GETKEYS SORT l STORE
		COMMAND GETKEYS SORT_RO l STORE x
		COMMAND GETKEYSANDFLAGS SORT l STORE x
	`)
}

func TestSortStream(t *testing.T) {
	difftest.RunStream(t, collections, `
		RPUSH l 3 1 2
		SORT l
		SORT l STORE d
		SORT nope STORE d
		SORT nope STORE d
		SORT_RO l
	`)
}
