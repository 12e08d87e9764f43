// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomCommands runs random commands over few keys with limits so low that
// the sorted sets cross them all the time. Replies, encodings, streams and
// digests have to be Redis's.
func TestRandomCommands(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			difftest.RunStream(t, withSets, randomScript(seed, 3000, 40), "--zset-max-listpack-entries", "12", "--zset-max-listpack-value", "6")
		})
	}
	t.Run("large", func(t *testing.T) {
		difftest.RunStream(t, withSets, randomScript(77, 3000, 5000), "--zset-max-listpack-entries", "12")
	})
	t.Run("RESP3", func(t *testing.T) { difftest.Run(t, withSets, randomScript(99, 1500, 300)) })
}

func randomScript(seed uint64, commands, members int) string {
	r := randomCommands{rand.New(rand.NewPCG(seed, 1)), members}
	var script strings.Builder
	for i := range commands {
		fmt.Fprintln(&script, r.command())
		if i%100 == 99 {
			for key := range 5 {
				fmt.Fprintf(&script, "OBJECT ENCODING z%d\nZRANGE z%d 0 -1 WITHSCORES\nZSCAN z%d 0 COUNT 100000 # unordered\n", key, key, key)
			}
			fmt.Fprintln(&script, "DEBUG DIGEST")
		}
	}
	return script.String()
}

type randomCommands struct {
	*rand.Rand
	members int
}

// key is a sorted set, s0 to s2 are sets. Those of l0 and l1 have one score.
func (r randomCommands) key() string { return fmt.Sprintf("z%d", r.IntN(5)) }

func (r randomCommands) source() string {
	if r.IntN(5) == 0 {
		return fmt.Sprintf("s%d", r.IntN(3))
	}
	return r.key()
}

func (r randomCommands) lexKey() string { return fmt.Sprintf("l%d", r.IntN(2)) }

func (r randomCommands) member() string {
	if r.IntN(20) == 0 {
		return fmt.Sprintf("along%d", r.IntN(r.members))
	}
	return fmt.Sprint(r.IntN(r.members))
}

func (r randomCommands) score() string {
	switch r.IntN(10) {
	case 0:
		return []string{"inf", "-inf", "0", "-0", "1e20", "-1e-20"}[r.IntN(6)]
	case 1, 2, 3:
		return fmt.Sprint(r.NormFloat64() * 10)
	}
	return fmt.Sprint(r.IntN(20) - 5)
}

func (r randomCommands) bound() string {
	return []string{"", "", "("}[r.IntN(3)] + r.score()
}

func (r randomCommands) lexBound() string {
	switch r.IntN(6) {
	case 0:
		return "-"
	case 1:
		return "+"
	}
	return []string{"[", "("}[r.IntN(2)] + r.member()
}

func (r randomCommands) rank() int { return r.IntN(2*min(r.members, 60)) - min(r.members, 60) }

func (r randomCommands) pairs() string {
	var words strings.Builder
	n := 1 + r.IntN(6)
	if r.members > 1000 && r.IntN(10) == 0 {
		n = 300
	}
	for range n {
		fmt.Fprintf(&words, " %s %s", r.score(), r.member())
	}
	return words.String()
}

func (r randomCommands) oneOf(words ...string) string { return words[r.IntN(len(words))] }

func (r randomCommands) sources() string {
	n := 1 + r.IntN(3)
	words := fmt.Sprint(n)
	for range n {
		words += " " + r.source()
	}
	return words
}

// operands are sources with weights and an aggregate.
func (r randomCommands) operands() string {
	words := r.sources()
	if r.IntN(3) == 0 {
		n := strings.Count(words, " ")
		words += " WEIGHTS"
		for range n {
			words += " " + r.score()
		}
	}
	return words + r.oneOf("", "", " AGGREGATE MIN", " AGGREGATE MAX", " AGGREGATE SUM")
}

func (r randomCommands) limit() string {
	if r.IntN(2) == 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d %d", r.IntN(12)-1, r.IntN(12)-1)
}

func (r randomCommands) command() string {
	if r.IntN(3) == 0 {
		return r.adding()
	}
	if r.IntN(2) == 0 {
		return r.reading()
	}
	return r.writing()
}

