// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
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
