// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openToken opens a file of the test's own that holds the token.
func openToken(t *testing.T, token string) *Token {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, token+"\n")
	file, err := OpenToken(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenToken(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	write(t, empty, " \n")
	for _, path := range []string{empty, filepath.Join(dir, "none")} {
		if _, err := OpenToken(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if token := openToken(t, "secret"); !token.admits("secret") || token.admits("secret\n") || token.admits("") {
		t.Error("white space counts")
	}
}

func TestTokenIsReplaced(t *testing.T) {
	token := openToken(t, "old")
	now := time.Now()
	token.now = func() time.Time { return now }
	for _, step := range []struct {
		why   string
		pass  time.Duration
		file  string
		given string
		want  bool
	}{
		{"the file as it was at the start", 0, "old", "old", true},
		{"a wrong token", 0, "old", "new", false},
		{"just replaced: the file was looked at a moment ago", rereadEvery - 1, "new", "new", false},
		{"the next look finds it", 1, "new", "new", true},
		{"the old one is over", rereadEvery, "new", "old", false},
		{"an empty file is not a token", rereadEvery, "", "", false},
		{"nor the end of the present one", rereadEvery, "", "new", true},
	} {
		now = now.Add(step.pass)
		write(t, token.path, step.file)
		if got := token.admits(step.given); got != step.want {
			t.Errorf("%s: got %t", step.why, got)
		}
	}
}
