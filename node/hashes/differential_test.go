// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomCommands runs random commands over few keys with limits so low that
// the hashes cross them all the time. Replies, encodings, streams and digests
// have to be Redis's.
func TestRandomCommands(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			difftest.RunStream(t, families, randomScript(seed, 2000),
				"--hash-max-listpack-entries", "12", "--hash-max-listpack-value", "10")
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
			for key := range 4 {
				fmt.Fprintf(&script, "OBJECT ENCODING h%d\nHGETALL h%d # unordered\n", key, key)
			}
			fmt.Fprintln(&script, "DEBUG DIGEST")
		}
	}
	return script.String()
}

func randomCommand(r *rand.Rand) string {
	key := fmt.Sprintf("h%d", r.IntN(4))
	field := func() string {
		if r.IntN(3) == 0 {
			return fmt.Sprint(r.IntN(40) - 20)
		}
		if r.IntN(20) == 0 {
			return strings.Repeat("f", 250+r.IntN(8)) // about where an element leaves its leaf
		}
		return fmt.Sprintf("field%d", r.IntN(40))
	}
	value := func() string {
		switch r.IntN(6) {
		case 0:
			return fmt.Sprint(r.Int64() >> r.IntN(64) * int64(1-2*r.IntN(2)))
		case 1:
			return `""`
		case 2:
			return strings.Repeat("x", r.IntN(300)) + "."
		case 3:
			return fmt.Sprintf("%g", r.NormFloat64())
		}
		return fmt.Sprintf("v%d", r.IntN(1000))
	}
	fields := func(with func() string) string {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(" " + field())
			if with != nil {
				b.WriteString(" " + with())
			}
		}
		return b.String()
	}
	switch r.IntN(24) {
	case 0, 1, 2, 3:
		return "HSET " + key + fields(value)
	case 4:
		return "HSETNX " + key + " " + field() + " " + value()
	case 5:
		return "HMSET " + key + fields(value)
	case 6, 7:
		return "HDEL " + key + fields(nil) + fields(nil)
	case 8, 9:
		return fmt.Sprintf("HINCRBY %s %s %d", key, field(), r.IntN(2000)-1000)
	case 10, 11:
		return fmt.Sprintf("HINCRBYFLOAT %s %s %.3f", key, field(), r.NormFloat64())
	case 12:
		return "HGET " + key + " " + field()
	case 13:
		return "HMGET " + key + fields(nil)
	case 14:
		return "HSTRLEN " + key + " " + field()
	case 15:
		return "HEXISTS " + key + " " + field()
	case 16:
		return "HLEN " + key
	case 17:
		return "HVALS " + key + " # unordered"
	case 18:
		return "HKEYS " + key + " # unordered"
	case 19:
		return "HRANDFIELD " + key + " 1000 WITHVALUES # unordered"
	case 20:
		return fmt.Sprintf("COPY %s h%d", key, r.IntN(4))
	case 21:
		return fmt.Sprintf("PEXPIREAT %s 99999999999999", key)
	case 22:
		if r.IntN(4) == 0 {
			return "DEL " + key
		}
		return "PERSIST " + key
	}
	return fmt.Sprintf("RENAME %s h%d", key, r.IntN(4))
}
