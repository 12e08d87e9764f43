// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// long is too long for a listpack of pairs.
var long = strings.Repeat("long", 20)

// kinds fill a key with n parts, in each type and encoding.
var kinds = []struct {
	name string
	fill func(db *store.DB, key []byte, n int)
}{
	{"number", func(db *store.DB, key []byte, n int) { set(db, key, fmt.Sprint(n)) }},
	{"string", func(db *store.DB, key []byte, n int) { set(db, key, strings.Repeat("text", n)) }},
	{"list", func(db *store.DB, key []byte, n int) {
		l := db.EditList(key)
		defer l.Close()
		for i := range n {
			l.PushTail(fmt.Append(nil, i, long[:i%80]))
		}
	}},
	{"set of numbers", func(db *store.DB, key []byte, n int) {
		s := db.EditSet(key)
		defer s.Close()
		for i := range n {
			s.Add(fmt.Append(nil, i*i*i))
		}
	}},
	{"set of texts", func(db *store.DB, key []byte, n int) {
		s := db.EditSet(key)
		defer s.Close()
		for i := range n {
			s.Add(fmt.Append(nil, "member ", i))
		}
	}},
	{"hash", func(db *store.DB, key []byte, n int) {
		h := db.EditHash(key)
		defer h.Close()
		for i := range n {
			h.Set(fmt.Append(nil, i), fmt.Append(nil, "value", i))
		}
	}},
	{"hash of long values", func(db *store.DB, key []byte, n int) {
		h := db.EditHash(key)
		defer h.Close()
		for i := range n {
			h.Set(fmt.Append(nil, i), fmt.Append(nil, long, i))
		}
	}},
	{"sorted set", func(db *store.DB, key []byte, n int) {
		z := db.EditZSet(key)
		defer z.Close()
		for i := range n {
			z.Set(fmt.Append(nil, "member ", i), float64(i%7)/3)
		}
	}},
	{"sorted set of long members", func(db *store.DB, key []byte, n int) {
		z := db.EditZSet(key)
		defer z.Close()
		for i := range n {
			z.Set(fmt.Append(nil, long, i), float64(-i))
		}
	}},
}

func set(db *store.DB, key []byte, value string) {
	if _, err := db.Set(key, []byte(value), false); err != nil {
		panic(err)
	}
}

// TestRoundTrip takes values out of one store and into another.
func TestRoundTrip(t *testing.T) {
	from, to := store.New(store.Options{}), store.New(store.Options{})
	defer from.Close()
	defer to.Close()
	for _, k := range kinds {
		for _, n := range []int{1, 3, 200, 1000} {
			key := fmt.Append(nil, k.name, n)
			k.fill(from.DB(0), key, n)
			v, _ := from.DB(0).Peek(key)
			out := rdb.Item{Key: key}
			Describe(&out, v)
			in := rdb.Item{Key: key}
			if err := rdb.Restore(rdb.Dump(&out, true), &in, false); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			for _, wantNew := range []bool{true, false} {
				if added, err := Put(to.DB(0), &in); err != nil || added != wantNew {
					t.Fatalf("%s: new %v, %v", key, added, err)
				}
			}
			got, _ := to.DB(0).Peek(key)
			if got.Digest() != v.Digest() || got.Encoding() != v.Encoding() {
				t.Errorf("%s: %s becomes %s, with another digest: %v",
					key, v.Encoding(), got.Encoding(), got.Digest() != v.Digest())
			}
		}
	}
	if from.Digest() != to.Digest() {
		t.Error("the data sets differ")
	}
}

