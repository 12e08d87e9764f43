// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomCommands runs random commands over few keys with a limit so low that
// the sets cross it all the time. Replies, encodings, streams and digests have
// to be Redis's.
func TestRandomCommands(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			difftest.RunStream(t, families, randomScript(seed, 2000), "--set-max-intset-entries", "8")
		})
	}
	t.Run("RESP3", func(t *testing.T) { difftest.Run(t, families, randomScript(99, 1000)) })
}

func randomScript(seed uint64, commands int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var script strings.Builder
	for i := range commands {
		fmt.Fprintln(&script, randomCommand(r))
		if i%100 == 99 {
			for key := range 5 {
				fmt.Fprintf(&script, "OBJECT ENCODING s%d\nSMEMBERS s%d # unordered\n", key, key)
			}
			fmt.Fprintln(&script, "DEBUG DIGEST")
		}
	}
	return script.String()
}

func randomCommand(r *rand.Rand) string {
	key := func() string { return fmt.Sprintf("s%d", r.IntN(5)) }
	member := func() string {
		switch r.IntN(12) {
		case 0:
			return fmt.Sprint(r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2)))
		case 1:
			return fmt.Sprintf("m%d", r.IntN(20))
		case 2:
			if r.IntN(4) == 0 {
				return strings.Repeat("m", 250+r.IntN(8)) // about where an element leaves its leaf
			}
		}
		return fmt.Sprint(r.IntN(24) - 4)
	}
	several := func(what func() string) string {
		words := make([]string, 1+r.IntN(6))
		for i := range words {
			words[i] = what()
		}
		return " " + strings.Join(words, " ")
	}
	from := func() string { return several(key) }
	switch r.IntN(27) {
	case 0, 1, 2, 3, 4:
		return "SADD " + key() + several(member)
	case 5, 6, 7:
		return "SREM " + key() + several(member) + several(member)
	case 8, 9:
		return fmt.Sprintf("SMOVE %s %s %s", key(), key(), member())
	case 10:
		return "SMISMEMBER " + key() + several(member)
	case 11:
		return "SISMEMBER " + key() + " " + member()
	case 12:
		return "SCARD " + key()
	case 13:
		return "SINTER" + from() + " # unordered"
	case 14:
		return "SUNION" + from() + " # unordered"
	case 15:
		return "SDIFF" + from() + " # unordered"
	case 16:
		keys := from()
		return fmt.Sprintf("SINTERCARD %d%s LIMIT %d", strings.Count(keys, " "), keys, r.IntN(4))
	case 17:
		return "SINTERSTORE " + key() + from()
	case 18:
		return "SUNIONSTORE " + key() + from()
	case 19, 20:
		return "SDIFFSTORE " + key() + from()
	case 21:
		return "SRANDMEMBER " + key() + " 1000 # unordered"
	case 22:
		if r.IntN(2) == 0 {
			return "SPOP " + key() + " 1000 # unordered"
		}
		return "SPOP " + key() + " 0"
	case 23:
		return fmt.Sprintf("COPY %s %s", key(), key())
	case 24:
		return fmt.Sprintf("PEXPIREAT %s 99999999999999", key())
	case 25:
		return "PERSIST " + key()
	}
	return fmt.Sprintf("RENAME %s %s", key(), key())
}
