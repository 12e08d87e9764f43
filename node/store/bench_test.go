// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"
)

var benchKeys = flag.Int("benchkeys", 1_000_000, "keys in the store of a benchmark")

// benchKey writes a key of 16 bytes that looks nothing like its neighbours.
func benchKey(key []byte, i int) {
	const hexDigits = "0123456789abcdef"
	x := uint64(i)*0x9e3779b97f4a7c15 ^ 0x5bd1e995
	for j := range 16 {
		key[j] = hexDigits[x>>(4*j)&15]
	}
}

func benchStore(b *testing.B) *DB {
	db := New(Options{}).DB(0)
	b.Cleanup(db.st.Close)
	var key [16]byte
	var value [32]byte
	for i := range *benchKeys {
		benchKey(key[:], i)
		binary.LittleEndian.PutUint64(value[:], uint64(i))
		if _, err := db.SetText(key[:], value[:], false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	return db
}

// scattered walks 0..n-1 in an order without locality.
func scattered(i, n int) int { return int(uint64(uint32(i)*2654435761) * uint64(n) >> 32) }

func BenchmarkGet(b *testing.B) {
	db := benchStore(b)
	var key [16]byte
	n := 0
	for i := range b.N {
		benchKey(key[:], scattered(i, *benchKeys))
		v, ok := db.Get(key[:])
		if !ok {
			b.Fatal("a key is missing")
		}
		n += len(v.Bytes())
	}
}

func BenchmarkGetMissing(b *testing.B) {
	db := benchStore(b)
	var key [16]byte
	for i := range b.N {
		benchKey(key[:], *benchKeys+i)
		if _, ok := db.Get(key[:]); ok {
			b.Fatal("a key is there")
		}
	}
}

func BenchmarkOverwrite(b *testing.B) {
	db := benchStore(b)
	var key [16]byte
	var value [32]byte
	for i := range b.N {
		benchKey(key[:], scattered(i, *benchKeys))
		if _, err := db.Set(key[:], value[:], false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInsertDelete(b *testing.B) {
	db := benchStore(b)
	var key [16]byte
	var value [32]byte
	for i := range b.N {
		benchKey(key[:], *benchKeys+i)
		if _, err := db.Set(key[:], value[:], false); err != nil {
			b.Fatal(err)
		}
		benchKey(key[:], i)
		if !db.Delete(key[:]) {
			b.Fatal("a key is missing")
		}
	}
}

func BenchmarkInsert(b *testing.B) {
	db := New(Options{}).DB(0)
	b.Cleanup(db.st.Close)
	b.ReportAllocs()
	var key [16]byte
	var value [32]byte
	for i := range b.N {
		benchKey(key[:], i)
		if _, err := db.Set(key[:], value[:], false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetBatch16(b *testing.B) {
	db := benchStore(b)
	keys := make([][]byte, 16)
	for i := range keys {
		keys[i] = make([]byte, 16)
	}
	n := 0
	for i := 0; i < b.N; i += 16 {
		for j, key := range keys {
			benchKey(key, scattered(i+j, *benchKeys))
		}
		db.Prefetch(keys...)
		for _, key := range keys {
			v, ok := db.Get(key)
			if !ok {
				b.Fatal("a key is missing")
			}
			n += len(v.Bytes())
		}
	}
}

// A hash of a million fields, and a hundred thousand hashes of ten.
func BenchmarkHash(b *testing.B) {
	var key, name [16]byte
	var value [32]byte
	for _, row := range []struct {
		name         string
		keys, fields int
	}{{"large", 1, 1_000_000}, {"small", 100_000, 10}} {
		st := New(Options{})
		db := st.DB(0)
		set := func(i int) {
			benchKey(key[:], i%row.keys)
			h := db.EditHash(key[:])
			benchKey(name[:], i/row.keys)
			h.Set(name[:], value[:])
			h.Close()
		}
		total := row.keys * row.fields
		b.Run(row.name+"/insert", func(b *testing.B) {
			b.ReportAllocs()
			st.FlushAll(false)
			for i := 0; b.Loop(); i++ {
				set(i % total)
			}
		})
		for i := range total {
			set(i)
		}
		b.Logf("%s: %d bytes for each field", row.name, st.UsedMemory()/total)
		rng := rand.New(rand.NewPCG(1, 1))
		b.Run(row.name+"/overwrite", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set(rng.IntN(total))
			}
		})
		b.Run(row.name+"/get", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				i := rng.IntN(total)
				benchKey(key[:], i%row.keys)
				v, _ := db.Get(key[:])
				benchKey(name[:], i/row.keys)
				if _, ok := v.Hash().Get(name[:]); !ok {
					b.Fatal("a field is missing")
				}
			}
		})
		st.Close()
	}
}