func TestTwice(t *testing.T) {
	st := store.New(store.Options{})
	defer st.Close()
	two := [][]byte{[]byte("a"), []byte("a")}
	for _, it := range []rdb.Item{
		{Type: rdb.TypeSet, Elements: func(yield func([]byte) bool) { _ = yield(two[0]) && yield(two[1]) }},
		{Type: rdb.TypeHash, Fields: func(yield func(_, _ []byte) bool) { _ = yield(two[0], nil) && yield(two[1], nil) }},
		{Type: rdb.TypeZSet, Scores: func(yield func([]byte, float64) bool) { _ = yield(two[0], 1) && yield(two[1], 2) }},
	} {
		it.Key, it.Count = []byte("k"), 2
		if _, err := Put(st.DB(0), &it); err == nil || !strings.Contains(err.Error(), `"a" is there twice`) {
			t.Errorf("type %d: %v", it.Type, err)
		}
	}
}

// FuzzPut puts whatever Restore takes into stores with usual limits, and with
// none for what is packed, and edits, copies, dumps and deletes it there.
func FuzzPut(f *testing.F) {
	st, unpacked := store.New(store.Options{}), store.New(store.Options{})
	f.Cleanup(st.Close)
	f.Cleanup(unpacked.Close)
	unpacked.SetLimits(store.Limits{ListNode: 2, ListPlain: 8})
	db, key := st.DB(0), []byte("k")
	for _, k := range kinds {
		k.fill(db, key, 3)
		v, _ := db.Peek(key)
		var it rdb.Item
		Describe(&it, v)
		f.Add(rdb.Dump(&it, true))
		db.Delete(key)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		in := rdb.Item{Key: key}
		if rdb.Restore(payload, &in, true) != nil {
			return
		}
		if a, b := putAndEdit(t, st.DB(0), &in), putAndEdit(t, unpacked.DB(0), &in); a != b {
			t.Error("the digest depends on the limits")
		}
	})
}

// putAndEdit returns the digest of what was put.
func putAndEdit(t *testing.T, db *store.DB, in *rdb.Item) store.Digest {
	defer db.Delete(in.Key)
	if _, err := Put(db, in); err != nil {
		t.Fatalf("what Restore took is refused: %v", err)
	}
	v, there := db.Peek(in.Key)
	if !there {
		t.Fatal("what was put is not there")
	}
	digest := v.Digest()
	var out rdb.Item
	Describe(&out, v)
	again := rdb.Item{Key: []byte("again")}
	if err := rdb.Restore(rdb.Dump(&out, true), &again, false); err != nil {
		t.Fatalf("what was put is dumped wrong: %v", err)
	}
	if _, err := Put(db, &again); err != nil {
		t.Fatalf("what was put is refused: %v", err)
	}
	defer db.Delete(again.Key)
	copied := []byte("copied")
	db.Copy(in.Key, db, copied)
	defer db.Delete(copied)
	edit(db, in.Key)
	for _, k := range [][]byte{again.Key, copied} {
		if v, _ := db.Peek(k); v.Digest() != digest {
			t.Errorf("%s differs", k)
		}
	}
	return digest
}

// edit changes a collection at both ends and in the middle.
func edit(db *store.DB, key []byte) {
	v, _ := db.Peek(key)
	name := []byte("a member that is new")
	switch v.Type() {
	case store.TypeList:
		l := db.EditList(key)
		l.PushHead(name)
		l.Insert(l.List().Len()/2, []byte("17"))
		l.Set(l.List().Len()-1, []byte(long))
		l.Delete(0, l.List().Len()/2)
		l.Close()
	case store.TypeSet:
		s := db.EditSet(key)
		s.Add([]byte("123456789012"))
		s.Remove([]byte("1"))
		s.Add(name)
		s.Close()
	case store.TypeZSet:
		z := db.EditZSet(key)
		z.Set(name, -1.5)
		z.RemoveRanks(0, 2)
		z.Set([]byte(long), 3)
		z.Close()
	case store.TypeHash:
		h := db.EditHash(key)
		h.Set(name, name)
		field, _ := h.Hash().At(0)
		h.Set(append([]byte(nil), field...), []byte("other"))
		h.Set([]byte(long), nil)
		h.Close()
	}
}
