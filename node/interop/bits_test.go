// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestBitsThroughChains writes bitmaps and HyperLogLogs, before the first sync
// and behind it, over both kinds of servers: what one holds, all hold, to the
// byte. The replicas have lower limits than the master, which do not count for
// what it sends.
func TestBitsThroughChains(t *testing.T) {
	for i, chain := range [][]kind{{aNode, aRedis}, {aRedis, aNode}, {aNode, aRedis, aNode}, {aRedis, aNode, aRedis}} {
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			var servers []*server
			for i, k := range chain {
				options := []string{"--hll-sparse-max-bytes", "600"}
				if i > 0 {
					options = append(options, "--proto-max-bulk-len", "1048576")
				}
				servers = append(servers, start(t, k, fmt.Sprintf("%s-%d", k, i), options...))
			}
			master := servers[0]
			r := rand.New(rand.NewPCG(uint64(i), 7))
			master.do("SETBIT", "large", "20000000", "1")
			for range 1500 {
				changeBits(master, r)
			}
			for i, s := range servers[1:] {
				s.follow(servers[i].addr())
			}
			for range 1500 {
				changeBits(master, r)
			}
			master.do("SETBIT", "large", "24000000", "1")
			master.do("SET", "another", strings.Repeat("x", 1<<20+1))
			master.do("APPEND", "another", strings.Repeat("y", 1<<20))
			master.do("SETRANGE", "another", "3000000", "z")
			master.do("BITFIELD", "another", "SET", "u8", "#4000000", "200")
			master.do("BITOP", "XOR", "mixture", "large", "another")
			awaitSame(t, master, servers[1:]...)
			last := servers[len(servers)-1]
			for _, key := range []string{"b0", "b1", "h0", "h1", "h2", "h3", "mixture"} {
				if a, b := master.ask("GET", key), last.ask("GET", key); a.Text() != b.Text() {
					t.Errorf("%s differs on the master and on the last replica", key)
				}
			}
			if got := last.do("BITCOUNT", "large").Int; got != 2 {
				t.Errorf("the last replica counts %d bits, want 2", got)
			}
		})
	}
}

// changeBits runs a random command.
func changeBits(s *server, r *rand.Rand) {
	s.t.Helper()
	bits, sketch := fmt.Sprintf("b%d", r.IntN(4)), fmt.Sprintf("h%d", r.IntN(4))
	n := func(most int) string { return fmt.Sprint(r.IntN(most)) }
	var command []string
	switch r.IntN(10) {
	case 0, 1:
		command = []string{"SETBIT", bits, n(5000), n(2)}
	case 2:
		command = []string{"BITOP", []string{"AND", "OR", "XOR"}[r.IntN(3)], bits, bits, "b" + n(4), "b" + n(4)}
	case 3:
		command = []string{"BITOP", "NOT", bits, "b" + n(4)}
	case 4:
		command = []string{"BITFIELD", bits, "OVERFLOW", []string{"WRAP", "SAT"}[r.IntN(2)], "INCRBY", "i" + fmt.Sprint(1+r.IntN(64)), n(900), fmt.Sprint(r.Int64() - r.Int64())}
	case 5:
		command = []string{"PFCOUNT", sketch}
	case 6:
		command = []string{"PFMERGE", sketch, "h" + n(4)}
		if r.IntN(20) == 0 {
			command = []string{"DEL", sketch, bits}
		}
	default:
		command = []string{"PFADD", sketch}
		for range r.IntN(20) {
			command = append(command, n(100000))
		}
	}
	s.ask(command...)
}
