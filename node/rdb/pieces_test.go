// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/intset"
	"github.com/espalier-io/espalier/node/listpack"
	"github.com/google/go-cmp/cmp"
)

// kept1 is an item of its own, whose parts can be had again.
func kept1(it *Item) Item {
	own := *it
	own.Key, own.String, own.Packed = bytes.Clone(it.Key), bytes.Clone(it.String), bytes.Clone(it.Packed)
	own.Count = 0
	if it.Elements != nil {
		var all [][]byte
		for e := range it.Elements {
			all = append(all, bytes.Clone(e))
		}
		own.Count, own.Elements = uint64(len(all)), slices.Values(all)
	}
	if it.Fields != nil {
		var names, values [][]byte
		for f, v := range it.Fields {
			names, values = append(names, bytes.Clone(f)), append(values, bytes.Clone(v))
		}
		own.Count, own.Fields = uint64(len(names)), zip(names, values)
	}
	if it.Scores != nil {
		var names [][]byte
		var scores []float64
		for m, s := range it.Scores {
			names, scores = append(names, bytes.Clone(m)), append(scores, s)
		}
		own.Count, own.Scores = uint64(len(names)), zip(names, scores)
	}
	if it.Nodes != nil {
		var all []ListNode
		for n := range it.Nodes {
			all = append(all, ListNode{bytes.Clone(n.Data), n.Plain})
		}
		own.Count, own.Nodes = uint64(len(all)), slices.Values(all)
	}
	return own
}

func zip[V any](names [][]byte, values []V) iter.Seq2[[]byte, V] {
	return func(yield func([]byte, V) bool) {
		for i, name := range names {
			if !yield(name, values[i]) {
				return
			}
		}
	}
}

// flat is an item as texts, for comparing.
type flat struct {
	DB    int
	Key   string
	At    int64
	Usage Usage
	Type  Type
	Form  string
	Parts []string
}

func flatten(items []Item) []flat {
	var all []flat
	for _, it := range items {
		f := flat{DB: it.DB, Key: string(it.Key), At: it.ExpireAt, Usage: it.Usage, Type: it.Type}
		switch {
		case it.Packed != nil:
			f.Form, f.Parts = "packed", []string{string(it.Packed)}
		case it.Elements != nil:
			f.Form = "elements"
			for e := range it.Elements {
				f.Parts = append(f.Parts, string(e))
			}
		case it.Fields != nil:
			f.Form = "fields"
			for name, v := range it.Fields {
				f.Parts = append(f.Parts, string(name)+"="+string(v))
			}
		case it.Scores != nil:
			f.Form = "scores"
			for m, s := range it.Scores {
				f.Parts = append(f.Parts, string(m)+"="+strconv.FormatUint(math.Float64bits(s), 16))
			}
		case it.Nodes != nil:
			f.Form = "nodes"
			for n := range it.Nodes {
				f.Parts = append(f.Parts, fmt.Sprint(n.Plain)+string(n.Data))
			}
		default:
			f.Form, f.Parts = "string", []string{string(it.String)}
		}
		all = append(all, f)
	}
	return all
}

func packed(elements ...string) []byte {
	lp := listpack.New()
	for _, e := range elements {
		lp = listpack.Append(lp, []byte(e))
	}
	return lp
}

func numbers(all ...int64) []byte {
	set := intset.New()
	for _, n := range all {
		set, _ = intset.Add(set, n)
	}
	return set
}

func texts(all ...string) [][]byte {
	out := make([][]byte, len(all))
	for i, s := range all {
		out[i] = []byte(s)
	}
	return out
}

