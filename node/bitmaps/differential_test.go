// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomCommands runs random commands over few keys. Replies, dumps, streams
// and digests have to be Redis's.
func TestRandomCommands(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			difftest.RunStream(t, families, randomScript(seed, 2500))
		})
	}
	t.Run("RESP3", func(t *testing.T) { difftest.Run(t, families, randomScript(99, 1000)) })
}

func randomScript(seed uint64, commands int) string {
	r := random{rand.New(rand.NewPCG(seed, 1))}
	var script strings.Builder
	for i := range commands {
		fmt.Fprintln(&script, r.command())
		if i%50 == 49 {
			for key := range 5 {
				fmt.Fprintf(&script, "OBJECT ENCODING k%d\nDUMP k%d\n", key, key)
			}
			fmt.Fprintln(&script, "DEBUG DIGEST")
		}
	}
	return script.String()
}

type random struct{ *rand.Rand }

func (r random) key() string { return fmt.Sprintf("k%d", r.IntN(5)) }

// offset of a bit: few are far away.
func (r random) offset() int { return r.IntN(1 << (3 + r.IntN(11))) }

func (r random) index() int { return r.IntN(700) - 350 }

func (r random) oneOf(words ...string) string { return words[r.IntN(len(words))] }

func (r random) number() int64 {
	n := r.Int64() >> r.IntN(64)
	if r.IntN(2) == 0 {
		n = ^n
	}
	return n
}

func (r random) field() string {
	var text strings.Builder
	for range 1 + r.IntN(4) {
		width := 1 + r.IntN(63)
		typ := fmt.Sprintf("%s%d", r.oneOf("u", "i"), width)
		if r.IntN(10) == 0 {
			typ = "i64"
		}
		at := fmt.Sprintf("%s %d", typ, r.offset())
		if r.IntN(3) == 0 {
			at = fmt.Sprintf("%s #%d", typ, r.IntN(20))
		}
		switch r.IntN(5) {
		case 0:
			fmt.Fprintf(&text, " GET %s", at)
		case 1, 2:
			fmt.Fprintf(&text, " OVERFLOW %s SET %s %d", r.oneOf("WRAP", "SAT"), at, r.number())
		default:
			fmt.Fprintf(&text, " GET %s OVERFLOW %s INCRBY %s %d", at, r.oneOf("WRAP", "SAT"), at, r.number())
		}
	}
	if r.IntN(4) == 0 {
		fmt.Fprintf(&text, " SET u8 0 %d OVERFLOW FAIL INCRBY i%d 0 %d", r.IntN(256), 1+r.IntN(64), r.number())
	}
	return text.String()
}

func (r random) command() string {
	key := r.key()
	switch r.IntN(20) {
	case 0, 1, 2:
		return fmt.Sprintf("SETBIT %s %d %d", key, r.offset(), r.IntN(2))
	case 3:
		return fmt.Sprintf("GETBIT %s %d", key, r.offset())
	case 4:
		return fmt.Sprintf("BITCOUNT %s", key)
	case 5:
		return fmt.Sprintf("BITCOUNT %s %d %d%s", key, r.index(), r.index(), r.oneOf("", " BYTE", " BIT"))
	case 6:
		return fmt.Sprintf("BITCOUNT %s %d %d BIT", key, r.offset(), r.offset())
	case 7:
		return fmt.Sprintf("BITPOS %s %d", key, r.IntN(2))
	case 8:
		return fmt.Sprintf("BITPOS %s %d %d", key, r.IntN(2), r.index())
	case 9:
		return fmt.Sprintf("BITPOS %s %d %d %d%s", key, r.IntN(2), r.index(), r.index(), r.oneOf("", " BYTE", " BIT"))
	case 10:
		return fmt.Sprintf("BITPOS %s %d %d %d BIT", key, r.IntN(2), r.offset(), r.offset())
	case 11:
		return fmt.Sprintf("BITOP NOT %s %s", key, r.key())
	case 12, 13:
		sources := make([]string, 1+r.IntN(4))
		for i := range sources {
			sources[i] = r.key()
			if r.IntN(10) == 0 {
				sources[i] = "nope"
			}
		}
		return fmt.Sprintf("BITOP %s %s %s", r.oneOf("AND", "OR", "XOR"), key, strings.Join(sources, " "))
	case 14, 15, 16:
		return "BITFIELD " + key + r.field()
	case 17:
		return "SET " + key + " " + r.oneOf(fmt.Sprint(r.number()), `""`, `"\xff\xff\xff\xff"`, "text", strings.Repeat(`\xff`, r.IntN(300)), strings.Repeat("z", 45))
	case 18:
		if r.IntN(3) == 0 {
			return "PEXPIREAT " + key + " 99999999999999"
		}
		return "APPEND " + key + " " + r.oneOf("x", "yz", "\"\\x00\\xff\"")
	}
	return r.oneOf("DEL ", "PERSIST ", "PEXPIRETIME ") + key
}
