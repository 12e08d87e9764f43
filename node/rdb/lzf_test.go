// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// lzfTexts are texts of many kinds of repetition.
func lzfTexts() [][]byte {
	texts := [][]byte{nil, []byte("a"), []byte("aaa"), []byte("abcabcabc"), bytes.Repeat([]byte("x"), 100000)}
	r := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		alphabet := 1 + r.IntN(1<<r.IntN(9))
		text := make([]byte, r.IntN(1<<r.IntN(16)))
		for i := range text {
			if i > 20 && r.IntN(10) == 0 { // repeat from somewhere before
				n := copy(text[i:], text[r.IntN(i):i])
				i += n - 1
				continue
			}
			text[i] = byte(r.IntN(alphabet))
		}
		texts = append(texts, text)
	}
	return texts
}

func TestLZFRoundTrip(t *testing.T) {
	var c lzfCompressor
	saved := 0
	for _, text := range lzfTexts() {
		packed, ok := c.compress(nil, text, math.MaxInt32)
		if !ok {
			t.Fatalf("%d bytes: not compressed", len(text))
		}
		saved += len(text) - len(packed)
		if len(packed) > 0 && len(text) > len(packed)*lzfMostRatio {
			t.Errorf("%d bytes became %d: better than the greatest ratio", len(text), len(packed))
		}
		back, err := lzfDecompress([]byte("before"), packed, len(text))
		if err != nil {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if string(back) != "before"+string(text) {
			t.Fatalf("%d bytes came back as others", len(text))
		}
	}
	if saved <= 0 {
		t.Errorf("nothing was saved: %d", saved)
	}
}

// TestLZFForgets: what comes out does not depend on the texts before.
func TestLZFForgets(t *testing.T) {
	var used lzfCompressor
	used.base = math.MaxUint32 - 500000 // passes the end of the counter on the way
	for _, text := range lzfTexts() {
		a, _ := used.compress(nil, text, math.MaxInt32)
		b, _ := new(lzfCompressor).compress(nil, text, math.MaxInt32)
		if !bytes.Equal(a, b) {
			t.Fatalf("%d bytes are compressed in two ways", len(text))
		}
	}
}

// TestLZFIsRediss: values are dumped in the bytes that Redis dumps them in.
// (Redis does not clear its table between texts, and in rare cases finds a place
// that an empty table does not have.)
func TestLZFIsRediss(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	others := 0
	for _, text := range lzfTexts() {
		server.Do("SET", "k", string(text))
		want := server.Do("DUMP", "k").Str
		if got := Dump(&Item{String: text}, true); string(got) != want {
			others++
			t.Logf("%d bytes: %d bytes, Redis %d", len(text), len(got), len(want))
		}
	}
	if others > 4 {
		t.Errorf("%d of %d texts are dumped in other bytes", others, len(lzfTexts()))
	}
}

func TestLZFGivesUp(t *testing.T) {
	var c lzfCompressor
	if _, ok := c.compress(nil, []byte(noise(1000)), 996); ok {
		t.Error("noise was compressed")
	}
	if _, ok := c.compress([]byte("before"), []byte(strings.Repeat("ab", 20)), 36); !ok {
		t.Error("a repetition was not compressed")
	}
}

func FuzzLZF(f *testing.F) {
	for _, text := range lzfTexts()[:20] {
		f.Add(text, uint16(len(text)))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		out, err := lzfDecompress(nil, in, int(size))
		if err == nil && len(out) != int(size) || len(out) > int(size) {
			t.Errorf("%d bytes instead of %d, %v", len(out), size, err)
		}
		packed, _ := new(lzfCompressor).compress(nil, in, math.MaxInt32)
		back, err := lzfDecompress(nil, packed, len(in))
		if err != nil || !bytes.Equal(back, in) {
			t.Errorf("%d bytes came back as %d others, %v", len(in), len(back), err)
		}
	})
}