// collections are items with every form of a collection, some of them larger
// than the buffers of reader and writer.
func collections() []Item {
	var many [][]byte
	for i := range 8000 {
		many = append(many, []byte("member:"+strconv.Itoa(i)))
	}
	scores := make([]float64, len(many))
	for i := range scores {
		scores[i] = float64(len(many)-i) / 7
	}
	n := uint64(len(many))
	extremes := []float64{math.Inf(1), math.MaxFloat64, 0.1, math.Copysign(0, -1), -5, math.Inf(-1)}
	nodes := []ListNode{
		{packed("a", "-1", "300", strings.Repeat("x", 100)), false}, {[]byte("plain"), true},
		{[]byte(noise(100_000)), true}, {packed(slices.Collect(repeated("element", 2000))...), false}, {[]byte("12"), true},
	}
	return []Item{
		{Key: []byte("hash:packed"), ExpireAt: NoExpiry, Type: TypeHash, Packed: packed("f", "v", "1", "2", "", "")},
		{Key: []byte("hash"), ExpireAt: 1 << 41, Type: TypeHash, Count: n, Fields: zip(many, many)},
		{Key: []byte("set:packed"), ExpireAt: NoExpiry, Type: TypeSet, Packed: numbers(-1, 0, 70000, 1<<40)},
		{Key: []byte("set"), ExpireAt: NoExpiry, Type: TypeSet, Count: n, Elements: slices.Values(many)},
		{Key: []byte("zset:packed"), ExpireAt: NoExpiry, Type: TypeZSet, Packed: packed("x", "-inf", "b", "1", "c", "1", "a", "2.5", "z", "inf")},
		{Key: []byte("zset"), ExpireAt: NoExpiry, Type: TypeZSet, Count: n, Scores: zip(many, scores)},
		{Key: []byte("zset:extremes"), ExpireAt: NoExpiry, Type: TypeZSet, Count: 6, Scores: zip(texts("a", "b", "c", "d", "e", ""), extremes)},
		{DB: 3, Key: []byte("list"), ExpireAt: NoExpiry, Type: TypeList, Count: uint64(len(nodes)), Nodes: slices.Values(nodes)},
		{DB: 3, Key: []byte("list:old"), ExpireAt: NoExpiry, Type: TypeList, Count: 3, Elements: slices.Values(texts("a", "a", ""))},
		{DB: 3, Key: []byte("string"), ExpireAt: NoExpiry, String: []byte("after all")},
	}
}

func repeated(s string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := 0; i < n && yield(s+strconv.Itoa(i%17)); i++ {
		}
	}
}

