// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSortedSetsThroughChains writes sorted sets and places, before the first
// sync and behind it, over both kinds of servers: what one holds, all hold, to
// the sign of a zero.
func TestSortedSetsThroughChains(t *testing.T) {
	for i, chain := range [][]kind{{aNode, aRedis}, {aRedis, aNode}, {aNode, aRedis, aNode}, {aRedis, aNode, aRedis}} {
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			var servers []*server
			for i, k := range chain {
				servers = append(servers, start(t, k, fmt.Sprintf("%s-%d", k, i), "--zset-max-listpack-entries", "16"))
			}
			master := servers[0]
			r := rand.New(rand.NewPCG(uint64(i), 6))
			fillSortedSets(master)
			for range 3000 {
				changeSortedSet(master, r)
			}
			for i, s := range servers[1:] {
				s.follow(servers[i].addr())
			}
			for range 3000 {
				changeSortedSet(master, r)
			}
			awaitSame(t, master, servers[1:]...)
			last := servers[len(servers)-1]
			for k := range 8 {
				key := fmt.Sprintf("z%d", k)
				if a, b := master.ask("ZRANGE", key, "0", "-1", "WITHSCORES"), last.ask("ZRANGE", key, "0", "-1", "WITHSCORES"); a.Text() != b.Text() {
					t.Errorf("%s is %s on the master, %s on the last replica", key, a.Text(), b.Text())
				}
			}
		})
	}
}

// fillSortedSets makes sorted sets of either form and many sizes.
func fillSortedSets(s *server) {
	s.t.Helper()
	for from := 0; from < 20000; from += 500 {
		scored, lexical, places := []string{"ZADD", "large"}, []string{"ZADD", "large of one score"}, []string{"GEOADD", "places"}
		for i := from; i < from+500; i++ {
			scored = append(scored, fmt.Sprint(float64(i*7919%20000)/16), fmt.Sprintf("member:%d", i))
			lexical = append(lexical, "5", fmt.Sprintf("member:%d", i))
			if i%10 == 0 {
				places = append(places, fmt.Sprint(float64(i*7919%20000)/60-165), fmt.Sprint(float64(i)/125-80), fmt.Sprintf("place:%d", i))
			}
		}
		s.do(scored...)
		s.do(lexical...)
		s.do(places...)
	}
	s.do("ZADD", "small", "inf", "", "-inf", "\x00\xff", "-0", "zero", "1e-300", strings.Repeat("long", 1000), "0.1", "12")
	s.do("PEXPIREAT", "small", "99999999999999")
}

// changeSortedSet runs a random command; where it finds nothing to do, the better.
func changeSortedSet(s *server, r *rand.Rand) {
	s.t.Helper()
	key, other := fmt.Sprintf("z%d", r.IntN(8)), fmt.Sprintf("z%d", r.IntN(8))
	member, second := fmt.Sprint(r.IntN(60)), fmt.Sprintf("m%d", r.IntN(60))
	score := []string{"-0", "0", "inf", "-inf", fmt.Sprint(r.IntN(20)), fmt.Sprint(r.NormFloat64())}[r.IntN(6)]
	rank := fmt.Sprint(r.IntN(40) - 20)
	var command []string
	switch r.IntN(16) {
	case 0, 1, 2, 3:
		command = []string{"ZADD", key, score, member, fmt.Sprint(r.IntN(9)), second}
	case 4:
		command = []string{"ZADD", key, []string{"NX", "XX", "GT", "LT"}[r.IntN(4)], score, member, score, second}
	case 5:
		command = []string{"ZINCRBY", key, score, member}
	case 6:
		command = []string{"ZREM", key, member, second}
	case 7:
		command = []string{[]string{"ZPOPMIN", "ZPOPMAX"}[r.IntN(2)], key, fmt.Sprint(r.IntN(3))}
	case 8:
		command = []string{"BZPOPMIN", key, "large", "0"}
	case 9:
		command = []string{"BZMPOP", "0", "3", key, other, "large", "MAX", "COUNT", fmt.Sprint(1 + r.IntN(5))}
	case 10:
		command = []string{"ZREMRANGEBYRANK", key, rank, rank}
	case 11:
		command = []string{"ZREMRANGEBYSCORE", key, "(" + score, score + "1"}
	case 12:
		command = []string{"ZREMRANGEBYLEX", "large of one score", "[member:" + member, "(member:" + member + "1"}
	case 13:
		command = []string{[]string{"ZUNIONSTORE", "ZINTERSTORE"}[r.IntN(2)], key, "2", key, other, "WEIGHTS", "1", "-1", "AGGREGATE", []string{"SUM", "MIN", "MAX"}[r.IntN(3)]}
	case 14:
		command = []string{"ZRANGESTORE", key, "large", rank, "10" + member, "BYSCORE", "LIMIT", "0", member}
		if r.IntN(2) == 0 {
			command = []string{"ZDIFFSTORE", key, "2", other, key}
		}
	case 15:
		command = []string{"GEOSEARCHSTORE", key, "places", "FROMLONLAT", fmt.Sprint(r.IntN(300) - 150), "30", "BYRADIUS", fmt.Sprint(r.IntN(2000)), "km", "COUNT", member + "1"}
	}
	s.ask(command...)
}
