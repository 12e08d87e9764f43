// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// memoryElements is how many elements the comparison with Redis is made with.
const memoryElements = 50_000

// Lists and sorted sets take no more memory than with Redis.
func TestMemoryBesideRedis(t *testing.T) {
	redis := redistest.Start(t, t.TempDir())
	usedByRedis := func() int {
		_, rest, _ := strings.Cut(redis.Do("INFO", "memory").Str, "used_memory:")
		n, err := strconv.Atoi(rest[:strings.Index(rest, "\r")])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		name    string
		command string
		keys    int
		element func(rng *rand.Rand, i int) string
		score   func(rng *rand.Rand, i int) float64
	}{
		{"zset, scores at random", "ZADD", 1, small, randomScore},
		{"zset, growing scores", "ZADD", 1, small, growingScore},
		{"zset, members of 100 bytes", "ZADD", 1, large, randomScore},
		{"zset, members of 45 bytes", "ZADD", 1, middling, randomScore},
		{"zsets of ten", "ZADD", memoryElements / 10, small, randomScore},
		{"zsets of ten, one member long", "ZADD", memoryElements / 10, oneLarge, randomScore},
		{"list", "RPUSH", 1, small, nil},
		{"list, elements of 100 bytes", "RPUSH", 1, large, nil},
		{"lists of ten", "RPUSH", memoryElements / 10, small, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			redis.Do("FLUSHALL")
			redis.Do("MEMORY", "PURGE")
			st := New(Options{})
			defer st.Close()
			db, rng := st.DB(0), rand.New(rand.NewPCG(1, 2))
			before := usedByRedis()
			per := memoryElements / c.keys
			for key := range c.keys {
				name := "key:" + strconv.Itoa(key)
				argv := []string{c.command, name}
				for i := range per {
					e := c.element(rng, key*per+i)
					if c.score == nil {
						l := db.EditList([]byte(name))
						l.PushTail([]byte(e))
						l.Close()
					} else {
						score := c.score(rng, i)
						z := db.EditZSet([]byte(name))
						z.Set([]byte(e), score)
						z.Close()
						argv = append(argv, strconv.FormatFloat(score, 'g', 17, 64))
					}
					argv = append(argv, e)
					if len(argv) > 2000 || i == per-1 {
						redis.Do(argv...)
						argv = argv[:2]
					}
				}
			}
			ours, theirs := float64(st.UsedMemory())/memoryElements, float64(usedByRedis()-before)/memoryElements
			t.Logf("%.1f bytes per element, with Redis %.1f", ours, theirs)
			if ours > theirs {
				t.Errorf("%.1f bytes per element, with Redis %.1f", ours, theirs)
			}
		})
	}
}

func small(_ *rand.Rand, i int) string    { return "element:" + strconv.Itoa(i) }
func middling(_ *rand.Rand, i int) string { return fmt.Sprintf("element:%037d", i) }
func large(_ *rand.Rand, i int) string    { return fmt.Sprintf("element:%092d", i) }

func oneLarge(rng *rand.Rand, i int) string {
	if i%10 == 0 {
		return large(rng, i)
	}
	return small(rng, i)
}

func randomScore(rng *rand.Rand, _ int) float64 { return rng.NormFloat64() }
func growingScore(_ *rand.Rand, i int) float64  { return float64(1_700_000_000_000 + i*7) }