func TestCollectionsAreRead(t *testing.T) {
	for _, compress := range []bool{false, true} {
		dump := written(t, WriterOptions{Compress: compress, Checksum: true}, Header{}, collections()...)
		var k kept
		if _, err := Load(bytes.NewReader(dump), &k, LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(flatten(collections()), flatten(k.Items)); diff != "" {
			t.Errorf("compress %v (-written +read):\n%.4000s", compress, diff)
		}
		for i, it := range collections() {
			var back Item
			if err := Restore(Dump(&it, compress), &back, false); err != nil {
				t.Fatalf("%s: %v", it.Key, err)
			}
			back.DB, back.Key, back.ExpireAt = it.DB, it.Key, it.ExpireAt
			for range 2 { // the parts can be had again
				if diff := cmp.Diff(flatten(collections()[i:i+1]), flatten([]Item{back})); diff != "" {
					t.Errorf("%s, compress %v (-dumped +restored):\n%.4000s", it.Key, compress, diff)
				}
			}
			if it.Count != back.Count {
				t.Errorf("%s: %d parts, %d restored", it.Key, it.Count, back.Count)
			}
		}
	}
}

// lazy takes no parts, or only some, and may refuse.
type lazy struct {
	kept
	take   int
	refuse error
	keys   []string
}

func (l *lazy) Item(it *Item) error {
	l.keys = append(l.keys, string(it.Key))
	left := l.take
	enough := func() bool { left--; return left < 0 }
	switch {
	case l.take == 0:
	case it.Fields != nil:
		for range it.Fields {
			if enough() {
				break
			}
		}
	case it.Nodes != nil:
		for range it.Nodes {
			if enough() {
				break
			}
		}
	case it.Elements != nil:
		for range it.Elements {
			if enough() {
				break
			}
		}
	}
	return l.refuse
}

// TestPartsThatNobodyTakes: the reader goes on behind them, and finds what is
// wrong in them.
func TestPartsThatNobodyTakes(t *testing.T) {
	dump := written(t, WriterOptions{Checksum: true}, Header{}, collections()...)
	for _, take := range []int{0, 1, 2, 100} {
		l := &lazy{take: take}
		sum, err := Load(bytes.NewReader(dump), l, LoadOptions{})
		if err != nil || len(l.keys) != len(collections()) || sum.Keys != int64(len(l.keys)) {
			t.Errorf("%d parts taken: %d keys, %v", take, len(l.keys), err)
		}
		cut := dump[:bytes.Index(dump, []byte("member:7900"))]
		_, err = Load(bytes.NewReader(cut), &lazy{take: take}, LoadOptions{})
		var bad *FormatError
		if !errors.As(err, &bad) || bad.Offset != int64(len(cut)) || !strings.Contains(err.Error(), `(key "hash" of database 0)`) {
			t.Errorf("%d parts taken of a damaged hash: %v", take, err)
		}
	}
	boom := errors.New("boom")
	if _, err := Load(bytes.NewReader(dump), &lazy{refuse: boom}, LoadOptions{}); !errors.Is(err, boom) {
		t.Errorf("refused: %v", err)
	}
}

// TestMiscounted: a value that is not as large as it says makes no dump.
func TestMiscounted(t *testing.T) {
	for _, n := range []uint64{0, 1, 3, 1 << 40} {
		for _, it := range []Item{
			{Type: TypeSet, Elements: slices.Values(texts("a", "b"))},
			{Type: TypeHash, Fields: zip(texts("a", "b"), texts("1", "2"))},
			{Type: TypeZSet, Scores: zip(texts("a", "b"), []float64{1, 2})},
			{Type: TypeList, Nodes: slices.Values([]ListNode{{Data: packed("x")}, {Data: packed("y")}})},
		} {
			it.ExpireAt, it.Count = NoExpiry, n
			var out bytes.Buffer
			w := NewWriter(&out, WriterOptions{})
			if err := w.Item(&it); err == nil {
				t.Errorf("type %d, 2 parts announced as %d: no error", it.Type, n)
			}
			if err := w.Close(); err == nil || bytes.HasSuffix(out.Bytes(), []byte("\xff\x00\x00\x00\x00\x00\x00\x00\x00")) {
				t.Errorf("type %d: the dump has an end: %v", it.Type, err)
			}
		}
	}
}

// TestLargeCollectionIsNotHeld: neither side keeps what passes through it.
func TestLargeCollectionIsNotHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 40 MB through a pipe")
	}
	const n = 1_000_000
	name := []byte("a field of some length:0000000")
	fields := func(yield func(field, val []byte) bool) {
		for i := range n {
			for p, left := len(name)-1, i; p > len(name)-8; p, left = p-1, left/10 {
				name[p] = byte('0' + left%10)
			}
			if !yield(name, name[len(name)-7:]) {
				return
			}
		}
	}
	r, w := pipe()
	go func() {
		out := NewWriter(w, WriterOptions{Checksum: true})
		_ = out.Header(Header{})
		_ = out.Item(&Item{Key: []byte("k"), ExpireAt: NoExpiry, Type: TypeHash, Count: n, Fields: fields})
		w.CloseWithError(out.Close())
	}()
	var c partCounter
	took := allocated(func() {
		if _, err := Load(r, &c, LoadOptions{}); err != nil {
			t.Error(err)
		}
	})
	if c.parts != n {
		t.Errorf("%d fields of %d", c.parts, n)
	}
	if took > 4<<20 {
		t.Errorf("a hash of %d fields took %d bytes", n, took)
	}
}
