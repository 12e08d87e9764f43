// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crash kills real nodes at random moments and looks at what their
// append-only files bring back.
package crash

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

var rounds = flag.Int("rounds", 0, "how often a node is killed under each appendfsync; 0: a few times")

var nodeBinary string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	nodeBinary = filepath.Join(dir, "node")
	build := exec.Command("go", "build", "-o", nodeBinary, "github.com/espalier-io/espalier/cmd/node")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the node:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// TestKilled: under always nothing that was acknowledged is lost, under everysec
// nothing that was acknowledged two seconds before; transactions are there whole
// or not at all; and what was never sent is not there.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		fsync  string
		few    int
		bound  time.Duration // of loss
		within func() time.Duration
	}{
		{"always", 8, 0, func() time.Duration { return rand.N(400 * time.Millisecond) }},
		{"everysec", 2, 2 * time.Second, func() time.Duration { return 2200*time.Millisecond + rand.N(800*time.Millisecond) }},
	} {
		t.Run(c.fsync, func(t *testing.T) {
			t.Parallel()
			n := &node{t: t, dir: t.TempDir(), fsync: c.fsync}
			writers := make([]*writer, 4)
			for i := range writers {
				writers[i] = &writer{id: i}
			}
			count := c.few
			if *rounds > 0 {
				count = *rounds
			}
			for range count {
				n.start()
				n.check(writers, c.bound)
				n.live(writers, c.within())
			}
			n.start()
			n.check(writers, c.bound)
			n.kill()
		})
	}
}

// node is one directory and the process that works in it.
type node struct {
	t       *testing.T
	dir     string
	fsync   string
	port    int
	process *exec.Cmd
	log     bytes.Buffer
	killed  time.Time
}

func (n *node) start() {
	n.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	n.log.Reset()
	n.process = exec.Command(nodeBinary, "--port", strconv.Itoa(n.port), "--bind", "127.0.0.1", "--dir", n.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", n.fsync, "--auto-aof-rewrite-min-size", "100kb")
	n.process.Stdout, n.process.Stderr = &n.log, &n.log
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.kill)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, err := n.dial(); err == nil {
			v, err := c.ask("PING")
			c.conn.Close()
			if err == nil && v.Str == "PONG" {
				return
			}
		}
		if time.Now().After(deadline) {
			n.kill()
			n.t.Fatalf("the node does not answer:\n%s", n.log.String())
		}
	}
}

func (n *node) kill() {
	if n.process != nil {
		n.killed = time.Now()
		_ = n.process.Process.Kill() // it may have ended by itself
		_ = n.process.Wait()
		n.process = nil
	}
}

// client is a connection to the node.
type client struct {
	conn    net.Conn
	replies *resp.Reader
}

func (n *node) dial() (*client, error) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
	if err != nil {
		return nil, err
	}
	return &client{conn, resp.NewReader(conn, 16<<10)}, nil
}

func (c *client) ask(argv ...string) (resp.Value, error) {
	if err := c.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return resp.Value{}, err
	}
	if _, err := c.conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		return resp.Value{}, err
	}
	return c.replies.Reply()
}

// live lets the writers work, rewrites now and then, and kills the node.
func (n *node) live(writers []*writer, length time.Duration) {
	n.t.Helper()
	var working sync.WaitGroup
	for _, w := range writers {
		c, err := n.dial()
		if err != nil {
			n.t.Fatal(err)
		}
		working.Go(func() {
			defer c.conn.Close()
			w.run(c)
		})
	}
	end := time.After(length)
	admin, err := n.dial()
	if err != nil {
		n.t.Fatal(err)
	}
	defer admin.conn.Close()
	for rewriting := true; rewriting; {
		select {
		case <-end:
			rewriting = false
		case <-time.After(rand.N(150 * time.Millisecond)):
			if _, err := admin.ask("BGREWRITEAOF"); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	n.kill()
	working.Wait()
}

// writer counts up, in one key and in two of a transaction.
type writer struct {
	id    int
	sent  int // last number that was sent
	acked []ack
}

// ack is a number and when it was acknowledged.
type ack struct {
	number int
	at     time.Time
}

func (w *writer) keys() (alone, left, right string) {
	return fmt.Sprintf("alone:%d", w.id), fmt.Sprintf("left:%d", w.id), fmt.Sprintf("right:%d", w.id)
}

// run writes until the connection breaks.
func (w *writer) run(c *client) {
	alone, left, right := w.keys()
	for {
		w.sent++
		number := strconv.Itoa(w.sent)
		var batch []byte
		for _, argv := range [][]string{{"SET", alone, number}, {"MULTI"}, {"SET", left, number},
			{"APPEND", "log", "a few bytes more of a value that grows"}, {"SET", right, number}, {"EXEC"}, {"SETRANGE", "log", "0", "x"}} {
			batch = resp.AppendCommand(batch, argv...)
		}
		if w.sent%500 == 0 {
			batch = resp.AppendCommand(batch, "DEL", "log")
		} else {
			batch = resp.AppendCommand(batch, "PING")
		}
		if _, err := c.conn.Write(batch); err != nil {
			return
		}
		for range 8 {
			if _, err := c.replies.Reply(); err != nil {
				return
			}
		}
		w.acked = append(w.acked, ack{w.sent, time.Now()})
	}
}

// check compares what is there with what was acknowledged in time.
func (n *node) check(writers []*writer, bound time.Duration) {
	n.t.Helper()
	c, err := n.dial()
	if err != nil {
		n.t.Fatal(err)
	}
	defer c.conn.Close()
	number := func(key string) int {
		v, err := c.ask("GET", key)
		if err != nil {
			n.t.Fatal(err)
		}
		i, _ := strconv.Atoi(v.Str) // no key is 0
		return i
	}
	for _, w := range writers {
		safe := 0
		for _, a := range w.acked {
			if bound == 0 || n.killed.Sub(a.at) > bound {
				safe = a.number
			}
		}
		alone, left, right := w.keys()
		a, l, r := number(alone), number(left), number(right)
		if a < safe || l < safe || a > w.sent || l > a || l != r {
			n.t.Fatalf("writer %d sent %d, %d were acknowledged in time; there are %d, and %d and %d of the transaction\n%s",
				w.id, w.sent, safe, a, l, r, n.log.String())
		}
		w.acked = w.acked[:0]
		if safe > 0 {
			w.acked = append(w.acked, ack{safe, time.Time{}})
		}
		w.sent = max(w.sent, a)
	}
}
