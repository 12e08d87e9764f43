// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeItems(items ...Item) func(io.Writer) error {
	return func(dst io.Writer) error {
		w := NewWriter(dst, WriterOptions{Checksum: true})
		if err := w.Header(Header{RedisVersion: "7.0.15"}); err != nil {
			return err
		}
		for i := range items {
			if err := w.Item(&items[i]); err != nil {
				return err
			}
		}
		return w.Close()
	}
}

// contents are the files of a directory with their sizes.
func contents(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = info.Size()
	}
	return m
}

func TestSaveFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	for _, opts := range []FileOptions{{}, {IncrementalSync: true}} {
		for _, value := range []string{"one", noise(9 << 20)} {
			if err := SaveFile(path, opts, writeItems(item(0, "k", value))); err != nil {
				t.Fatal(err)
			}
			var k kept
			if _, err := LoadFile(path, &k, LoadOptions{}); err != nil {
				t.Fatal(err)
			}
			if len(k.Items) != 1 || string(k.Items[0].String) != value {
				t.Error("another value came back")
			}
			if files := contents(t, dir); len(files) != 1 {
				t.Errorf("left behind: %v", files)
			}
		}
	}
}

// TestFailedSaveKeepsTheOldDump: at whichever step it fails.
func TestFailedSaveKeepsTheOldDump(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	if err := SaveFile(path, FileOptions{}, writeItems(item(0, "k", "old"))); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	writes := map[string]func(io.Writer) error{
		"before a byte": func(io.Writer) error { return boom },
		"in the middle": func(w io.Writer) error {
			if _, err := io.WriteString(w, "REDIS0010"); err != nil {
				return err
			}
			return boom
		},
		"at the end": func(w io.Writer) error {
			if err := writeItems(item(0, "k", "new"))(w); err != nil {
				return err
			}
			return boom
		},
	}
	for name, write := range writes {
		err := SaveFile(path, FileOptions{}, write)
		var failed *SaveError
		if !errors.As(err, &failed) || failed.Step != SaveWrite || !errors.Is(err, boom) {
			t.Errorf("%s: %v", name, err)
		}
		if err.Error() != "Write error saving DB on disk(rdbSaveRio): boom" {
			t.Errorf("%s: %v", name, err)
		}
		var k kept
		if _, err := LoadFile(path, &k, LoadOptions{}); err != nil || string(k.Items[0].String) != "old" {
			t.Errorf("%s: the old dump is gone: %v", name, err)
		}
		if files := contents(t, dir); len(files) != 1 {
			t.Errorf("%s: left behind: %v", name, files)
		}
	}
}

// TestReplace: who saves decides at the last moment, when all is on the disk.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	if err := SaveFile(path, FileOptions{}, writeItems(item(0, "k", "old"))); err != nil {
		t.Fatal(err)
	}
	value := func() string {
		var k kept
		if _, err := LoadFile(path, &k, LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		return string(k.Items[0].String)
	}
	boom := errors.New("boom")
	err := SaveFile(path, FileOptions{Replace: func(func() error) error { return boom }}, writeItems(item(0, "k", "new")))
	if !errors.Is(err, boom) || value() != "old" || len(contents(t, dir)) != 1 {
		t.Errorf("refused: %v, the dump holds %s beside %v", err, value(), contents(t, dir))
	}
	err = SaveFile(path, FileOptions{Replace: func(rename func() error) error {
		if value() != "old" {
			t.Error("the new dump is there too early")
		}
		return rename()
	}}, writeItems(item(0, "k", "new")))
	if err != nil || value() != "new" || len(contents(t, dir)) != 1 {
		t.Errorf("granted: %v, the dump holds %s beside %v", err, value(), contents(t, dir))
	}
}

func TestSaveErrorsOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone", "dump.rdb")
	err := SaveFile(gone, FileOptions{}, writeItems())
	var failed *SaveError
	if !errors.As(err, &failed) || failed.Step != SaveOpen || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	want := "Failed opening the temp RDB file " + failed.Temp + " (in server root dir " + filepath.Dir(gone) + ") for saving: No such file or directory"
	if err.Error() != want {
		t.Errorf("no directory: got  %v\n want %s", err, want)
	}

	// A directory in the dump's place can't be replaced by a file.
	path := filepath.Join(dir, "dump.rdb")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	err = SaveFile(path, FileOptions{}, writeItems())
	if !errors.As(err, &failed) || failed.Step != SaveRename {
		t.Errorf("a directory in its place: %v", err)
	}
	want = "Error moving temp DB file " + failed.Temp + " on the final destination dump.rdb (in server root dir " + dir + "): File exists"
	if err.Error() != want {
		t.Errorf("a directory in its place: got  %v\n want %s", err, want)
	}
	if files := contents(t, dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestLoadFileErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.rdb")
	if _, err := LoadFile(path, &kept{}, LoadOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("REDIS0010\xff\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(path, &kept{}, LoadOptions{}); err == nil || !strings.Contains(err.Error(), "offset 11") {
		t.Errorf("a cut file: %v", err)
	}
}
