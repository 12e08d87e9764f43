// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"flag"
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
