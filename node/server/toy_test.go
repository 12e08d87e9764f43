// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// toy is a Handler with a few commands that show what a server does with it.
// It checks that the server keeps its side of the contract.
type toy struct {
	t        testing.TB
	mu       sync.Mutex
	locked   bool
	inBatch  bool
	data     map[string]string
	sessions map[*toySession]struct{}
	max      int    // connections; 0: any number
	password string // "": none
	changed  sync.Cond

	mute    bool // nothing may be told any more
	settled atomic.Int64

	connected, disconnected, keepAlives, batches, woken int

	guarded  atomic.Uint64
	withheld atomic.Bool
}

type toySession struct {
	toy           *toy
	conn          Conn
	reply         resp.Writer
	name          string
	authenticated bool
	waiting       string // key that BLOCK waits for
	paused        bool
	gone          bool
	announced     int // requests that have not been executed since
}

func newToy(t testing.TB) *toy {
	h := &toy{t: t, data: map[string]string{}, sessions: map[*toySession]struct{}{}}
	h.changed.L = &h.mu
	return h
}

func (h *toy) Lock() {
	h.mu.Lock()
	h.locked = true
}

// Settle may not be called under the lock.
func (h *toy) Settle() bool {
	h.settled.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.mute
}

func (h *toy) Unlock() {
	h.locked = false
	h.changed.Broadcast()
	h.mu.Unlock()
}

func (h *toy) BatchBegin() {
	h.expect(h.locked && !h.inBatch, "BatchBegin in the wrong place")
	h.inBatch = true
	h.batches++
}

func (h *toy) Guarded() uint64 { return h.guarded.Load() }

func (h *toy) Release() bool { return !h.withheld.Load() }

func (h *toy) BatchEnd() {
	h.expect(h.locked && h.inBatch, "BatchEnd in the wrong place")
	h.inBatch = false
}

func (h *toy) expect(ok bool, complaint string) {
	if !ok {
		h.t.Error(complaint)
	}
}

func (h *toy) Connected(c Conn) (Session, error) {
	h.expect(h.inBatch, "Connected outside a batch")
	if h.max > 0 && len(h.sessions) >= h.max {
		return nil, errors.New("ERR max number of clients reached")
	}
	s := &toySession{toy: h, conn: c, authenticated: h.password == ""}
	h.sessions[s] = struct{}{}
	h.connected++
	return s, nil
}

// await waits until condition, called with the lock, holds.
func (h *toy) await(what string, condition func() bool) {
	h.t.Helper()
	late := time.AfterFunc(20*time.Second, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.t.Errorf("timeout: %s", what)
		h.changed.Broadcast()
	})
	defer late.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !condition() && !h.t.Failed() {
		h.changed.Wait()
	}
}

// awaitUnlocked waits until condition, about what moves without the lock, holds.
func (h *toy) awaitUnlocked(what string, condition func() bool) {
	h.t.Helper()
	h.await(what, func() bool {
		if condition() {
			return true
		}
		time.AfterFunc(time.Millisecond, h.changed.Broadcast)
		return false
	})
}

// named finds the session of a client that has said NAME.
func (h *toy) named(name string) *toySession {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sessions {
		if s.name == name {
			return s
		}
	}
	h.t.Fatalf("no session %q", name)
	return nil
}

func (s *toySession) check(what string) {
	if !s.toy.locked || s.gone {
		s.toy.t.Errorf("%s: locked %v, gone %v", what, s.toy.locked, s.gone)
	}
}

func (s *toySession) Limits() resp.Limits {
	s.check("Limits")
	return resp.Limits{Unauthenticated: !s.authenticated}
}

func (s *toySession) TakeReplies(spare []byte) []byte {
	s.check("TakeReplies")
	return s.reply.Take(spare)
}

func (s *toySession) KeepAlive() {
	s.check("KeepAlive")
	s.toy.keepAlives++
}

func (s *toySession) ProtocolError(msg string) {
	s.check("ProtocolError")
	s.reply.Error("ERR " + msg)
}

func (s *toySession) Disconnected() {
	s.check("Disconnected")
	s.gone = true
	s.toy.disconnected++
	delete(s.toy.sessions, s)
}

func (s *toySession) Announce(argv [][]byte) {
	s.check("Announce")
	s.toy.expect(s.toy.inBatch, "Announce outside a batch")
	s.toy.expect(len(argv) > 0, "Announce of nothing")
	s.announced++
}

