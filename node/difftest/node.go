// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package difftest

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/server"
)

// Node is a node that runs inside the test.
type Node struct {
	Engine *engine.Engine
	Socket string // path of the Unix socket that it listens on
	Dir    string // directive dir

	log  *testLog
	stop func()
}

// Stop ends the node before the test does, without a save.
func (n *Node) Stop() { n.stop() }

// Log is what the node has logged so far.
func (n *Node) Log() string { return n.log.text() }

// Await waits until the node's log holds a text.
func (n *Node) Await(t testing.TB, text string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		found, grown := n.log.holds(text)
		if found {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("the node does not log %q", text)
		}
	}
}

// Dial connects to the node.
func (n *Node) Dial(t testing.TB) *Client {
	t.Helper()
	return Dial(t, n.Socket)
}

// Do sends a command over a connection of its own and returns its reply, an
// error reply too.
func (n *Node) Do(t testing.TB, argv ...string) resp.Value {
	t.Helper()
	c := n.Dial(t)
	defer c.Conn.Close()
	return c.Ask(t, argv...)
}

// StartNode starts a node with the engine's own commands and those of the
// families, without save points unless the options give some. It ends with the
// test.
func StartNode(t testing.TB, families engine.Families, options ...string) *Node {
	t.Helper()
	dir := t.TempDir()
	options = append([]string{"--dir", dir, "--save", "", "--port", "0"}, options...)
	cfg, err := config.Load(config.ParseCommandLine(options), nil)
	if err != nil {
		t.Fatal(err)
	}
	return Serve(t, cfg, families)
}

// Serve starts a node with a configuration.
func Serve(t testing.TB, cfg *config.Config, families engine.Families) *Node {
	t.Helper()
	run, err := os.MkdirTemp("", "node") // a path of its own, as those of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	n := &Node{
		Socket: filepath.Join(run, "s"),
		Dir:    cfg.Dir,
		log:    newTestLog(t),
	}
	n.Engine = engine.New(cfg, log.New(n.log, time.Now), families)
	srv, err := server.New(n.Engine, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.ListenUnix(n.Socket, 0o700); err != nil {
		t.Fatal(err)
	}
	n.Engine.ServeStats(srv.Stats)
	srv.Start()
	if err := n.Engine.Load(); err != nil {
		t.Fatal(err)
	}
	n.Engine.Start()
	n.stop = sync.OnceFunc(func() {
		srv.Stop()
		n.Engine.Stop()
	})
	t.Cleanup(n.stop)
	return n
}

// testLog keeps the node's log and writes it into the test's.
type testLog struct {
	t     testing.TB
	mu    sync.Mutex
	lines []byte
	grown chan struct{} // closed and replaced with every line
	over  bool          // the test has ended, nothing may be logged any more
}

func newTestLog(t testing.TB) *testLog {
	l := &testLog{t: t, grown: make(chan struct{})}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = true
	})
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.t.Logf("node: %s", bytes.TrimSuffix(p, []byte("\n")))
	}
	l.lines = append(l.lines, p...)
	close(l.grown)
	l.grown = make(chan struct{})
	return len(p), nil
}

func (l *testLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.lines)
}

func (l *testLog) holds(text string) (found bool, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.lines, []byte(text)), l.grown
}
