// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
)

// TestDamagedCollections: what Redis refuses, the node refuses, too, and says
// what is wrong.
func TestDamagedCollections(t *testing.T) {
	zl := func(change func([]byte), entries ...string) string {
		b := []byte(ziplist(entries...))
		change(b)
		return string(b)
	}
	lp := func(change func([]byte), elements ...string) string {
		b := packed(elements...)
		change(b)
		return string(b)
	}
	for _, c := range []struct {
		name  string
		code  code
		value string
		want  string
	}{
		{"a hash of three", codeHashListpack, string(packed("a", "b", "c")), "Hash listpack integrity check failed: 3 elements are no pairs"},
		{"a field twice", codeHashListpack, string(packed("a", "1", "b", "2", "a", "3")), `"a" is there at offset 6 and again at 16`},
		{"a number twice, written differently", codeHashListpack, "\x11\x00\x00\x00\x04\x00\x07\x01\x01\x01\x8177\x01\x01\x01\xff", "listpack"},
		{"a listpack's length", codeHashListpack, lp(func(b []byte) { b[0]++ }, "a", "b"), "says 14 bytes and has 13"},
		{"a listpack's count", codeHashListpack, lp(func(b []byte) { b[4] = 4 }, "a", "b"), "listpack: offset"},
		{"a listpack's backward length", codeZSetListpack, lp(func(b []byte) { b[8] = 9 }, "a", "1"), "listpack: offset"},
		{"a listpack without an end", codeHashListpack, lp(func(b []byte) { b[len(b)-1] = 0 }, "a", "b"), "listpack: offset"},
		{"a score that is none", codeZSetListpack, string(packed("a", "x")), "the score at offset 9 is no number"},
		{"a score that is nan", codeZSetListpack, string(packed("a", "nan")), "the score at offset 9 is no number"},
		{"a score in C's notation", codeZSetListpack, string(packed("a", "0x1p4")), "the score at offset 9 is no number"},
		{"scores out of order", codeZSetListpack, string(packed("a", "2", "b", "1")), `"b" with score 1 is out of order`},
		{"names out of order", codeZSetListpack, string(packed("b", "2", "a", "2")), `"a" with score 2 is out of order`},
		{"a member twice", codeZSetListpack, string(packed("a", "1", "a", "2")), `"a" is there at offset 6 and again at 11`},
		{"an intset out of order", codeSetIntset, "\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x04\x00", "intset"},
		{"an intset with a number twice", codeSetIntset, "\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x05\x00", "intset"},
		{"an intset of 3-byte numbers", codeSetIntset, "\x03\x00\x00\x00\x01\x00\x00\x00\x05\x00\x05", "intset"},
		{"an intset without numbers", codeSetIntset, "\x02\x00\x00\x00\x00\x00\x00\x00", "intset"},
		{"an intset that is short", codeSetIntset, "\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00", "intset"},
		{"a ziplist of three for a hash", codeHashZiplist, ziplist("\x01a", "\x01b", "\x01c"), "Hash ziplist integrity check failed: 3 entries are no pairs"},
		{"a ziplist's length", codeHashZiplist, zl(func(b []byte) { b[0]++ }, "\x01a", "\x01b"), "says 18 bytes and has 17"},
		{"a ziplist's tail", codeHashZiplist, zl(func(b []byte) { b[4]++ }, "\x01a", "\x01b"), "says that the last entry is at offset 14, and it is at 13"},
		{"a ziplist's count", codeListZiplist, zl(func(b []byte) { b[8]++ }, "\x01a", "\x01b"), "says 3 entries and has 2"},
		{"a ziplist's previous length", codeListZiplist, zl(func(b []byte) { b[13]++ }, "\x01a", "\x01b"), "says that the entry before has 4 bytes, and it has 3"},
		{"a ziplist's early end", codeListZiplist, zl(func(b []byte) { b[13] = 0xff }, "\x01a", "\x01b"), "an end before the end"},
		{"a ziplist's entry", codeListZiplist, zl(func(b []byte) { b[11] = 0xff }, "\x01a"), "offset 10: no entry"},
		{"a ziplist's string beyond its end", codeListZiplist, zl(func(b []byte) { b[11] = 0x3f }, "\x01a"), "offset 10: no entry"},
		{"a ziplist's score", codeZSetZiplist, ziplist("\x01a", "\x01b"), `Zset ziplist integrity check failed: the score "b" is no number`},
		{"a zipmap's count", codeHashZipmap, "\x02\x01f\x01\x00v\xff", "says 2 fields and has 1"},
		{"a zipmap without fields", codeHashZipmap, "\x00\xff", "zipmap: no fields"},
		{"a zipmap without an end", codeHashZipmap, "\x01\x01f\x01\x00v", "zipmap: no end"},
		{"a zipmap's long field", codeHashZipmap, "\x01\x09f\x01\x00v\xff", "zipmap: offset 1: no field that ends"},
		{"a zipmap's long value", codeHashZipmap, "\x01\x01f\xfe\xff\xff\xff\xff\x00v\xff", "zipmap: offset 1: no field that ends"},
		{"a score that is no number", codeZSet2, "\x01\x01m\x00\x00\x00\x00\x00\x00\xf8\x7f", "Zset with NAN score detected"},
		{"a text score that is nan", codeZSet, "\x01\x01m\xfd", "Zset with NAN score detected"},
		{"a text score that is none", codeZSet, "\x01\x01m\x021 ", `expected a score, not "1 "`},
		{"a text score that is a word", codeZSet, "\x01\x01m\x03abc", `expected a score, not "abc"`},
		{"a kind of node", codeQuicklist2, "\x01\x03\x01x", "Quicklist integrity check failed: 3 is no kind of a node"},
		{"an empty plain node", codeQuicklist2, "\x01\x01\x00", "expected an element of a list, not an empty node"},
		{"a node that is no listpack", codeQuicklist2, "\x01\x02\x01x", "Listpack integrity check failed"},
		{"a ziplist that is none in a list", codeQuicklist, "\x01\x01x", "Ziplist integrity check failed"},
	} {
		bare := c.code < codeHashZipmap || c.code == codeQuicklist || c.code == codeQuicklist2
		_, err := Load(strings.NewReader(inDump(c.code, bare, c.value)), &kept{}, LoadOptions{})
		var bad *FormatError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || !strings.HasSuffix(err.Error(), `(key "k" of database 0)`) {
			t.Errorf("%s: %v\nwant: … %s …", c.name, err, c.want)
		}
	}
}

