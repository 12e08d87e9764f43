// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// benchItems are keys of 16 bytes with values of 32, as in the memory budget.
func benchItems(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = item(0, fmt.Sprintf("key:%012d", i), noise(32 + i%7)[i%7:])
	}
	return items
}

func BenchmarkWrite(b *testing.B) {
	items := benchItems(10000)
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprintf("compress=%v", compress), func(b *testing.B) {
			w := NewWriter(io.Discard, WriterOptions{Compress: compress, Checksum: true})
			b.SetBytes(48)
			b.ReportAllocs()
			for i := range b.N {
				if err := w.Item(&items[i%len(items)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// counter is a handler that keeps nothing.
type counter struct{ items int }

func (*counter) Aux(string, string) error         { return nil }
func (*counter) Resize(int, uint64, uint64) error { return nil }
func (c *counter) Item(*Item) error               { c.items++; return nil }

// benchHashes are packed hashes of five fields.
func benchHashes(n int) []Item {
	items := benchItems(n)
	for i := range items {
		items[i].Type, items[i].String = TypeHash, nil
		items[i].Packed = packed("name", "somebody", "age", "42", "mail", "somebody@example.org", "visits", fmt.Sprint(i), "token", fmt.Sprintf("%016x", i*i))
	}
	return items
}

func BenchmarkLoadHashes(b *testing.B) { benchmarkLoad(b, benchHashes) }

func BenchmarkLoad(b *testing.B) { benchmarkLoad(b, benchItems) }

func benchmarkLoad(b *testing.B, items func(n int) []Item) {
	const keys = 10000
	dump := written(b, WriterOptions{Checksum: true}, Header{}, items(keys)...)
	b.SetBytes(int64(len(dump)))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		var c counter
		if _, err := Load(bytes.NewReader(dump), &c, LoadOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
}

// BenchmarkCompress packs a text of 150 bytes, of which a third is noise.
func BenchmarkCompress(b *testing.B) {
	text := []byte(`{"id":000000012345,"state":"active","token":"` + noise(48) + `","owner":"user-000000001763","visits":00000000000012345}`)
	var c lzfCompressor
	var dst []byte
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst, _ = c.compress(dst[:0], text, len(text)-compressSaves)
	}
}
