// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"errors"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/resp"
)

func TestParseManifest(t *testing.T) {
	text := "file a.2.base.rdb seq 2 type b\n" +
		"# a comment\n" +
		"file a.1.incr.aof seq 1 type h\n" +
		"file \" with \\\"blanks\\\"\\n\" seq 4 type i newkey newvalue\n" +
		"file a.9.incr.aof seq 9 type i\n"
	m, err := ParseManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if m.Base.Name != "a.2.base.rdb" || len(m.Increments) != 2 || m.Increments[0].Name != " with \"blanks\"\n" {
		t.Errorf("read %+v", m)
	}
	if got := m.addIncrement("a"); got.Name != "a.10.incr.aof" {
		t.Errorf("the next increment is %s", got.Name)
	}
	want := "file a.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\n" +
		"file \" with \\\"blanks\\\"\\n\" seq 4 type i\nfile a.9.incr.aof seq 9 type i\nfile a.10.incr.aof seq 10 type i\n"
	if got := string(m.Format()); got != want {
		t.Errorf("written\n%s", got)
	}
}

// TestManifestErrors: the reasons are Redis's, which its test suite reads.
func TestManifestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "Found an empty AOF manifest"},
		{"\n", "Invalid AOF manifest file format"},
		{"file a seq 1 type i\n\nfile b seq 2 type i\n", "Invalid AOF manifest file format"},
		{"file a seq 1\n", "Invalid AOF manifest file format"},
		{"file a seq 1 type i odd\n", "Invalid AOF manifest file format"},
		{"filx a seq 1 type i\n", "Invalid AOF manifest file format"},
		{"file a seq x type i\n", "Invalid AOF manifest file format"},
		{"file a/b seq 1 type i\n", "File can't be a path, just a filename"},
		{"file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"},
		{"file a seq 2 type i\nfile b seq 1 type i\n", "Found a non-monotonic sequence number"},
		{"file a seq 1 type x\n", "Unknown AOF file type"},
		{"file a seq 1 type i", "The AOF manifest file contains too long line"},
		{"file " + strings.Repeat("a", 1200) + " seq 1 type i\n", "The AOF manifest file contains too long line"},
	} {
		_, err := ParseManifest([]byte(c.text))
		var bad *ManifestError
		if !errors.As(err, &bad) || bad.Reason != c.want {
			t.Errorf("%.60q: %v, want %s", c.text, err, c.want)
		}
	}
}

// TestHistoryOrder is what Redis's suite expects of two rewrites without the
// history being removed.
func TestHistoryOrder(t *testing.T) {
	m := &Manifest{lastBase: 4}
	for range 3 {
		m.replaceBase("a", "rdb")
		m.addIncrement("a")
		m.retireIncrements(1)
	}
	want := "file a.7.base.rdb seq 7 type b\nfile a.2.incr.aof seq 2 type h\nfile a.6.base.rdb seq 6 type h\n" +
		"file a.1.incr.aof seq 1 type h\nfile a.5.base.rdb seq 5 type h\nfile a.3.incr.aof seq 3 type i\n"
	if got := string(m.Format()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPositions(t *testing.T) {
	id, other := strings.Repeat("a", 40), strings.Repeat("b", 40)
	steps := []Position{{id, 0, 0, false}, {id, 77, 3, false}, {id, 78, 3, true}, {other, 78, 3, true}, {other, 79, 0, false}}
	var before Position
	var size int
	var tracker Tracker
	for _, p := range steps {
		data := resp.AppendCommand(nil, "SET", "a", "some value")
		line := AppendPosition(nil, p, before, data)
		if got, ok, err := tracker.See(Record{Argv: [][]byte{nil}, Raw: data}); ok || err != nil {
			t.Fatalf("a command is read as %+v, %v", got, err)
		}
		damaged := tracker
		damaged.sum ^= 1
		if _, ok, err := damaged.See(Record{Note: line[:len(line)-2], Raw: line}); ok || err != ErrDamaged {
			t.Errorf("%q behind other bytes: %v, %v", line, ok, err)
		}
		fewer := Tracker{last: tracker.last}
		if _, ok, err := fewer.See(Record{Note: line[:len(line)-2], Raw: line}); ok || err != ErrDamaged {
			t.Errorf("%q behind nothing: %v, %v", line, ok, err)
		}
		got, ok, err := tracker.See(Record{Note: line[:len(line)-2], Raw: line})
		if !ok || err != nil || got != p {
			t.Errorf("%q is read as %+v, %v, %v", line, got, ok, err)
		}
		before, size = p, len(line)
	}
	if size > 28 {
		t.Errorf("the position in the same history takes %d bytes", size)
	}
	for _, bad := range []string{"", "#", "#TS:1", "#EP:", "#EP:short:1:0", "#EP:" + id + ":x:0", "#EP:" + id + ":1",
		"#EP:" + id + ":-1:0:0:0", "#EO:1", "#EO:a:b:0:0", "#EO:1:0:remote:0:0", "#EO:1:0:0:xyz"} {
		tracker := Tracker{last: before}
		if p, ok, err := tracker.See(Record{Note: []byte(bad)}); ok || err != nil {
			t.Errorf("%q is taken for %+v, %v", bad, p, err)
		}
	}
	if _, ok, _ := new(Tracker).See(Record{Note: []byte("#EO:1:0:0:0")}); ok {
		t.Error("a short position without a history before it counts")
	}
}
