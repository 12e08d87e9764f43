// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"strconv"
	"strings"

	"github.com/espalier-io/espalier/node/resp"
)

// EveryEncoding makes collections in each of Redis's encodings, by their contents
// and by the server's limits, in the databases 0 and 7. do sends a command that
// must not fail; DEBUG must be allowed.
func EveryEncoding(do func(argv ...string) resp.Value) {
	many := func(command, key string, n int, parts func(i int) []string) {
		argv := []string{command, key}
		for i := range n {
			argv = append(argv, parts(i)...)
		}
		do(argv...)
	}
	number := func(i int) []string { return []string{strconv.Itoa(i * 37)} }
	text := func(i int) []string { return []string{"element:" + strconv.Itoa(i)} }
	mixed := func(i int) []string {
		if i%3 == 0 {
			return number(i)
		}
		return []string{strings.Repeat(strconv.Itoa(i), i%60)}
	}
	pair := func(i int) []string { return []string{"f" + strconv.Itoa(i), mixed(i)[0]} }
	score := func(i int) []string { return []string{strconv.Itoa(i%7) + ".25", "m" + strconv.Itoa(i)} }

	many("HSET", "hash:small", 40, pair)
	many("HSET", "hash:large", 600, pair)
	do("HSET", "hash:long", "f", strings.Repeat("long", 30), "", "")
	many("RPUSH", "list:small", 20, mixed)
	many("RPUSH", "list:nodes", 5000, mixed)
	many("LPUSH", "list:backwards", 3000, mixed)
	do("RPUSH", "list:long", strings.Repeat("x", 20000), "", strings.Repeat("y", 9000), "1")
	many("SADD", "set:16", 60, number)
	do("SADD", "set:32", "-1", "70000", "5")
	do("SADD", "set:64", "-9223372036854775808", "70000000000", "5")
	many("SADD", "set:numbers", 600, number)
	many("SADD", "set:texts", 300, text)
	many("ZADD", "zset:small", 50, score)
	many("ZADD", "zset:large", 2000, score)
	do("ZADD", "zset:extremes", "inf", "a", "-inf", "b", "0.1", "c", "1e300", "d", "-0", "e", "17", "17", "3", "")
	do("ZADD", "zset:long", "1", strings.Repeat("long", 30), "2", "x")

	for _, limit := range []string{"hash-max-listpack-entries", "set-max-intset-entries", "zset-max-listpack-entries"} {
		do("CONFIG", "SET", limit, "0")
	}
	do("CONFIG", "SET", "list-max-listpack-size", "3")
	do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "50b")
	do("SELECT", "7")
	many("HSET", "hash:few", 3, pair)
	many("SADD", "set:few", 3, number)
	many("ZADD", "zset:few", 3, score)
	many("RPUSH", "list:plain", 200, mixed)
	do("SELECT", "0")
	for _, limit := range []string{"hash-max-listpack-value", "zset-max-listpack-value", "hash-max-listpack-entries", "zset-max-listpack-entries"} {
		do("CONFIG", "SET", limit, "100000")
	}
	many("HSET", "hash:raised", 3000, pair)
	many("ZADD", "zset:raised", 3000, score)
}
