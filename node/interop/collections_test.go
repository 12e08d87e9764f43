// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestHashesAndSetsThroughChains writes hashes and sets, before the first sync
// and behind it, over both kinds of servers: what one holds, all hold. Chance is
// among the commands (SPOP), and so is what a master rewrites for its replicas.
func TestHashesAndSetsThroughChains(t *testing.T) {
	for i, chain := range [][]kind{{aNode, aRedis}, {aRedis, aNode}, {aNode, aRedis, aNode}, {aRedis, aNode, aRedis}} {
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			var servers []*server
			for i, k := range chain {
				servers = append(servers, start(t, k, fmt.Sprintf("%s-%d", k, i),
					"--hash-max-listpack-entries", "32", "--set-max-intset-entries", "32"))
			}
			master := servers[0]
			r := rand.New(rand.NewPCG(uint64(i), 5))
			fillHashesAndSets(master)
			for range 3000 {
				changeHashOrSet(master, r)
			}
			for i, s := range servers[1:] {
				s.follow(servers[i].addr())
			}
			for range 3000 {
				changeHashOrSet(master, r)
			}
			awaitSame(t, master, servers[1:]...)
			last := servers[len(servers)-1]
			for k := range 8 {
				for _, key := range []string{fmt.Sprintf("h%d", k), fmt.Sprintf("s%d", k)} {
					if a, b := master.do("TYPE", key).Str, last.do("TYPE", key).Str; a != b {
						t.Errorf("%s is a %s on the master, a %s on the last replica", key, a, b)
					}
				}
			}
		})
	}
}

// fillHashesAndSets makes collections of every form and size.
func fillHashesAndSets(s *server) {
	s.t.Helper()
	large := strings.Repeat("0123456789", 1000)
	for from := 0; from < 20000; from += 500 {
		hash, set, ints := []string{"HSET", "large hash"}, []string{"SADD", "large set"}, []string{"SADD", "large set of integers"}
		for i := from; i < from+500; i++ {
			hash = append(hash, fmt.Sprintf("field:%d", i), fmt.Sprint(i))
			set = append(set, fmt.Sprintf("member:%d", i))
			ints = append(ints, fmt.Sprint(i*i))
		}
		s.do(hash...)
		s.do(set...)
		s.do(ints...)
	}
	s.do("HSET", "hash of one large value", "f", large, large, "v")
	s.do("HSET", "small hash", "", "", "n", "-1", "\x00\xff", "\r\n")
	s.do("SADD", "small set", "", "\x00\xff", large, "12")
	s.do("SADD", "integers", "1", "-70000", "9223372036854775807")
	s.do("PEXPIREAT", "small hash", "99999999999999")
}

// changeHashOrSet runs a random command.
func changeHashOrSet(s *server, r *rand.Rand) {
	s.t.Helper()
	hash := fmt.Sprintf("h%d", r.IntN(8))
	set, other := fmt.Sprintf("s%d", r.IntN(8)), fmt.Sprintf("s%d", r.IntN(8))
	field, number := fmt.Sprintf("f%d", r.IntN(60)), fmt.Sprint(r.IntN(100)-20)
	switch r.IntN(14) {
	case 0, 1:
		s.do("HSET", hash, field, number, "g"+field, strings.Repeat("v", r.IntN(100)))
	case 2:
		s.do("HDEL", hash, field, "g"+field)
	case 3:
		s.do("HINCRBY", hash, "counter", number)
	case 4:
		s.do("HINCRBYFLOAT", hash, "float", fmt.Sprintf("%.5f", r.NormFloat64()))
	case 5, 6:
		s.do("SADD", set, number, fmt.Sprint(r.IntN(5000)))
	case 7:
		s.do("SADD", set, field, number)
	case 8:
		s.do("SREM", set, number, field)
	case 9:
		s.do("SPOP", set)
	case 10:
		s.do("SPOP", set, fmt.Sprint(r.IntN(40)))
	case 11:
		s.do("SMOVE", set, other, number)
	case 12:
		s.do([]string{"SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"}[r.IntN(3)], fmt.Sprintf("s%d", r.IntN(8)), set, other)
	case 13:
		s.do("SPOP", "large set", "7")
		s.do("HDEL", "large hash", fmt.Sprintf("field:%d", r.IntN(20000)))
	}
}