func (r randomCommands) adding() string {
	switch r.IntN(8) {
	case 0:
		return "ZADD " + r.key() + " " + r.oneOf("NX", "XX", "GT", "LT", "XX GT", "XX LT CH", "CH") + r.pairs()
	case 1:
		return "ZADD " + r.key() + " INCR " + r.oneOf("", "NX ", "XX ", "GT ", "LT ") + r.score() + " " + r.member()
	case 2:
		return "ZINCRBY " + r.key() + " " + r.score() + " " + r.member()
	case 3:
		return fmt.Sprintf("SADD s%d %s %s %s", r.IntN(3), r.member(), r.member(), r.member())
	case 4:
		return fmt.Sprintf("ZADD %s 5 %s 5 %s 5 %s", r.lexKey(), r.member(), r.member(), r.member())
	}
	return "ZADD " + r.key() + r.pairs()
}

func (r randomCommands) reading() string {
	switch r.IntN(16) {
	case 0:
		return "ZSCORE " + r.key() + " " + r.member()
	case 1:
		return "ZMSCORE " + r.key() + " " + r.member() + " " + r.member()
	case 2:
		return "ZRANK " + r.key() + " " + r.member()
	case 3:
		return "ZREVRANK " + r.key() + " " + r.member()
	case 4:
		return "ZCARD " + r.key()
	case 5:
		return "ZCOUNT " + r.key() + " " + r.bound() + " " + r.bound()
	case 6:
		return "ZLEXCOUNT " + r.lexKey() + " " + r.lexBound() + " " + r.lexBound()
	case 7:
		return fmt.Sprintf("ZRANGE %s %d %d%s%s", r.key(), r.rank(), r.rank(), r.oneOf("", " REV"), r.oneOf("", " WITHSCORES"))
	case 8, 9:
		return "ZRANGE " + r.key() + " " + r.bound() + " " + r.bound() + " BYSCORE" + r.oneOf("", " REV") + r.limit() + r.oneOf("", " WITHSCORES")
	case 10:
		return "ZRANGE " + r.lexKey() + " " + r.lexBound() + " " + r.lexBound() + " BYLEX" + r.oneOf("", " REV") + r.limit()
	case 11:
		return "ZUNION " + r.operands() + r.oneOf("", " WITHSCORES")
	case 12:
		return "ZINTER " + r.operands() + r.oneOf("", " WITHSCORES")
	case 13:
		return "ZDIFF " + r.sources() + r.oneOf("", " WITHSCORES")
	case 14:
		return fmt.Sprintf("ZINTERCARD %s LIMIT %d", r.sources(), r.IntN(5))
	}
	return "ZRANDMEMBER " + r.key() + " 100000 WITHSCORES"
}

func (r randomCommands) writing() string {
	switch r.IntN(18) {
	case 0, 1, 2:
		return "ZREM " + r.key() + " " + r.member() + " " + r.member() + " " + r.member()
	case 3:
		low := r.rank()
		return fmt.Sprintf("ZREMRANGEBYRANK %s %d %d", r.key(), low, low+r.IntN(5))
	case 4:
		return "ZREMRANGEBYSCORE " + r.key() + " " + r.bound() + " " + r.bound()
	case 5:
		return "ZREMRANGEBYLEX " + r.lexKey() + " " + r.lexBound() + " " + r.lexBound()
	case 6:
		return fmt.Sprintf("%s %s %d", r.oneOf("ZPOPMIN", "ZPOPMAX"), r.key(), r.IntN(4))
	case 7:
		return fmt.Sprintf("ZMPOP 2 %s %s %s COUNT %d", r.key(), r.key(), r.oneOf("MIN", "MAX"), 1+r.IntN(4))
	case 8:
		return fmt.Sprintf("%s %s %s 0.001", r.oneOf("BZPOPMIN", "BZPOPMAX"), r.key(), r.key())
	case 9:
		return "ZUNIONSTORE " + r.key() + " " + r.operands()
	case 10:
		return "ZINTERSTORE " + r.key() + " " + r.operands()
	case 11:
		return "ZDIFFSTORE " + r.key() + " " + r.sources()
	case 12:
		return fmt.Sprintf("ZRANGESTORE %s %s %d %d%s", r.key(), r.key(), r.rank(), r.rank(), r.oneOf("", " REV"))
	case 13:
		return "ZRANGESTORE " + r.key() + " " + r.key() + " " + r.bound() + " " + r.bound() + " BYSCORE" + r.limit()
	case 14:
		return "DEL " + r.key()
	case 15:
		return "COPY " + r.key() + " " + r.key() + " REPLACE"
	case 16:
		return "RENAME " + r.key() + " " + r.key()
	}
	return "PEXPIREAT " + r.key() + " 99999999999999"
}