func (s *toySession) Execute(argv [][]byte) Verdict {
	s.check("Execute")
	h := s.toy
	h.expect(h.inBatch, "Execute outside a batch")
	h.expect(s.announced > 0, "Execute of what was not announced")
	s.announced--
	w := &s.reply
	switch string(argv[0]) {
	case "PING":
		w.Simple("PONG")
	case "ECHO":
		w.Bulk(argv[1])
	case "LEN":
		w.Int(int64(len(argv[1])))
	case "SET":
		h.data[string(argv[1])] = string(argv[2])
		w.OK()
	case "GET":
		if v, ok := h.data[string(argv[1])]; ok {
			w.BulkString(v)
		} else {
			w.Null()
		}
	case "BIG": // a reply of so many bytes
		n, _ := strconv.Atoi(string(argv[1]))
		w.Bulk(bytes.Repeat([]byte("x"), n))
	case "GUARDED":
		s.toy.guarded.Add(1)
		w.OK()
	case "ARGS":
		w.Int(int64(len(argv)))
	case "NAME":
		s.name = string(argv[1])
		w.OK()
	case "AUTH":
		s.authenticated = true
		w.OK()
	case "BLOCK": // until WAKE
		s.waiting = string(argv[1])
		return Hold
	case "WAKE":
		for other := range h.sessions {
			if other.waiting == string(argv[1]) {
				other.waiting = ""
				h.woken++
				other.reply.Simple("woken")
				other.conn.Flush()
				other.conn.Resume()
			}
		}
		w.OK()
	case "PAUSED": // answered once Resume has been called
		if !s.paused {
			s.paused = true
			return Postpone
		}
		s.paused = false
		w.OK()
	case "QUIT":
		w.OK()
		return CloseAfterReply
	case "DROP": // ends whoever has that name
		for other := range h.sessions {
			if other.name == string(argv[1]) {
				other.conn.Close(false)
			}
		}
		w.OK()
	default:
		w.Error("ERR unknown command")
	}
	return Next
}

// push appends a message to a session's replies, as another client's command
// or a timer would.
func (s *toySession) push(message string) {
	s.toy.Lock()
	s.reply.Simple(message)
	s.toy.Unlock()
	s.conn.Flush()
}

// client is the other end of a connection.
type client struct {
	net.Conn
	*resp.Reader
	t testing.TB
}

func (c client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c client) send(requests ...string) {
	c.t.Helper()
	var b []byte
	for _, r := range requests {
		b = resp.AppendCommand(b, strings.Fields(r)...)
	}
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads replies and compares them.
func (c client) expect(replies ...string) {
	c.t.Helper()
	for _, want := range replies {
		v, err := c.Reply()
		if err != nil {
			c.t.Fatalf("reading %q: %v", want, err)
		}
		if got := v.Text(); got != want {
			c.t.Fatalf("got %.100q, want %.100q", got, want)
		}
	}
}

// expectEnd reads the end of the connection.
func (c client) expectEnd() {
	c.t.Helper()
	if v, err := c.Reply(); err == nil {
		c.t.Fatalf("got %.100q, want the connection closed", v.Text())
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		c.t.Fatal("the connection was not closed")
	}
}

// transport is one of the two ways to serve connections.
type transport struct {
	name  string
	serve func(t testing.TB, s *Server) (network, address string)
}

var transports = []transport{
	{"loops", func(t testing.TB, s *Server) (string, string) {
		path := filepath.Join(t.TempDir(), "s")
		if err := s.ListenUnix(path, 0o700); err != nil {
			t.Fatal(err)
		}
		return "unix", path
	}},
	{"loops over TCP", func(t testing.TB, s *Server) (string, string) {
		port := freePort(t)
		if err := s.Listen([]string{"127.0.0.1"}, port); err != nil {
			t.Fatal(err)
		}
		return "tcp", fmt.Sprintf("127.0.0.1:%d", port)
	}},
	{"streams", func(t testing.TB, s *Server) (string, string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := s.Serve(l); err != nil && err != ErrStopped {
				t.Error(err)
			}
		})
		t.Cleanup(serving.Wait)
		return "tcp", l.Addr().String()
	}},
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// fixture is a running server with its toy.
type fixture struct {
	*toy
	server           *Server
	network, address string
}

func start(t testing.TB, way transport, o Options) *fixture {
	t.Helper()
	f := &fixture{toy: newToy(t)}
	var err error
	if f.server, err = New(f.toy, o); err != nil {
		t.Fatal(err)
	}
	f.network, f.address = way.serve(t, f.server)
	f.server.Start()
	t.Cleanup(func() {
		f.server.Stop()
		f.toy.expect(f.connected == f.disconnected,
			fmt.Sprintf("%d sessions connected, %d disconnected", f.connected, f.disconnected))
	})
	return f
}

func (f *fixture) dial() client {
	f.t.Helper()
	nc, err := net.Dial(f.network, f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(60 * time.Second))
	return client{nc, resp.NewReader(nc, 64<<10), f.t}
}

// everyWay runs a test over each transport.
func everyWay(t *testing.T, o Options, test func(t *testing.T, f *fixture)) {
	for _, way := range transports {
		t.Run(way.name, func(t *testing.T) { test(t, start(t, way, o)) })
	}
}
