// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// held is a collection as it was at some moment: in a batch of a snapshot, or
// under another key that it was copied to.
type held[M any] struct {
	sn    *Snapshot
	batch *Batch
	copy  []byte
	model M
}

// take holds on to what is under a key.
func take[M any](t *testing.T, st *Store, key []byte, model M, n int) *held[M] {
	t.Helper()
	h := &held[M]{model: model}
	if n%2 == 0 {
		h.copy = append([]byte("copy:"), key...)
		if !st.DB(0).Copy(key, st.DB(0), h.copy) {
			t.Fatal("nothing to copy")
		}
		return h
	}
	sn, err := st.StartSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	h.sn, h.batch = sn, &Batch{}
	if n%4 == 1 {
		// Else the collection is set aside by its first change.
		h.sn.Next(h.batch, Limit{})
	}
	return h
}

// drop lets go of it, after check has compared it.
func (h *held[M]) drop(t *testing.T, st *Store, check func(collection, M) error) {
	t.Helper()
	if h.copy != nil {
		v, ok := st.DB(0).Peek(h.copy)
		if !ok {
			t.Fatal("the copy is gone")
		}
		if err := check(v.collection(), h.model); err != nil {
			t.Fatalf("the copy: %v", err)
		}
		st.DB(0).Delete(h.copy)
		return
	}
	if len(h.batch.Items) == 0 {
		h.sn.Next(h.batch, Limit{})
	}
	found := false
	for i := range h.batch.Items {
		it := &h.batch.Items[i]
		if strings.HasPrefix(string(it.Key), "copy:") {
			continue
		}
		found = true
		if err := check(it.collection(), h.model); err != nil {
			t.Fatalf("in the snapshot: %v", err)
		}
	}
	if !found {
		t.Fatal("not in the snapshot")
	}
	if err := st.audit(h.batch); err != nil {
		t.Fatal(err)
	}
	h.batch.Release()
	h.sn.Close()
}

func TestZSetStaysAsItWasForOthers(t *testing.T) {
	for _, names := range []int{100, 1500, 8000} {
		t.Run(strconv.Itoa(names), func(t *testing.T) {
			r := &zsetRun{
				st: New(Options{}), rng: rand.New(rand.NewPCG(5, uint64(names))), key: []byte("zset"),
				names: names, long: 2, score: func(r *rand.Rand) float64 { return float64(r.IntN(names)) },
			}
			defer r.st.Close()
			check := func(c collection, m zsetModel) error { return compareZSet(ZSet{c}, m, r.rng) }
			for range names / 2 {
				if err := r.step(10); err != nil {
					t.Fatal(err)
				}
			}
			for n := range 40 {
				if len(r.model) == 0 {
					if err := r.step(10); err != nil {
						t.Fatal(err)
					}
				}
				h := take(t, r.st, r.key, slices.Clone(r.model), n)
				for range 1 + r.rng.IntN(100) {
					if err := r.step(r.rng.IntN(11)); err != nil {
						t.Fatal(err)
					}
				}
				h.drop(t, r.st, check)
				r.compare(t)
			}
		})
	}
}

// listRun does random things to a list and to its model.
type listRun struct {
	st    *Store
	rng   *rand.Rand
	key   []byte
	model []string
}

func (r *listRun) step(growth int) {
	l := r.st.DB(0).EditList(r.key)
	defer l.Close()
	e := strings.Repeat("e", r.rng.IntN(40)) + strconv.Itoa(r.rng.IntN(1000))
	if r.rng.IntN(50) == 0 {
		e = strings.Repeat("long", 50+r.rng.IntN(1000))
	}
	n := len(r.model)
	kind := r.rng.IntN(10)
	switch {
	case n == 0 || kind < growth && kind%4 == 0:
		l.PushHead([]byte(e))
		r.model = slices.Insert(r.model, 0, e)
	case kind < growth && kind%4 == 1:
		l.PushTail([]byte(e))
		r.model = append(r.model, e)
	case kind < growth && kind%4 == 2:
		i := r.rng.IntN(n + 1)
		l.Insert(i, []byte(e))
		r.model = slices.Insert(r.model, i, e)
	case kind < growth:
		i := r.rng.IntN(n)
		l.InsertAfter(i, []byte(e))
		r.model = slices.Insert(r.model, i+1, e)
	case kind == 9:
		i := r.rng.IntN(n)
		l.Set(i, []byte(e))
		r.model[i] = e
	default:
		i := r.rng.IntN(n)
		k := 1
		if r.rng.IntN(20) == 0 {
			k = 1 + r.rng.IntN(n-i)
		}
		l.Delete(i, k)
		r.model = slices.Delete(r.model, i, i+k)
	}
}

func TestListStaysAsItWasForOthers(t *testing.T) {
	for _, c := range []struct{ fill, plain, start int }{
		{-2, 1 << 30, 100},
		{-1, 1 << 30, 3000},
		{4, 1 << 30, 2000},
		{1, 1 << 30, 6000},
		{8, 100, 2000},
	} {
		t.Run(strconv.Itoa(c.fill), func(t *testing.T) {
			r := &listRun{st: New(Options{}), rng: rand.New(rand.NewPCG(6, uint64(c.start))), key: []byte("list")}
			defer r.st.Close()
			limits := DefaultLimits
			limits.ListNode, limits.ListPlain = c.fill, c.plain
			r.st.SetLimits(limits)
			for range c.start {
				r.step(10)
			}
			for n := range 40 {
				if len(r.model) == 0 {
					r.step(10)
				}
				h := take(t, r.st, r.key, slices.Clone(r.model), n)
				for range 1 + r.rng.IntN(60) {
					r.step(r.rng.IntN(11))
				}
				h.drop(t, r.st, sameList)
				if v, ok := r.st.DB(0).Peek(r.key); ok != (len(r.model) > 0) {
					t.Fatalf("there: %t, with %d elements", ok, len(r.model))
				} else if ok {
					if err := sameList(v.collection(), r.model); err != nil {
						t.Fatal(err)
					}
				}
				r.st.Reclaim(0)
				if err := r.st.audit(&Batch{}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
