// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/aof/aoftest"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/server"
)

// logText is a node's log.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// loadFails starts a node whose data set can't be read.
func loadFails(t *testing.T, options ...string) (string, error) {
	t.Helper()
	cfg, err := config.Load(config.ParseCommandLine(append(options, "--save", "", "--port", "0")), nil)
	if err != nil {
		t.Fatal(err)
	}
	var text logText
	err = engine.New(cfg, log.New(&text, time.Now), families()).Load()
	return text.String(), err
}

// faulty is a node with its append-only file on a file layer that fails.
type faulty struct {
	*engine.Engine
	fs     *aoftest.FS
	dir    string
	log    logText
	socket string
	stop   func()
}

func startFaulty(t *testing.T, fs *aoftest.FS, options ...string) *faulty {
	t.Helper()
	return startFaultyIn(t, fs, t.TempDir(), options...)
}

// again starts a node on what this one has left.
func (n *faulty) again(t *testing.T, options ...string) *faulty {
	t.Helper()
	n.stop()
	return startFaultyIn(t, n.fs, n.dir, options...)
}

func startFaultyIn(t *testing.T, fs *aoftest.FS, dir string, options ...string) *faulty {
	t.Helper()
	options = append([]string{"--dir", dir, "--save", "", "--port", "0", "--appendonly", "yes", "--enable-debug-command", "yes"}, options...)
	cfg, err := config.Load(config.ParseCommandLine(options), nil)
	if err != nil {
		t.Fatal(err)
	}
	run, err := os.MkdirTemp("", "aof") // a path of its own, as those of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	n := &faulty{fs: fs, dir: dir, socket: filepath.Join(run, "s")}
	n.Engine = engine.New(cfg, log.New(&n.log, time.Now), families())
	n.UseDisk(fs)
	srv, err := server.New(n.Engine, server.Options{})
	if err == nil {
		err = srv.ListenUnix(n.socket, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	n.ServeStats(srv.Stats)
	srv.Start()
	if err := n.Load(); err != nil {
		t.Fatalf("%v\n%s", err, n.log.String())
	}
	n.Start()
	n.stop = sync.OnceFunc(func() {
		fs.HoldSyncs(false)
		srv.Stop()
		n.Stop()
		os.RemoveAll(run)
	})
	t.Cleanup(func() {
		n.stop()
		if t.Failed() {
			t.Logf("the node's log:\n%s", n.log.String())
		}
	})
	return n
}

func (n *faulty) dial(t *testing.T) *difftest.Client { return difftest.Dial(t, n.socket) }

// TestAlwaysTellsNobodyBeforeTheSync: neither the client that wrote, nor one
// that reads, nor a replica hears of a write that is not on the disk.
func TestAlwaysTellsNobodyBeforeTheSync(t *testing.T) {
	n := startFaulty(t, aoftest.New(), "--appendfsync", "always")
	replica := newFakeReplica(t, n.socket)
	writer, reader := n.dial(t), n.dial(t)
	want(t, writer.Ask(t, "SET", "a", "1"), "OK")
	replica.await(t, "SET a 1")

	n.fs.HoldSyncs(true)
	writer.Send(t, "SET", "a", "2")
	n.fs.AwaitSync()
	reader.Send(t, "GET", "a")
	for _, conn := range []net.Conn{writer.Conn, reader.Conn, replica.conn} {
		silent(t, conn)
	}
	n.fs.HoldSyncs(false)
	for c, text := range map[*difftest.Client]string{writer: "OK", reader: "2"} {
		v, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		want(t, v, text)
	}
	replica.await(t, "SET a 2")
}

// fakeReplica is a replica that has had its snapshot.
type fakeReplica struct {
	conn    net.Conn
	replies *resp.Reader
}

func newFakeReplica(t *testing.T, socket string) *fakeReplica {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &fakeReplica{conn, resp.NewReader(conn, 64<<10)}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a broken one shows in the write
	if _, err := conn.Write(resp.AppendCommand(nil, "SYNC")); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := r.replies.Line()
		if err != nil {
			t.Fatal(err)
		}
		if size, ok := strings.CutPrefix(line, "$"); ok {
			n, err := strconv.Atoi(size)
			if err == nil {
				err = r.replies.Discard(n)
			}
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
}

// await reads until the stream holds a command.
func (r *fakeReplica) await(t *testing.T, command string) {
	t.Helper()
	for {
		v, err := r.replies.Reply()
		if err != nil {
			t.Fatalf("the stream: %v", err)
		}
		var words []string
		for _, e := range v.Elems {
			words = append(words, e.Str)
		}
		if strings.Join(words, " ") == command {
			return
		}
	}
}

// silent checks that nothing comes for a while.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond)) // a broken one shows in the read
	var b [1]byte
	if n, err := conn.Read(b[:]); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("something is told that is not on the disk: %q, %v", b[:n], err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
}

// TestAlwaysEndsWithTheDisk: the process ends, and the client whose write failed
// hears nothing.
func TestAlwaysEndsWithTheDisk(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		n := startFaulty(t, aoftest.New(), "--appendfsync", "always")
		c := n.dial(t)
		want(t, c.Ask(t, "SET", "a", "1"), "OK")
		n.fs.Fail(func(what, name string) error {
			if what == op && strings.HasSuffix(name, ".incr.aof") {
				return syscall.EIO
			}
			return nil
		})
		c.Send(t, "SET", "a", "2")
		if v, err := c.Receive(); err != io.EOF && err != io.ErrUnexpectedEOF && !strings.Contains(err.Error(), "reset") {
			t.Errorf("after a failed %s the client hears %q, %v", op, v.Text(), err)
		}
		if code := <-n.Exits(); code != 1 {
			t.Errorf("after a failed %s the process ends with %d", op, code)
		}
		n.fs.Fail(nil)
	}
}

// TestFullDiskRefusesWrites, shows, bars durability, and heals.
func TestFullDiskRefusesWrites(t *testing.T) {
	n := startFaulty(t, aoftest.New())
	c := n.dial(t)
	want(t, c.Ask(t, "SET", "a", "1"), "OK")
	eventually(t, "the node to be durable", func() bool { p := n.State().Persistence; return p.AOF && p.AOFOK && p.Fsync == "everysec" })
	n.fs.SetRoom(5)
	want(t, c.Ask(t, "SET", "a", "2"), "OK") // Redis notices with the next one, too
	want(t, c.Ask(t, "SET", "a", "3"), "MISCONF Errors writing to the AOF file: No space left on device")
	want(t, c.Ask(t, "PING"), "MISCONF Errors writing to the AOF file: No space left on device")
	want(t, c.Ask(t, "GET", "a"), "2")
	if got := infoField(t, c, "persistence", "aof_last_write_status"); got != "err" {
		t.Errorf("aof_last_write_status is %s", got)
	}
	eventually(t, "the node not to be durable", func() bool { return !n.State().Persistence.AOFOK })
	n.fs.SetRoom(-1)
	eventually(t, "writes to be taken again", func() bool { return c.Ask(t, "SET", "b", "1").Text() == "OK" })
	eventually(t, "the node to be durable again", func() bool { return n.State().Persistence.AOFOK })
	c = n.again(t).dial(t)
	want(t, c.Ask(t, "GET", "a"), "2")
	want(t, c.Ask(t, "GET", "b"), "1")
}

// TestFailedSyncHealsByARewrite: the file is not trusted again, a new one is.
func TestFailedSyncHealsByARewrite(t *testing.T) {
	n := startFaulty(t, aoftest.New())
	c := n.dial(t)
	failed := false
	n.fs.Fail(func(op, _ string) error {
		if op == "sync" && !failed {
			failed = true
			return syscall.EIO
		}
		return nil
	})
	want(t, c.Ask(t, "SET", "a", "1"), "OK")
	eventually(t, "a sync to fail", func() bool {
		return strings.Contains(n.log.String(), "Fail to fsync the AOF file: Input/output error. Writes are refused")
	})
	eventually(t, "writes to be taken again", func() bool { return c.Ask(t, "SET", "b", "1").Text() == "OK" })
	rewritten(t, c)
	if got := infoField(t, c, "persistence", "aof_rewrites"); got != "1" {
		t.Errorf("%s rewrites", got)
	}
	if !strings.Contains(n.log.String(), "A new AOF is on the disk, Redis can write again.") {
		t.Error("the log does not say what healed it")
	}
}

// TestRewriteThatFails leaves the old files and goes on; the first one of all
// keeps trying.
func TestRewriteThatFails(t *testing.T) {
	n := startFaulty(t, aoftest.New(), "--auto-aof-rewrite-percentage", "0")
	c := n.dial(t)
	want(t, c.Ask(t, "SET", "a", "1"), "OK")
	fail := func(op, name string) error {
		if op == "write" && strings.Contains(name, "temp-rewriteaof") {
			return syscall.ENOSPC
		}
		return nil
	}
	n.fs.Fail(fail)
	for range 3 {
		want(t, c.Ask(t, "BGREWRITEAOF"), "Background append only file rewriting started")
		eventually(t, "the rewrite to fail", func() bool { return infoField(t, c, "persistence", "aof_rewrite_in_progress") == "0" })
		want(t, c.Ask(t, "INCR", "a"), strconv.Itoa(n.increments()))
	}
	if got := infoField(t, c, "persistence", "aof_last_bgrewrite_status"); got != "err" {
		t.Errorf("aof_last_bgrewrite_status is %s", got)
	}
	if got := n.increments(); got != 4 {
		t.Errorf("%d increments after three failures, want 4", got)
	}
	want(t, c.Ask(t, "CONFIG", "SET", "appendonly", "no"), "OK")
	want(t, c.Ask(t, "CONFIG", "SET", "appendonly", "yes"), "OK")
	eventually(t, "the first rewrite to fail", func() bool {
		return strings.Contains(n.log.String(), "Removing the temp incr aof file")
	})
	n.fs.Fail(nil)
	eventually(t, "a first rewrite", func() bool {
		c.Ask(t, "BGREWRITEAOF") // failures have put off the next one
		return n.State().Persistence.AOF
	})
	want(t, c.Ask(t, "SET", "z", "1"), "OK")
	c = n.again(t).dial(t)
	want(t, c.Ask(t, "GET", "a"), "4")
	want(t, c.Ask(t, "GET", "z"), "1")
}

// increments is how many of them the manifest names.
func (n *faulty) increments() int {
	return strings.Count(string(n.fs.Data(filepath.Join(n.dir, "appendonlydir", "appendonly.aof.manifest"))), "type i")
}
