// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pipe() (*io.PipeReader, *io.PipeWriter) { return io.Pipe() }

// allocated measures what a call takes in all.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// partCounter counts fields and keeps nothing.
type partCounter struct {
	kept
	parts int
}

func (c *partCounter) Item(it *Item) error {
	if it.Fields != nil {
		for range it.Fields {
			c.parts++
		}
	}
	return nil
}

// ziplist puts entries, given without the length of the one before, together.
func ziplist(entries ...string) string {
	var body []byte
	before, tail := 0, ziplistHeader
	for _, e := range entries {
		tail = ziplistHeader + len(body)
		at := len(body)
		if before < ziplistBigPrev {
			body = append(body, byte(before))
		} else {
			body = binary.LittleEndian.AppendUint32(append(body, ziplistBigPrev), uint32(before))
		}
		body = append(body, e...)
		before = len(body) - at
	}
	zl := binary.LittleEndian.AppendUint32(nil, uint32(ziplistHeader+len(body)+1))
	zl = binary.LittleEndian.AppendUint32(zl, uint32(tail))
	zl = binary.LittleEndian.AppendUint16(zl, uint16(len(entries)))
	return string(append(append(zl, body...), ziplistEnd))
}

var (
	long    = strings.Repeat("long", 100)
	longest = strings.Repeat("longest", 3000)
)

// everyEntry are entries of a ziplist in every encoding, everyText what they
// are.
func everyEntry() []string {
	return []string{
		"\x00", "\x03abc", "\x41\x90" + long, "\x02zz", "\x80\x00\x00\x52\x08" + longest, "\x03end",
		"\xf1", "\xfd", "\xfe\x0d", "\xfe\x80", "\xc0\xff\x7f", "\xc0\x00\x80", "\xf0\xff\xff\x7f", "\xf0\x00\x00\x80",
		"\xd0\xff\xff\xff\x7f", "\xd0\x00\x00\x00\x80", "\xe0\xff\xff\xff\xff\xff\xff\xff\x7f", "\xe0\x00\x00\x00\x00\x00\x00\x00\x80",
	}
}

func everyText() []string {
	return []string{
		"", "abc", long, "zz", longest, "end",
		"0", "12", "13", "-128", "32767", "-32768", "8388607", "-8388608",
		"2147483647", "-2147483648", "9223372036854775807", "-9223372036854775808",
	}
}

func pairsOf(texts []string) (pairs []string) {
	for i := 0; i+1 < len(texts); i += 2 {
		pairs = append(pairs, texts[i]+"="+texts[i+1])
	}
	return pairs
}

// oldForm is a value as former versions of Redis, or later ones, have it.
type oldForm struct {
	name  string
	code  code
	value string // a string of the dump, or all there is of a value
	want  flat
}

// bare says that the value is not one string.
func (f oldForm) bare() bool { return f.code < codeHashZipmap || f.code == codeQuicklist }

