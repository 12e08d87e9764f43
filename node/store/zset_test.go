// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// zsetModel is what a sorted set should hold, in order.
type zsetModel []scored

func (m zsetModel) find(member string) int {
	return slices.IndexFunc(m, func(s scored) bool { return s.member == member })
}

func (m *zsetModel) set(member string, score float64) (added bool) {
	at := m.find(member)
	if at >= 0 {
		if (*m)[at].score == score {
			return false
		}
		*m = slices.Delete(*m, at, at+1)
	}
	s := scored{member, score}
	i, _ := slices.BinarySearchFunc(*m, s, compareScored)
	*m = slices.Insert(*m, i, s)
	return at < 0
}

// compareZSet compares all ways through a sorted set with what it should hold.
func compareZSet(z ZSet, model zsetModel, rng *rand.Rand) error {
	if z.Len() != len(model) {
		return fmt.Errorf("%d members, not %d", z.Len(), len(model))
	}
	if len(model) == 0 {
		return nil
	}
	from := rng.IntN(len(model))
	i := from
	for member, score := range z.Ascend(from) {
		if i >= len(model) || (scored{string(member), score}) != model[i] {
			return fmt.Errorf("ascending, member %d is %q with %v, not %v", i, member, score, model[min(i, len(model)-1)])
		}
		i++
	}
	if i != len(model) {
		return fmt.Errorf("ascended to %d of %d", i, len(model))
	}
	i = from
	for member, score := range z.Descend(from) {
		if i < 0 || (scored{string(member), score}) != model[i] {
			return fmt.Errorf("descending, member %d is %q with %v, not %v", i, member, score, model[max(i, 0)])
		}
		i--
	}
	if i != -1 {
		return fmt.Errorf("descended to %d", i)
	}
	for range 5 {
		i := rng.IntN(len(model))
		m := model[i]
		if member, score := z.At(i); string(member) != m.member || score != m.score {
			return fmt.Errorf("member %d is %q with %v, not %v", i, member, score, m)
		}
		if rank, score, ok := z.Rank([]byte(m.member)); !ok || rank != i || score != m.score {
			return fmt.Errorf("%v of rank %d is found with rank %d, score %v, %t", m, i, rank, score, ok)
		}
		if _, ok := z.Score([]byte(m.member + "?")); ok {
			return fmt.Errorf("%q is there", m.member+"?")
		}
		s := m.score
		if i%2 == 0 {
			s = math.Nextafter(s, math.Inf(1))
		}
		below, _ := slices.BinarySearchFunc(model, s, func(m scored, s float64) int { return b2i(m.score >= s)*2 - 1 })
		upTo, _ := slices.BinarySearchFunc(model, s, func(m scored, s float64) int { return b2i(m.score > s)*2 - 1 })
		if got, all := z.CountBelow(s, false), z.CountBelow(s, true); got != below || all != upTo {
			return fmt.Errorf("below %v are %d, up to it %d; not %d and %d", s, got, all, below, upTo)
		}
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// zsetRun does random things to a sorted set and to its model.
type zsetRun struct {
	st    *Store
	rng   *rand.Rand
	key   []byte
	model zsetModel
	names int // members to choose from
	long  int // of 10 members, how many are long
	score func(*rand.Rand) float64
}

func (r *zsetRun) member() string {
	i := r.rng.IntN(r.names)
	switch {
	case i%10 >= r.long:
		return "m:" + strconv.Itoa(i)
	case i%40 == 0:
		// About the lengths at which names in leaves are written differently.
		return strings.Repeat("x", 250+i%7) + fmt.Sprintf("%04d", i)[3:]
	}
	return strings.Repeat("long", 13+i%50) + strconv.Itoa(i)
}

// step changes something; growth is how much of 10 steps add.
func (r *zsetRun) step(growth int) error {
	z := r.st.DB(0).EditZSet(r.key)
	defer z.Close()
	for range 1 + r.rng.IntN(3) {
		member := r.member()
		switch kind := r.rng.IntN(10); {
		case kind < growth:
			score := r.score(r.rng)
			if added, want := z.Set([]byte(member), score), r.model.set(member, score); added != want {
				return fmt.Errorf("Set(%q): added %t", member, added)
			}
		case kind < 9 || r.rng.IntN(20) > 0:
			at := r.model.find(member)
			if removed := z.Remove([]byte(member)); removed != (at >= 0) {
				return fmt.Errorf("Remove(%q): %t", member, removed)
			}
			if at >= 0 {
				r.model = slices.Delete(r.model, at, at+1)
			}
		case len(r.model) > 0:
			i := r.rng.IntN(len(r.model))
			n := r.rng.IntN(1 + min(len(r.model)-i, 1+r.names/4))
			z.RemoveRanks(i, n)
			r.model = slices.Delete(r.model, i, i+n)
		}
	}
	return nil
}

func TestZSetAgainstModel(t *testing.T) {
	few := []float64{1, 2, 2.5, math.Inf(1), math.Inf(-1), -7, 0}
	for _, c := range []struct {
		name  string
		names int
		long  int
		score func(*rand.Rand) float64
	}{
		{"packed and just beyond", 150, 0, (*rand.Rand).NormFloat64},
		{"scattered scores", 3000, 1, (*rand.Rand).NormFloat64},
		{"few scores", 3000, 1, func(r *rand.Rand) float64 { return few[r.IntN(len(few))] }},
		{"one score", 4000, 2, func(*rand.Rand) float64 { return 1 }},
		{"growing scores", 3000, 0, func() func(*rand.Rand) float64 {
			n := 0.
			return func(*rand.Rand) float64 { n++; return n }
		}()},
		{"falling scores, long members", 2000, 10, func() func(*rand.Rand) float64 {
			n := 0.
			return func(*rand.Rand) float64 { n--; return n }
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &zsetRun{
				st: New(Options{}), rng: rand.New(rand.NewPCG(3, 4)), key: []byte("zset"),
				names: c.names, long: c.long, score: c.score,
			}
			defer r.st.Close()
			steps := 4 * c.names
			for i := range steps {
				growth := 9
				if i > steps/2 {
					growth = 3
				}
				if err := r.step(growth); err != nil {
					t.Fatal(err)
				}
				if i%(steps/40) == 0 {
					r.compare(t)
				}
			}
			for len(r.model) > 0 {
				if err := r.step(0); err != nil {
					t.Fatal(err)
				}
			}
			r.compare(t)
			if r.st.DB(0).Has(r.key) {
				t.Error("the empty sorted set is still there")
			}
		})
	}
}

func (r *zsetRun) compare(t *testing.T) {
	t.Helper()
	v, ok := r.st.DB(0).Peek(r.key)
	if ok != (len(r.model) > 0) {
		t.Fatalf("there: %t, with %d members", ok, len(r.model))
	}
	if ok {
		if err := compareZSet(v.ZSet(), r.model, r.rng); err != nil {
			t.Fatal(err)
		}
	}
	r.st.Reclaim(0)
	if err := r.st.audit(&Batch{}); err != nil {
		t.Fatal(err)
	}
}
