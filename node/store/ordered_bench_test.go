// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// Editing lists and sorted sets allocates nothing on the Go heap.
func TestEditsDoNotAllocate(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	rng := rand.New(rand.NewPCG(1, 1))
	list, packed, large := []byte("list"), []byte("packed"), []byte("large")
	var buf [32]byte
	member := func(n int) []byte { return strconv.AppendInt(append(buf[:0], "member:"...), int64(rng.IntN(n)), 10) }
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"pushes and pops", func() {
			l := db.EditList(list)
			l.PushHead(member(1000))
			l.PushTail(member(1000))
			l.Close()
			l = db.EditList(list)
			if n := l.List().Len(); rng.IntN(3) == 0 {
				l.Delete(n-1, 1)
			}
			l.Close()
		}},
		{"scores of a packed sorted set", func() {
			z := db.EditZSet(packed)
			z.Set(member(100), rng.NormFloat64())
			z.Close()
		}},
		{"scores of a large sorted set", func() {
			z := db.EditZSet(large)
			z.Set(member(5000), rng.NormFloat64())
			z.Remove(member(5000))
			z.Close()
		}},
	} {
		for range 6000 {
			c.run()
		}
		// Chunks of the arena are on the Go heap, few and far between.
		if n := testing.AllocsPerRun(2000, c.run); n > 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

var oneKey = []byte("key")

func BenchmarkList(b *testing.B) {
	value := []byte("0123456789abcdef")
	b.Run("push", func(b *testing.B) {
		st := New(Options{})
		defer st.Close()
		for range b.N {
			l := st.DB(0).EditList(oneKey)
			l.PushHead(value)
			l.Close()
		}
	})
	b.Run("push and pop", func(b *testing.B) {
		st := New(Options{})
		defer st.Close()
		for i := range b.N + 1_000_000 {
			if i == 1_000_000 {
				b.ResetTimer()
			}
			l := st.DB(0).EditList(oneKey)
			l.PushHead(value)
			if i >= 1_000_000 {
				l.Delete(l.List().Len()-1, 1)
			}
			l.Close()
		}
	})
	b.Run("index", func(b *testing.B) {
		st := New(Options{})
		defer st.Close()
		l := st.DB(0).EditList(oneKey)
		for range 1_000_000 {
			l.PushHead(value)
		}
		l.Close()
		b.ResetTimer()
		rng := rand.New(rand.NewPCG(1, 1))
		v, _ := st.DB(0).Peek(oneKey)
		look := v.List()
		for range b.N {
			look.At(rng.IntN(1_000_000))
		}
	})
}

func BenchmarkZSet(b *testing.B) {
	b.Run("new members", func(b *testing.B) {
		st := New(Options{})
		defer st.Close()
		rng := rand.New(rand.NewPCG(1, 1))
		var buf [32]byte
		for i := range b.N {
			z := st.DB(0).EditZSet(oneKey)
			z.Set(strconv.AppendInt(append(buf[:0], "member:"...), int64(i), 10), rng.NormFloat64())
			z.Close()
		}
	})
	for _, size := range []int{100, 10_000, 1_000_000} {
		st := New(Options{})
		rng := rand.New(rand.NewPCG(1, 1))
		var buf [32]byte
		member := func() []byte { return strconv.AppendInt(append(buf[:0], "member:"...), int64(rng.IntN(size)), 10) }
		set := func(score float64) {
			z := st.DB(0).EditZSet(oneKey)
			z.Set(member(), score)
			z.Close()
		}
		for range 2 * size {
			set(rng.NormFloat64())
		}
		v, _ := st.DB(0).Peek(oneKey)
		b.Run(fmt.Sprintf("score at random of %d", size), func(b *testing.B) {
			for range b.N {
				set(rng.NormFloat64())
			}
		})
		b.Run(fmt.Sprintf("increment by a little of %d", size), func(b *testing.B) {
			for range b.N {
				z := st.DB(0).EditZSet(oneKey)
				m := member()
				score, _ := z.ZSet().Score(m)
				z.Set(m, score+0.00001)
				z.Close()
			}
		})
		v, _ = st.DB(0).Peek(oneKey)
		b.Run(fmt.Sprintf("rank of %d", size), func(b *testing.B) {
			for range b.N {
				v.ZSet().Rank(member())
			}
		})
		st.Close()
	}
}
