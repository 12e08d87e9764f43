// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// kept is a handler that keeps what a dump holds.
type kept struct {
	Aux_   []Aux
	Sizes  []string
	Items  []Item
	refuse error
}

func (k *kept) Aux(name, value string) error {
	k.Aux_ = append(k.Aux_, Aux{name, value})
	return nil
}

func (k *kept) Resize(db int, keys, expires uint64) error {
	k.Sizes = append(k.Sizes, fmt.Sprintf("%d: %d %d", db, keys, expires))
	return nil
}

func (k *kept) Item(it *Item) error {
	if k.refuse != nil {
		return k.refuse
	}
	k.Items = append(k.Items, kept1(it))
	return nil
}

func item(db int, key, value string) Item {
	return Item{DB: db, Key: []byte(key), String: []byte(value), ExpireAt: NoExpiry}
}

// written is a dump of items.
func written(t testing.TB, opts WriterOptions, h Header, items ...Item) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, opts)
	if err := w.Header(h); err != nil {
		t.Fatal(err)
	}
	for i := range items {
		if err := w.Item(&items[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Written() != int64(out.Len()) {
		t.Errorf("Written says %d of %d bytes", w.Written(), out.Len())
	}
	return out.Bytes()
}

// samples are items with every encoding of keys and values.
func samples() []Item {
	var items []Item
	for i, value := range []string{
		"", "x", "0", "-1", "127", "128", "-128", "-129", "32767", "32768", "-32769", "2147483647", "2147483648", "-2147483648",
		"-2147483649", "007", "+1", "-0", "-", "1 ", " 1", "12345678901", "9223372036854775807", "a\x00\xff\r\nb",
		strings.Repeat("a", 20), strings.Repeat("a", 21), strings.Repeat("ab", 64), strings.Repeat("abc", 5461),
		strings.Repeat("\x00", 100000), noise(63), noise(64), noise(16383), noise(16384), noise(200000),
	} {
		it := item(i%3, "key:"+strconv.Itoa(i), value)
		switch i % 4 {
		case 1:
			it.ExpireAt = 1 << 41
		case 2:
			it.Usage = Usage{UsageIdle, uint64(i) * 1000}
		case 3:
			it.Usage = Usage{UsageFrequency, uint64(i)}
			it.ExpireAt = 12345
		}
		items = append(items, it)
	}
	return append(items, item(5, "123", "key is a number"), item(5, strings.Repeat("k", 300), "key is long"), item(5, "", "key is empty"))
}

// noise is text that can't be compressed.
func noise(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func TestWrittenIsRead(t *testing.T) {
	header := Header{
		RedisVersion: "7.0.15", CreatedAt: 1700000000, UsedMemory: 1 << 33,
		Replication: &Replication{StreamDB: 3, ID: strings.Repeat("a1", 20), Offset: 1 << 40},
		Extra:       []Aux{{"espalier-group", "g"}},
	}
	sizes := func(db int) (uint64, uint64) { return uint64(db) * 100, uint64(db) }
	for _, opts := range []WriterOptions{{}, {Compress: true}, {Checksum: true}, {true, true, sizes}} {
		dump := written(t, opts, header, samples()...)
		for name, r := range map[string]io.Reader{
			"whole":         bytes.NewReader(dump),
			"byte by byte":  iotest.OneByteReader(bytes.NewReader(dump)),
			"end with data": iotest.DataErrReader(bytes.NewReader(dump)),
		} {
			var k kept
			sum, err := Load(r, &k, LoadOptions{})
			if err != nil {
				t.Fatalf("%+v, %s: %v", opts, name, err)
			}
			if diff := cmp.Diff(samples(), k.Items, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Fatalf("%+v, %s (-written +read):\n%s", opts, name, diff)
			}
			want := Summary{Version: 10, Header: header, Keys: int64(len(samples())), Size: int64(len(dump))}
			if diff := cmp.Diff(want, sum); diff != "" {
				t.Errorf("%+v, %s: the summary (-want +got):\n%s", opts, name, diff)
			}
		}
	}
}

// TestDumpIsExact fixes the bytes of a small dump.
func TestDumpIsExact(t *testing.T) {
	it := item(1, "k", "300")
	it.ExpireAt = 0x0102030405
	got := written(t, WriterOptions{Sizes: func(int) (uint64, uint64) { return 70, 1 }}, Header{RedisVersion: "7.0.15"}, it)
	want := "REDIS0010" +
		"\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc0\x00\xfa\x08used-mem\xc0\x00\xfa\x08aof-base\xc0\x00" +
		"\xfe\x01\xfb\x40\x46\x01" +
		"\xfc\x05\x04\x03\x02\x01\x00\x00\x00\x00\x01k\xc1\x2c\x01" +
		"\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestIntIsItsDigits(t *testing.T) {
	for _, n := range []int64{0, -1, 127, 128, -32768, 40000, 1<<31 - 1, 1 << 31, -1 << 31, -1<<63 + 1, -1 << 63} {
		digits, number := item(0, "k", strconv.FormatInt(n, 10)), item(0, "k", "")
		number.IsInt, number.Int = true, n
		if a, b := written(t, WriterOptions{}, Header{}, digits), written(t, WriterOptions{}, Header{}, number); !bytes.Equal(a, b) {
			t.Errorf("%d: %q and %q", n, a, b)
		}
	}
}

func TestChecksum(t *testing.T) {
	if got := checksum(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("%016x", got)
	}
	text := []byte(noise(100000))
	pieces := uint64(0)
	for i := 0; i < len(text); i += 777 {
		pieces = checksum(pieces, text[i:min(i+777, len(text))])
	}
	if got := checksum(0, text); got != pieces {
		t.Errorf("in one %016x, in pieces %016x", got, pieces)
	}
}

// TestEveryCutIsNoticed: wherever a dump ends too early, Load says so, and
// where.
func TestEveryCutIsNoticed(t *testing.T) {
	small := samples()[:26]
	dump := written(t, WriterOptions{Compress: true, Checksum: true}, Header{RedisVersion: "7.0.15"}, small...)
	for cut := range dump {
		_, err := Load(bytes.NewReader(dump[:cut]), &kept{}, LoadOptions{})
		var bad *FormatError
		if !errors.As(err, &bad) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if bad.Offset != int64(cut) {
			t.Fatalf("cut at %d: offset %d: %v", cut, bad.Offset, err)
		}
	}
}

// TestEveryDamageIsNoticed: whichever bit is wrong.
func TestEveryDamageIsNoticed(t *testing.T) {
	dump := written(t, WriterOptions{Compress: true, Checksum: true}, Header{RedisVersion: "7.0.15"}, samples()[:26]...)
	for i := range dump {
		damaged := bytes.Clone(dump)
		damaged[i] ^= 1 << (i % 8)
		if _, err := Load(bytes.NewReader(damaged), &kept{}, LoadOptions{}); err == nil {
			t.Fatalf("byte %d damaged: no error", i)
		}
	}
}

func TestChecksumRules(t *testing.T) {
	dump := written(t, WriterOptions{Checksum: true}, Header{}, item(0, "k", "v"))
	wrong := bytes.Clone(dump)
	wrong[len(wrong)-1] ^= 1
	if _, err := Load(bytes.NewReader(wrong), &kept{}, LoadOptions{}); !errors.Is(err, ErrChecksum) {
		t.Errorf("a wrong checksum: %v", err)
	}
	if _, err := Load(bytes.NewReader(wrong), &kept{}, LoadOptions{SkipChecksum: true}); err != nil {
		t.Errorf("a wrong checksum that shall not count: %v", err)
	}
	clear(wrong[len(wrong)-8:])
	if _, err := Load(bytes.NewReader(wrong), &kept{}, LoadOptions{}); err != nil {
		t.Errorf("no checksum: %v", err)
	}
}

// TestClaimsTakeNoMemory: lengths that the input does not justify.
func TestClaimsTakeNoMemory(t *testing.T) {
	huge := binary.BigEndian.AppendUint64([]byte{len64}, 1<<45)
	for name, body := range map[string][]byte{
		"a key":                  append([]byte{0}, huge...),
		"a value":                append([]byte("\x00\x01k"), huge...),
		"a name":                 append([]byte{opAux}, huge...),
		"a packed text":          append([]byte("\x00\x01k\xc3"), append(bytes.Clone(huge), huge...)...),
		"what a text unpacks to": append([]byte("\x00\x01k\xc3\x03"), append(bytes.Clone(huge), "\x01ab"...)...),
		"a function":             append([]byte{opFunction2}, huge...),
		"elements of a list":     append([]byte("\x01\x01k"), huge...),
		"nodes of a list":        append([]byte("\x12\x01k"), huge...),
		"ziplists of a list":     append([]byte("\x0e\x01k"), huge...),
		"members of a set":       append([]byte("\x02\x01k"), huge...),
		"fields of a hash":       append([]byte("\x04\x01k"), huge...),
		"members of a zset":      append([]byte("\x05\x01k"), huge...),
		"a listpack":             append([]byte("\x10\x01k"), huge...),
		"a node":                 append([]byte("\x12\x01k\x01\x02"), huge...),
		"a score":                append([]byte("\x03\x01k\x01\x01m"), 252),
	} {
		dump := append([]byte("REDIS0010"), body...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Load(bytes.NewReader(dump), &kept{}, LoadOptions{})
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s of 32 TiB, claimed by %d bytes: took %d bytes", name, len(dump), took)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, dump, want string
	}{
		{"a type", "REDIS0011\xfe\x02\x0f\x04name\x00", `rdb: offset 11: key "name" of database 2 holds a stream, RDB type 15, which this node can't keep yet`},
		{"22 of Redis", "REDIS0012\x16\x01k", `rdb: offset 9: key "k" of database 0 holds a hash with expiring fields (of a preview of Redis 7.4), RDB type 22, which this node can't keep yet`},
		{"22 of Valkey", "VALKEY080\x16\x01k", `rdb: offset 9: key "k" of database 0 holds a hash with expiring fields (Valkey), RDB type 22, which this node can't keep yet`},
		{"24 of Redis", "REDIS0012\x18\x01k", `rdb: offset 9: key "k" of database 0 holds a hash with expiring fields, RDB type 24, which this node can't keep yet`},
		{"24 of Valkey", "VALKEY080\x18\x01k", `rdb: offset 9: key "k" of database 0 holds a value of an unknown type, RDB type 24, which this node can't keep yet`},
		{"an unknown type", "REDIS0011\x63\x01k", `rdb: offset 9: key "k" of database 0 holds a value of an unknown type, RDB type 99, which this node can't keep yet`},
		{"a function", "REDIS0010\xf5\x14#!lua name=lib\nreturn", `rdb: offset 9: the dump holds the function library "lib", which this node can't keep yet`},
		{"an old function", "REDIS0010\xf6\x00", `rdb: offset 9: the dump holds a function library in the format of a preview of Redis 7.0, which this node can't keep`},
		{"a cluster", "VALKEY080\xf3\x00", `rdb: offset 9: the dump holds the slots of a cluster in migration, which this node can't keep`},
		{"another format", "RIFF\x00\x00\x00\x00\x00", `rdb: offset 0: expected the magic REDIS and a version, not "RIFF\x00\x00\x00\x00\x00"`},
		{"no digits", "REDIS00x1", `rdb: offset 0: expected the magic REDIS and a version, not "REDIS00x1"`},
		{"version 0", "REDIS0000\xff", `rdb: offset 5: expected an RDB version from 1 to 12, not 0`},
		{"a newer version", "REDIS0013\xff", `rdb: offset 5: expected an RDB version from 1 to 12, not 13`},
		{"a bad length", "REDIS0010\x00\x82", `rdb: offset 10: expected a key, not a length that begins with 0x82`},
		{"a bad encoding", "REDIS0010\x00\xc4", `rdb: offset 10: expected a key, not a string of the unknown encoding 4`},
		{"a text for a number", "REDIS0010\xfe\xc0\x01", `rdb: offset 10: expected the number of a database, not a specially encoded string`},
		{"a wrong number", "REDIS0010\xfa\x0brepl-offset\x01x", `rdb: offset 22: expected a number as the value of the auxiliary field repl-offset, not "x"`},
		{"damaged LZF", "REDIS0010\x00\x01k\xc3\x03\x05\x20\x09a", `rdb: offset 13: expected a string value, not damaged LZF data (key "k" of database 0)`},
		{"an LZF text that claims too much", "REDIS0010\x00\x01k\xc3\x02\x43\xe8\x00a", `rdb: offset 13: expected a string value, not 2 bytes that claim to unpack to 1000 (key "k" of database 0)`},
		{"a short end", "REDIS0010\xff\x01", `rdb: offset 11: the dump ends where the checksum should be`},
		{"nothing", "", `rdb: offset 0: the dump ends where the magic REDIS and a version should be`},
	} {
		_, err := Load(strings.NewReader(c.dump), &kept{}, LoadOptions{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got  %v\n%s want %s", c.name, err, strings.Repeat(" ", len(c.name)), c.want)
		}
	}
}

func TestOldAndForeignDumps(t *testing.T) {
	for _, c := range []struct {
		name, dump string
		want       []Item
	}{
		{"version 1, without a checksum", "REDIS0001\xfe\x00\x00\x01k\x01v\xff", []Item{item(0, "k", "v")}},
		{"an expiry in seconds", "REDIS0003\xfe\x00\xfd\x10\x00\x00\x00\x00\x01k\x01v\xff", []Item{{Key: []byte("k"), String: []byte("v"), ExpireAt: 16000}}},
		{"what a module keeps", "REDIS0010\xf7\x81\x00\x00\x00\x00\x00\x00\x00\x01\x02\x02\x01\x05\x05\x03abc\x03\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00", []Item{item(0, "k", "v")}},
		{"the sizes of slots", "REDIS0012\xf4\x40\x50\x01\x00\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00", []Item{item(0, "k", "v")}},
		{"Valkey 9", "VALKEY080\xfe\x01\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00", []Item{item(1, "k", "v")}},
		{"nothing at all", "REDIS0010\xff\x00\x00\x00\x00\x00\x00\x00\x00", nil},
	} {
		var k kept
		if _, err := Load(strings.NewReader(c.dump), &k, LoadOptions{}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, k.Items, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestRestOfTheStream(t *testing.T) {
	dump := written(t, WriterOptions{Checksum: true}, Header{}, item(0, "k", "v"))
	r := strings.NewReader(string(dump) + "*1\r\n$4\r\nPING\r\n" + strings.Repeat("x", 200000))
	sum, err := Load(r, &kept{}, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Size != int64(len(dump)) || !bytes.HasPrefix(sum.Rest, []byte("*1\r\n$4\r\nPING")) || len(sum.Rest)+r.Len() != 14+200000 {
		t.Errorf("size %d of %d, %d read ahead, %d left", sum.Size, len(dump), len(sum.Rest), r.Len())
	}
}

func TestProgress(t *testing.T) {
	var items []Item
	for i := range 100 {
		items = append(items, item(0, strconv.Itoa(i), noise(10000)))
	}
	dump := written(t, WriterOptions{}, Header{}, items...)
	var seen []int64
	_, err := Load(bytes.NewReader(dump), &kept{}, LoadOptions{ProgressEvery: 200_000, Progress: func(n int64) { seen = append(seen, n) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 4 || len(seen) > 6 {
		t.Errorf("of %d bytes, progress came at %d", len(dump), seen)
	}
}

func TestErrorsOfOthers(t *testing.T) {
	dump := written(t, WriterOptions{}, Header{}, item(0, "k", "v"))
	boom := errors.New("boom")
	if _, err := Load(bytes.NewReader(dump), &kept{refuse: boom}, LoadOptions{}); !errors.Is(err, boom) {
		t.Errorf("of the handler: %v", err)
	}
	_, err := Load(io.MultiReader(bytes.NewReader(dump[:20]), iotest.ErrReader(boom)), &kept{}, LoadOptions{})
	if !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "rdb: offset 20: ") {
		t.Errorf("of the reader: %v", err)
	}
	if _, err := Load(silentReader{}, &kept{}, LoadOptions{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("of a reader that gives nothing: %v", err)
	}
	w := NewWriter(failingWriter{boom}, WriterOptions{})
	if err := w.Header(Header{}); err != nil {
		t.Errorf("the header is buffered: %v", err)
	}
	big := item(0, "k", noise(100000))
	if err := w.Item(&big); !errors.Is(err, boom) {
		t.Errorf("of the writer: %v", err)
	}
	if err := w.Close(); !errors.Is(err, boom) {
		t.Errorf("of the writer, later: %v", err)
	}
}

type silentReader struct{}

func (silentReader) Read([]byte) (int, error) { return 0, nil }

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// FuzzLoad: no input crashes the reader or makes it take much memory, and what
// it takes for a dump is written and read again without a change.
func FuzzLoad(f *testing.F) {
	f.Add(written(f, WriterOptions{Compress: true, Checksum: true}, Header{RedisVersion: "7"}, samples()[:27]...))
	f.Add([]byte("REDIS0012\xf4\x40\x50\x01\x00\xf8\x05\x00\x01k\xc3\x03\x05\x00a\x40\x00\xff"))
	f.Add([]byte("REDIS0010\xf7\x01\x02\x02\x01\x05\x05\x03abc\x00\xf9\x07\x00\x01k\xc1\x01\x02\xff"))
	f.Add(written(f, WriterOptions{Compress: true}, Header{}, smallSeeds()...))
	for _, old := range oldForms() {
		if dump := inDump(old.code, old.bare(), old.value); len(dump) < seedSize {
			f.Add([]byte(dump))
		}
	}
	f.Fuzz(func(t *testing.T, dump []byte) {
		var k kept
		sum, err := Load(bytes.NewReader(dump), &k, LoadOptions{SkipChecksum: true})
		if err != nil {
			return
		}
		if int(sum.Size)+len(sum.Rest) > len(dump) {
			t.Errorf("%d bytes of %d, and %d more", sum.Size, len(dump), len(sum.Rest))
		}
		again := written(t, WriterOptions{Compress: true, Checksum: true}, sum.Header, k.Items...)
		var k2 kept
		sum2, err := Load(bytes.NewReader(again), &k2, LoadOptions{})
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		if diff := cmp.Diff(flatten(k.Items), flatten(k2.Items)); diff != "" {
			t.Errorf("items (-read +read again):\n%s", diff)
		}
		if diff := cmp.Diff(sum.Header.Replication, sum2.Header.Replication); diff != "" {
			t.Errorf("header (-read +read again):\n%s", diff)
		}
	})
}
