// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/server"
	"github.com/espalier-io/espalier/node/strings"
)

// benchKeys is how many keys a benchmark goes round.
const benchKeys = 100_000

// BenchmarkExecute is the path of one command without its socket, in batches
// of 16 as a pipelining client sends them.
func BenchmarkExecute(b *testing.B) {
	for _, c := range []struct {
		name string
		call func(i int) [][]byte
	}{
		{"SET", func(i int) [][]byte {
			return [][]byte{[]byte("SET"), fmt.Appendf(nil, "key:%012d", i), []byte("a value of thirty-two bytes long")}
		}},
		{"GET", func(i int) [][]byte { return [][]byte{[]byte("GET"), fmt.Appendf(nil, "key:%012d", i)} }},
		{"PING", func(int) [][]byte { return [][]byte{[]byte("PING")} }},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkCalls(b, c.call) })
	}
}

func benchmarkCalls(b *testing.B, call func(i int) [][]byte) {
	e, s := idleEngine(b)
	calls := make([][][]byte, benchKeys)
	for i := range calls {
		calls[i] = call(i)
	}
	var spare []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); {
		e.Lock()
		e.BatchBegin()
		for j := range 16 {
			s.Announce(calls[(i+j)%benchKeys])
		}
		for range 16 {
			s.Execute(calls[i%benchKeys])
			i++
		}
		e.BatchEnd()
		spare = s.TakeReplies(spare)
		e.Unlock()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/command")
}

// TestExecuteDoesNotAllocate keeps the hot path off the heap.
func TestExecuteDoesNotAllocate(t *testing.T) {
	e, s := idleEngine(t)
	set := [][]byte{[]byte("SET"), []byte("key"), []byte("a value that is no number")}
	get := [][]byte{[]byte("GET"), []byte("key")}
	outgrowCaches(e, s)
	var spare []byte
	allocs := testing.AllocsPerRun(1000, func() {
		e.Lock()
		e.BatchBegin()
		s.Announce(set)
		s.Announce(get)
		s.Execute(set)
		s.Execute(get)
		e.BatchEnd()
		spare = s.TakeReplies(spare)
		e.Unlock()
	})
	if allocs != 0 {
		t.Errorf("SET and GET allocate %v times", allocs)
	}
}

// idleEngine is an engine without cron, with one session.
func idleEngine(t testing.TB) (*engine.Engine, server.Session) {
	t.Helper()
	cfg := config.New()
	cfg.Dir, cfg.Save = t.TempDir(), nil
	e := engine.New(cfg, log.New(io.Discard, time.Now), engine.Families{strings.Commands(), keys.Commands()})
	e.Lock()
	defer e.Unlock()
	s, err := e.Connected(quietConn{})
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

// quietConn is a connection from this machine that nobody reads.
type quietConn struct{}

func (quietConn) Flush()                  {}
func (quietConn) Resume()                 {}
func (quietConn) Close(bool)              {}
func (quietConn) Attach(server.Source)    {}
func (quietConn) Unsent() int             { return 0 }
func (quietConn) InputBuffer() (int, int) { return 0, 0 }
func (quietConn) RemoteAddr() string      { return "127.0.0.1:1" }
func (quietConn) LocalAddr() string       { return "127.0.0.1:2" }
func (quietConn) FD() int                 { return -1 }
func (quietConn) IsUnix() bool            { return false }
func (quietConn) SetNoDelay(bool)         {}
