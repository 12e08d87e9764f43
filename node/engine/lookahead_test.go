// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/server"
)

// outgrowCaches makes the data set large enough for lookahead to be worth it.
func outgrowCaches(e *engine.Engine, s server.Session) {
	e.Lock()
	defer e.Unlock()
	for i := range benchKeys {
		s.Execute([][]byte{[]byte("SET"), fmt.Appendf(nil, "key:%d", i), []byte("a value that is no number")})
	}
	s.TakeReplies(nil)
}

// TestAnnouncedCallsMayBeAnything holds the lookahead to being a hint: what is
// announced may be no command, lack its arguments, have more keys than are
// looked up at once, or never be executed.
func TestAnnouncedCallsMayBeAnything(t *testing.T) {
	e, s := idleEngine(t)
	outgrowCaches(e, s)
	e.Lock()
	defer e.Unlock()
	s.TakeReplies(nil)
	calls := []string{"NOSUCH key:1", "GET", "GET key:1 key:2", "EVAL x 9 key:1", "OBJECT", "OBJECT FREQ", "SORT", "MSET key:1",
		"SELECT 3", "FLUSHALL", "SELECT 3", "SWAPDB 0 3", "MGET" + strings.Repeat(" key:1 nokey", 50), "DBSIZE",
		"DEL" + strings.Repeat(" key:1", 1000)}
	e.BatchBegin()
	for _, call := range calls {
		s.Announce(words(call))
	}
	e.BatchEnd()
	for _, call := range []string{"SELECT 3", "SET a 3", "SELECT 0", "SET a 0", "FLUSHDB", "SWAPDB 0 3", "MGET a key:1"} {
		e.BatchBegin()
		s.Announce(words(call))
		s.Execute(words(call))
		e.BatchEnd()
	}
	const want = "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n*2\r\n$1\r\n3\r\n$-1\r\n"
	if got := string(s.TakeReplies(nil)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func words(line string) (argv [][]byte) {
	for _, w := range strings.Fields(line) {
		argv = append(argv, []byte(w))
	}
	return argv
}
