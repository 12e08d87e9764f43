// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"crypto/subtle"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// rereadEvery bounds how often callers with a wrong token can make the node
// look at its file.
const rereadEvery = time.Second

// Token is what callers of /v1 have to know: the content of a file, which may be
// replaced at any time (a rotated or re-created Secret reaches the file of a
// running node). A call with a wrong token has the file read again.
type Token struct {
	path  string
	now   func() time.Time
	value atomic.Pointer[[]byte]

	mu   sync.Mutex // of those that read the file
	read time.Time  // when it was last tried
}

// OpenToken reads a token file; surrounding white space does not count. The
// error names the file and never its content.
func OpenToken(path string) (*Token, error) {
	t := &Token{path: path, now: time.Now}
	if err := t.load(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Token) load() error {
	raw, err := os.ReadFile(t.path)
	if err != nil {
		return fmt.Errorf("read admin-token-file: %w", err)
	}
	value := []byte(strings.TrimSpace(string(raw)))
	if len(value) == 0 {
		return fmt.Errorf("admin-token-file %s is empty", t.path)
	}
	t.value.Store(&value)
	return nil
}

// admits tells whether a caller knows the token. Without a token nobody does.
func (t *Token) admits(given string) bool {
	return t != nil && (t.matches(given) || t.reread() && t.matches(given))
}

// given is what to say to others that hold the same token.
func (t *Token) given() string { return string(*t.value.Load()) }

// matches takes the same time wherever the tokens differ.
func (t *Token) matches(given string) bool {
	return subtle.ConstantTimeCompare([]byte(given), *t.value.Load()) == 1
}

// reread looks at the file again, unless it has just been done. One that can't
// be read, or is empty for now, leaves the token as it is.
func (t *Token) reread() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if now.Sub(t.read) < rereadEvery {
		return true // what another caller found counts
	}
	t.read = now
	return t.load() == nil
}
