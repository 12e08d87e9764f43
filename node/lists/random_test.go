// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomCommands runs the same random commands against both servers, with
// lists of many small nodes, of nodes that are full by their bytes, and of nodes
// of one large element. The dumps are compared as well: both servers divide a
// list in the same way.
func TestRandomCommands(t *testing.T) {
	for seed, c := range []struct {
		nodeSize string
		plain    string // DEBUG QUICKLIST-PACKED-THRESHOLD
		lengths  []int  // of elements
	}{
		{"1", "0", []int{1, 5}},
		{"3", "0", []int{0, 1, 5, 20}},
		{"3", "30b", []int{1, 5, 20, 40, 100}},
		{"-1", "0", []int{1, 20, 300, 1200, 5000}},
		{"-2", "2000b", []int{1, 300, 1000, 3000, 9000}},
	} {
		t.Run(fmt.Sprintf("list-max-listpack-size %s, plain from %s", c.nodeSize, c.plain), func(t *testing.T) {
			pair := difftest.NewPair(t, families, "--list-max-listpack-size", c.nodeSize)
			pair.Compare(t, "DEBUG QUICKLIST-PACKED-THRESHOLD "+c.plain)
			g := &generator{rand.New(rand.NewPCG(uint64(seed), 1)), c.lengths}
			for i := range 2500 {
				pair.Compare(t, g.line())
				if i%10 == 0 {
					pair.Compare(t, "DUMP l1\nDUMP l2\nDUMP l3\nDEBUG DIGEST")
				}
				if t.Failed() {
					t.Fatalf("after %d commands", i)
				}
			}
		})
	}
}

// generator makes command lines.
type generator struct {
	*rand.Rand
	lengths []int
}

func (g *generator) of(words ...string) string { return words[g.IntN(len(words))] }
func (g *generator) key() string               { return g.of("l1", "l2", "l3") }
func (g *generator) end() string               { return g.of("LEFT", "RIGHT") }
func (g *generator) index() string             { return fmt.Sprint(g.IntN(60) - 30) }

// element is one of few, so that LREM and its like find some, and a number in
// one of three cases.
func (g *generator) element() string {
	if g.IntN(3) == 0 {
		return fmt.Sprint(int64(g.Uint64N(7)) << g.IntN(62))
	}
	n := g.lengths[g.IntN(len(g.lengths))]
	return fmt.Sprintf("%q", strings.Repeat(g.of("a", "b", "c"), n))
}

func (g *generator) elements() string {
	all := make([]string, 1+g.IntN(6))
	for i := range all {
		all[i] = g.element()
	}
	return strings.Join(all, " ")
}

func (g *generator) line() string {
	key, other := g.key(), g.key()
	switch g.IntN(24) {
	case 0, 1, 2:
		return "LPUSH " + key + " " + g.elements()
	case 3, 4, 5:
		return "RPUSH " + key + " " + g.elements()
	case 6:
		return g.of("LPUSHX ", "RPUSHX ") + key + " " + g.elements()
	case 7:
		return g.of("LPOP ", "RPOP ") + key
	case 8:
		return fmt.Sprintf("%s %s %d", g.of("LPOP", "RPOP"), key, g.IntN(8))
	case 9:
		return fmt.Sprintf("LMPOP 2 %s %s %s COUNT %d", key, other, g.end(), 1+g.IntN(5))
	case 10, 11:
		return fmt.Sprintf("LINSERT %s %s %s %s", key, g.of("BEFORE", "AFTER"), g.element(), g.element())
	case 12, 13:
		return fmt.Sprintf("LSET %s %s %s", key, g.index(), g.element())
	case 14, 15:
		return fmt.Sprintf("LREM %s %d %s", key, g.IntN(7)-3, g.element())
	case 16:
		return fmt.Sprintf("LTRIM %s %d %d", key, g.IntN(4), -1-g.IntN(4))
	case 17:
		return fmt.Sprintf("LMOVE %s %s %s %s", key, other, g.end(), g.end())
	case 18:
		return fmt.Sprintf("%s %s %s", "RPOPLPUSH", key, other)
	case 19:
		return fmt.Sprintf("LRANGE %s %s %s", key, g.index(), g.index())
	case 20:
		return fmt.Sprintf("LPOS %s %s RANK %d COUNT %d MAXLEN %d", key, g.element(), 1+g.IntN(3), g.IntN(4), g.IntN(50))
	case 21:
		return fmt.Sprintf("LPOS %s %s RANK -%d COUNT 0", key, g.element(), 1+g.IntN(3))
	case 22:
		return "LINDEX " + key + " " + g.index()
	}
	return g.of("COPY "+key+" "+other+" REPLACE", "RENAME "+key+" "+other, "LLEN "+key, "BLMOVE "+key+" "+other+" LEFT LEFT 0.001")
}