// TestManyNames: the search for names that are there twice, on either side of
// where it takes a table.
func TestManyNames(t *testing.T) {
	var seen names
	for _, n := range []int{1, 2, fewNames, fewNames + 1, 100, 5000, 40_000} {
		var all []string
		for i := range n {
			all = append(all, strconv.Itoa(i*7), "value")
		}
		whole := packed(all...)
		if pairs, err := checkPairs(whole, &seen); err != nil || pairs != n {
			t.Errorf("%d names: %d, %v", n, pairs, err)
		}
		if _, err := checkPairs(packed(append(all, "0", "x")...), &seen); err == nil {
			t.Errorf("%d names and the first again: no error", n)
		}
		if _, err := checkPairs(packed(append(all, all[2*n-2], "x")...), &seen); err == nil {
			t.Errorf("%d names and the last again: no error", n)
		}
	}
}

// TestEmptyCollections are passed over, as Redis does, and counted.
func TestEmptyCollections(t *testing.T) {
	var dump bytes.Buffer
	dump.WriteString("REDIS0011\xfe\x00")
	keys := int64(0)
	add := func(c code, value string) {
		keys++
		dump.WriteString("\xfc\x01\x00\x00\x00\x00\x00\x00\x00" + string([]byte{byte(c)}) + "\x02k" + strconv.Itoa(int(keys%10)) + value)
	}
	text := func(s string) string { return string(appendLength(nil, uint64(len(s)))) + s }
	for _, c := range []code{codeList, codeSet, codeZSet, codeHash, codeZSet2, codeQuicklist, codeQuicklist2} {
		add(c, "\x00")
	}
	for _, c := range []code{codeHashListpack, codeZSetListpack, codeSetListpack} {
		add(c, text(string(packed())))
	}
	for _, c := range []code{codeHashZiplist, codeZSetZiplist, codeListZiplist} {
		add(c, text(ziplist()))
	}
	add(codeQuicklist, "\x02"+text(ziplist())+text(ziplist()))
	add(codeQuicklist2, "\x02\x02"+text(string(packed()))+"\x02"+text(string(packed())))
	dump.WriteString("\x00\x03end\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00")
	var k kept
	sum, err := Load(&dump, &k, LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if sum.EmptyKeys != keys || sum.Keys != 1 || len(sum.FirstEmpty) != 10 || sum.FirstEmpty[0] != "k1" {
		t.Errorf("%d empty keys of %d, first %q, and %d others", sum.EmptyKeys, keys, sum.FirstEmpty, sum.Keys)
	}
	if len(k.Items) != 1 || k.Items[0].ExpireAt != NoExpiry {
		t.Errorf("left: %+v", k.Items)
	}
}
