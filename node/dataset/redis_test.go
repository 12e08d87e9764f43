// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package dataset_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/espalier-io/espalier/node/dataset"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/store"
)

// into is a handler that puts a dump into a store.
type into struct{ st *store.Store }

func (into) Aux(string, string) error         { return nil }
func (into) Resize(int, uint64, uint64) error { return nil }
func (h into) Item(it *rdb.Item) error {
	added, err := dataset.Put(h.st.DB(it.DB), it)
	if err == nil && !added {
		err = fmt.Errorf("%q is there twice", it.Key)
	}
	return err
}

// load reads a dump into a new store.
func load(t *testing.T, file string) *store.Store {
	t.Helper()
	st := store.New(store.Options{Databases: 16})
	t.Cleanup(st.Close)
	if _, err := rdb.LoadFile(file, into{st}, rdb.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	return st
}

// save writes a snapshot of a store into a file.
func save(t *testing.T, st *store.Store, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cut, err := st.StartSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	w := rdb.NewWriter(f, rdb.WriterOptions{Compress: true, Checksum: true})
	if err := w.Header(rdb.Header{RedisVersion: "7.0.15"}); err != nil {
		t.Fatal(err)
	}
	var batch store.Batch
	defer batch.Release()
	for more := true; more; {
		more = cut.Next(&batch, store.Limit{Bytes: 1 << 10})
		for i := range batch.Items {
			from := &batch.Items[i]
			it := rdb.Item{DB: from.DB, Key: from.Key, ExpireAt: from.ExpireAt}
			dataset.DescribeItem(&it, from)
			if err := w.Item(&it); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRoundWithRedis: Redis writes every encoding; the store takes it and has
// the same digest; Redis loads what the store gives, with the same digest and,
// under the same limits, in the same encodings.
func TestRoundWithRedis(t *testing.T) {
	debug := []string{"--enable-debug-command", "yes"}
	first := redistest.Start(t, t.TempDir(), debug...)
	redistest.EveryEncoding(first.Do)
	first.Do("SAVE")
	want := first.Do("DEBUG", "DIGEST").Str

	st := load(t, filepath.Join(first.Dir, "dump.rdb"))
	if got := fmt.Sprintf("%x", st.Digest()); got != want {
		t.Errorf("the digest of Redis is %s, that of the store %s", want, got)
	}
	dir := t.TempDir()
	save(t, st, filepath.Join(dir, "dump.rdb"))
	second := redistest.Start(t, dir, append(debug, "--sanitize-dump-payload", "yes")...)
	if got := second.Do("DEBUG", "DIGEST").Str; got != want {
		t.Errorf("the digest of Redis is %s, with what the store gave %s", want, got)
	}
	for _, db := range []int{0, 7} {
		second.Do("SELECT", fmt.Sprint(db))
		for _, key := range second.Do("KEYS", "*").Elems {
			v, ok := st.DB(db).Peek([]byte(key.Str))
			if !ok {
				t.Fatalf("%s is missing", key.Str)
			}
			if redis := second.Do("OBJECT", "ENCODING", key.Str).Str; redis != v.Encoding().String() {
				t.Errorf("%s: Redis holds a %s, the store a %s", key.Str, redis, v.Encoding())
			}
			compareDumps(t, second, key.Str, v)
		}
	}
}

// compareDumps compares the payloads of DUMP where the order of elements is no
// accident.
func compareDumps(t *testing.T, redis *redistest.Server, key string, v store.Value) {
	t.Helper()
	if v.Encoding() == store.EncHT {
		return
	}
	var it rdb.Item
	dataset.Describe(&it, v)
	got, want := string(rdb.Dump(&it, true)), redis.Do("DUMP", key).Str
	if got != want {
		t.Errorf("%s (%s): Redis dumps %d bytes, the node %d others:\n%.200q\n%.200q", key, v.Encoding(), len(want), len(got), want, got)
	}
}