func oldForms() []oldForm {
	text := func(s string) string { return string(appendLength(nil, uint64(len(s)))) + s }
	return []oldForm{
		{"a list", codeList, "\x03\x01a\xc0\x05\x00", flat{Type: TypeList, Form: "elements", Parts: []string{"a", "5", ""}}},
		{"a set", codeSet, "\x02\x01a\xc0\x05", flat{Type: TypeSet, Form: "elements", Parts: []string{"a", "5"}}},
		{"scores as texts", codeZSet, "\x05\x01a\x031.5\x01b\x02-7\x01c\xfe\x01d\xff\x01e\x051e+20",
			flat{Type: TypeZSet, Form: "scores", Parts: []string{"a=3ff8000000000000", "b=c01c000000000000", "c=7ff0000000000000", "d=fff0000000000000", "e=4415af1d78b58c40"}}},
		{"a zipmap", codeHashZipmap, "\x02\x01f\x03\x02val..\x00\xfe\x90\x01\x00\x00\x00" + long + "\xff",
			flat{Type: TypeHash, Form: "fields", Parts: []string{"f=val", "=" + long}}},
		{"a zipmap that does not count", codeHashZipmap, "\xfe\x01f\x01\x00v\xff", flat{Type: TypeHash, Form: "fields", Parts: []string{"f=v"}}},
		{"a list as a ziplist", codeListZiplist, ziplist(everyEntry()...), flat{Type: TypeList, Form: "elements", Parts: everyText()}},
		{"a hash as a ziplist", codeHashZiplist, ziplist(everyEntry()...), flat{Type: TypeHash, Form: "fields", Parts: pairsOf(everyText())}},
		{"numbers in a ziplist", codeListZiplist, ziplist(everyEntry()[6:]...), flat{Type: TypeList, Form: "elements", Parts: everyText()[6:]}},
		{"a sorted set as a ziplist", codeZSetZiplist, ziplist("\x01a", "\x04-inf", "\x01b", "\xf2", "\x01c", "\x0310.", "\x01d", "\x03inf"),
			flat{Type: TypeZSet, Form: "scores", Parts: []string{"a=fff0000000000000", "b=3ff0000000000000", "c=4024000000000000", "d=7ff0000000000000"}}},
		{"a list of ziplists", codeQuicklist, "\x03" + text(ziplist("\x01a", "\xf3")) + text(ziplist()) + text(ziplist("\x01b")),
			flat{Type: TypeList, Form: "nodes", Parts: []string{"false" + string(packed("a", "2")), "false" + string(packed("b"))}}},
		{"a set as a listpack", codeSetListpack, string(packed("a", "17", "b")), flat{Type: TypeSet, Form: "elements", Parts: []string{"a", "17", "b"}}},
	}
}

// inDump is a dump of one value.
func inDump(c code, bare bool, value string) string {
	if !bare {
		value = string(appendLength(nil, uint64(len(value)))) + value
	}
	return "REDIS0011" + string([]byte{byte(c)}) + "\x01k" + value + "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
}

func TestOldForms(t *testing.T) {
	for _, old := range oldForms() {
		var k kept
		dump := inDump(old.code, old.bare(), old.value)
		if _, err := Load(strings.NewReader(dump), &k, LoadOptions{}); err != nil {
			t.Errorf("%s: %v", old.name, err)
			continue
		}
		want := old.want
		want.Key, want.At = "k", NoExpiry
		if diff := cmp.Diff([]flat{want}, flatten(k.Items)); diff != "" {
			t.Errorf("%s (-want +got):\n%.3000s", old.name, diff)
		}
		var it Item
		if err := Restore(footed([]byte(dump[9:10]+dump[12:len(dump)-9]), 9), &it, false); err != nil {
			t.Errorf("%s restored: %v", old.name, err)
			continue
		}
		want.Key, want.At = "", 0
		if diff := cmp.Diff([]flat{want}, flatten([]Item{it})); diff != "" {
			t.Errorf("%s restored (-want +got):\n%.3000s", old.name, diff)
		}
	}
}

// TestOldFormsCutAndDamaged: whatever bytes there are, the reader ends.
func TestOldFormsCutAndDamaged(t *testing.T) {
	for _, old := range oldForms() {
		for i := range min(len(old.value), 250) {
			cut := inDump(old.code, old.bare(), old.value[:i])
			if !old.bare() {
				if _, err := Load(strings.NewReader(cut), &kept{}, LoadOptions{}); err == nil {
					t.Errorf("%s cut at %d: no error", old.name, i)
				}
			}
			for _, b := range []byte{0, 1, 0x40, 0x80, 0xc0, 0xe0, 0xf1, 0xfe, 0xff} {
				damaged := []byte(old.value)
				damaged[i] = b
				// Whether it is refused depends on the byte.
				_, _ = Load(strings.NewReader(inDump(old.code, old.bare(), string(damaged))), &kept{}, LoadOptions{})
			}
		}
	}
}
