// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
)

// The contract as the engine uses it: one lock around every call, and items of
// a batch read without it, large ones in place, while others write. Run with
// the race detector and the tag goheap, which lets it see the slabs, this
// proves that nobody writes what a batch shows.
func TestBatchIsReadOutsideTheLock(t *testing.T) {
	st := New(Options{})
	db := st.DB(0)
	const keys = 300
	value := func(i, generation int) []byte {
		b := make([]byte, 10+i%7*4000)
		for j := range b {
			b[j] = byte('a' + (i+generation)%26)
		}
		return b
	}
	for i := range keys {
		mustSet(t, db, string(numbered(i)), string(value(i, 0)))
	}
	var lock sync.Mutex
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		rng := rand.New(rand.NewPCG(5, 5))
		for generation := 1; ; generation++ {
			select {
			case <-stop:
				return
			default:
			}
			i := rng.IntN(keys)
			lock.Lock()
			switch rng.IntN(4) {
			case 0:
				_, _ = db.Set(numbered(i), value(i, generation), false)
			case 1:
				_, _ = db.SetRange(numbered(i), rng.IntN(5000), []byte("X"))
			case 2:
				_, _ = db.Append(numbered(i), []byte("Y"))
			case 3:
				db.Delete(numbered(i))
			}
			lock.Unlock()
		}
	})
	lock.Lock()
	sn := mustSnapshot(t, st)
	left := map[string]string{}
	for key, v := range db.All() {
		left[string(key)] = string(v.Bytes())
	}
	lock.Unlock()
	var b Batch
	for more := true; more; {
		lock.Lock()
		more = sn.Next(&b, Limit{Bytes: 20_000})
		lock.Unlock()
		for _, it := range b.Items {
			want, there := left[string(it.Key)]
			if !there || string(it.Value) != want {
				t.Errorf("key %q comes twice, or has not the value that it had at the cut", it.Key)
			}
			delete(left, string(it.Key))
		}
	}
	close(stop)
	writer.Wait()
	if len(left) != 0 {
		t.Errorf("%d keys are missing", len(left))
	}
	b.Release()
	sn.Close()
	if err := st.audit(&Batch{}); err != nil {
		t.Error(err)
	}
	st.Close()
}

// The same for collections: their items are walked without the lock, however
// large, while others change, copy and delete them.
func TestCollectionsAreReadOutsideTheLock(t *testing.T) {
	st := New(Options{})
	db := st.DB(0)
	rng := rand.New(rand.NewPCG(6, 6))
	const keys = 24
	types := []Type{TypeHash, TypeSet, TypeZSet, TypeList}
	edit := func(rng *rand.Rand, i, n int) {
		name := func() []byte {
			member := field(rng.IntN(4000))
			if rng.IntN(100) == 0 {
				member = append(member, make([]byte, 300)...)
			}
			return member
		}
		remove := rng.IntN(3) == 0
		switch key := numbered(i); types[i%len(types)] {
		case TypeHash:
			h := db.EditHash(key)
			for range n {
				if remove {
					h.Delete(name())
				} else {
					h.Set(name(), name())
				}
			}
			h.Close()
		case TypeSet:
			s := db.EditSet(key)
			for range n {
				if remove {
					s.Remove(name())
				} else {
					s.Add(name())
				}
			}
			s.Close()
		case TypeZSet:
			z := db.EditZSet(key)
			for range n {
				if remove {
					z.Remove(name())
				} else {
					z.Set(name(), float64(rng.IntN(50)))
				}
			}
			z.Close()
		case TypeList:
			l := db.EditList(key)
			for range n {
				if have := l.List().Len(); remove && have > 0 {
					l.Delete(rng.IntN(have), 1)
				} else {
					l.Insert(rng.IntN(have+1), name())
				}
			}
			l.Close()
		}
	}
	for i := range keys {
		edit(rng, i, 1<<(i/2))
	}
	var lock sync.Mutex
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		rng := rand.New(rand.NewPCG(7, 7))
		for {
			select {
			case <-stop:
				return
			default:
			}
			i := rng.IntN(keys)
			lock.Lock()
			switch rng.IntN(12) {
			case 0:
				db.Delete(numbered(i))
			case 1:
				db.Copy(numbered(i), st.DB(1), numbered(i))
			case 2:
				st.Reclaim(0)
			default:
				edit(rng, i, 20)
			}
			lock.Unlock()
		}
	})
	for range 4 {
		lock.Lock()
		sn := mustSnapshot(t, st)
		left := map[string]*modelCollection{}
		for i := range st.NumDBs() {
			for key, v := range st.DB(i).All() {
				left[strconv.Itoa(i)+string(key)] = modelOf(v.Type(), v)
			}
		}
		lock.Unlock()
		var b Batch
		for more := true; more; {
			lock.Lock()
			more = sn.Next(&b, Limit{Bytes: 10_000})
			lock.Unlock()
			for i := range b.Items {
				it := &b.Items[i]
				key := strconv.Itoa(it.DB) + string(it.Key)
				got := modelValue{coll: modelOf(it.Type, it)}
				if want := left[key]; want == nil || !got.equal(modelValue{coll: want}) {
					t.Errorf("key %q comes twice, or is not as it was at the cut", it.Key)
				}
				delete(left, key)
			}
		}
		if len(left) != 0 {
			t.Errorf("%d keys are missing", len(left))
		}
		lock.Lock()
		b.Release()
		sn.Close()
		if err := st.audit(&b); err != nil {
			t.Error(err)
		}
		lock.Unlock()
	}
	close(stop)
	writer.Wait()
	st.FlushAll(false)
	if st.Reclaim(0); st.a.used != 0 {
		t.Errorf("%d bytes in use in an empty store", st.a.used)
	}
	st.Close()
}
