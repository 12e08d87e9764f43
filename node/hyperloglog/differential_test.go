// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomCommands runs random commands over few keys: with a limit so low that
// they become dense all the time, with Redis's own, and with one that leaves the
// sparse form its largest. Replies, dumps, streams and digests have to be Redis's.
func TestRandomCommands(t *testing.T) {
	for seed, limit := range []string{"60", "400", "3000", "3000", "20000"} {
		t.Run(fmt.Sprintf("seed %d limit %s", seed, limit), func(t *testing.T) {
			difftest.RunStream(t, families, randomScript(uint64(seed), 700, 40*(1+seed)), "--hll-sparse-max-bytes", limit)
		})
	}
	t.Run("RESP3", func(t *testing.T) { difftest.Run(t, families, randomScript(99, 500, 50)) })
}

func randomScript(seed uint64, commands, most int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var script strings.Builder
	for i := range commands {
		fmt.Fprintln(&script, randomCommand(r, most))
		if i%20 == 19 {
			for key := range 6 {
				fmt.Fprintf(&script, "PFDEBUG ENCODING h%d\nDUMP h%d\n", key, key)
			}
			fmt.Fprintln(&script, "DEBUG DIGEST")
		}
	}
	return script.String()
}

func randomCommand(r *rand.Rand, most int) string {
	key := func() string { return fmt.Sprintf("h%d", r.IntN(6)) }
	several := func() string {
		words := make([]string, 1+r.IntN(4))
		for i := range words {
			words[i] = key()
		}
		return strings.Join(words, " ")
	}
	switch r.IntN(16) {
	case 0:
		return "PFCOUNT " + several()
	case 1, 2:
		return "PFCOUNT " + key()
	case 3:
		return "PFMERGE " + several()
	case 4:
		if r.IntN(3) == 0 {
			return "DEL " + key()
		}
	case 5:
		if r.IntN(8) == 0 {
			return "PFDEBUG TODENSE " + key()
		}
		return "PFDEBUG DECODE " + key()
	case 6:
		if r.IntN(8) == 0 {
			return fmt.Sprintf("COPY %s %s REPLACE", key(), key())
		}
	case 7:
		if r.IntN(8) == 0 { // a copy is damaged, as a client may
			return fmt.Sprintf("COPY %s x REPLACE\nSETRANGE x %d \"\\x%02x\"\nPFADD x %d\nPFCOUNT x\nPFCOUNT x h0\nPFDEBUG TODENSE x\nPFMERGE h0 x\nDEL x",
				key(), 16+r.IntN(300), r.IntN(256), r.IntN(100000))
		}
	}
	var elements strings.Builder
	for range r.IntN(most) {
		fmt.Fprintf(&elements, " %d", r.IntN(100000))
		if r.IntN(10) == 0 {
			fmt.Fprintf(&elements, "%s", strings.Repeat("e", r.IntN(30)))
		}
	}
	return "PFADD " + key() + elements.String()
}
