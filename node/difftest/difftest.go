// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package difftest runs the same commands against a node and a real
// redis-server and compares the replies byte by byte, in both protocols. A
// command family's test is a table of command lines:
//
//	func TestStrings(t *testing.T) {
//		difftest.Run(t, engine.Families{strings.Commands()}, `
//			SET a 1 EX 100
//			GET a
//			TTL a            # about: a number, whichever
//		`)
//	}
//
// A line is split as redis-cli does, with quotes and escapes. Behind " # " may
// stand how the reply is compared, in place of to the letter: "about" wants the
// same shape with any numbers and texts; "unordered" the same elements in any
// order; "code" the same error code; "skip" nothing at all. A line that begins
// with "2> " goes over a second connection. Empty lines and lines that begin
// with # are left out.
//
// Start reading at Run, then Pair.
package difftest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/server"
)

// patience bounds every wait of this package.
const patience = 20 * time.Second

// Run starts both servers and compares a script in protocol 2, then, with empty
// databases, in protocol 3.
func Run(t *testing.T, families engine.Families, script string) {
	t.Helper()
	pair := NewPair(t, families)
	for _, version := range []string{"2", "3"} {
		t.Run("RESP"+version, func(t *testing.T) {
			pair.Reset(t)
			pair.Compare(t, "HELLO "+version+" # about")
			pair.Compare(t, script)
		})
	}
}

// Info compares what COMMAND tells about every command of the engine and of the
// families, so that arity, flags, key positions and categories are Redis's. Named
// are the commands that only a later Redis has.
func Info(t *testing.T, families engine.Families, later ...string) {
	t.Helper()
	pair := NewPair(t, families)
	for _, name := range pair.Node.Do(t, "COMMAND", "LIST").Elems {
		if !slices.Contains(later, name.Str) {
			t.Run(name.Str, func(t *testing.T) { pair.CompareInfo(t, name.Str) })
		}
	}
}

// Pair is a node and a real Redis.
type Pair struct {
	Node  *Node
	redis [2]*Client
	node  [2]*Client
}

// NewPair starts both, with DEBUG allowed. The options are those of a command
// line ("--databases", "4") and go to both. They end with the test.
func NewPair(t *testing.T, families engine.Families, options ...string) *Pair {
	t.Helper()
	options = append([]string{"--enable-debug-command", "yes"}, options...)
	r := redistest.Start(t, t.TempDir(), options...)
	p := &Pair{Node: StartNode(t, families, options...)}
	for i := range p.redis {
		p.redis[i], p.node[i] = Dial(t, r.Socket), Dial(t, p.Node.Socket)
	}
	return p
}

// Reset empties both and brings the connections back to their beginning.
func (p *Pair) Reset(t *testing.T) {
	t.Helper()
	for _, c := range append(slices.Clone(p.redis[:]), p.node[:]...) {
		c.ask(t, "RESET")
		c.ask(t, "FLUSHALL")
	}
}

// Compare runs the lines of a script against both.
func (p *Pair) Compare(t *testing.T, script string) {
	t.Helper()
	for _, text := range strings.Split(script, "\n") {
		l, ok := parseLine(t, text)
		if !ok {
			continue
		}
		want, got := p.redis[l.conn].ask(t, l.argv...), p.node[l.conn].ask(t, l.argv...)
		if difference := l.compare(want, got); difference != "" {
			t.Errorf("%s\n  redis %s\n  node  %s\n  %s", strings.TrimSpace(text), show(want.raw), show(got.raw), difference)
		}
	}
}

// CompareInfo compares what COMMAND INFO and COMMAND DOCS tell about a command,
// subcommands and prose left out.
func (p *Pair) CompareInfo(t *testing.T, name string) {
	t.Helper()
	ask := func(argv ...string) (want, got resp.Value) {
		return p.redis[0].ask(t, argv...).value, p.node[0].ask(t, argv...).value
	}
	want, got := ask("COMMAND", "INFO", name)
	if want.Elems[0].IsNull() {
		t.Fatal("Redis does not have this command")
	}
	titles := []string{"name", "arity", "flags", "first key", "last key", "step", "categories", "tips", "key specifications"}
	for i, title := range titles {
		if a, b := want.Elems[0].Elems[i].Text(), got.Elems[0].Elems[i].Text(); a != b {
			t.Errorf("%s:\n  redis %s\n  node  %s", title, a, b)
		}
	}
	want, got = ask("COMMAND", "DOCS", name)
	for _, title := range []string{"since", "group", "doc_flags", "deprecated_since", "replaced_by"} {
		if a, b := entry(want, title), entry(got, title); a != b {
			t.Errorf("%s:\n  redis %s\n  node  %s", title, a, b)
		}
	}
}

// entry is a field of the one command in a reply of COMMAND DOCS.
func entry(docs resp.Value, title string) string {
	fields := docs.Elems[1].Elems
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i].Str == title {
			return fields[i+1].Text()
		}
	}
	return ""
}

func show(raw []byte) string {
	const most = 600
	if len(raw) > most {
		return fmt.Sprintf("%q…", raw[:most])
	}
	return fmt.Sprintf("%q", raw)
}

// line is one command of a script.
type line struct {
	conn int
	argv []string
	how  string
}

func parseLine(t *testing.T, text string) (line, bool) {
	t.Helper()
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, "#") {
		return line{}, false
	}
	var l line
	if rest, second := strings.CutPrefix(text, "2> "); second {
		l.conn, text = 1, rest
	}
	text, l.how, _ = strings.Cut(text, " # ")
	argv, ok := resp.SplitArgs([]byte(text), nil)
	if !ok {
		t.Fatalf("unbalanced quotes in the script: %s", text)
	}
	for _, a := range argv {
		l.argv = append(l.argv, string(a))
	}
	return l, true
}

// compare returns what is different, "" for nothing.
func (l line) compare(want, got reply) string {
	how, _, _ := strings.Cut(l.how, ":")
	switch strings.TrimSpace(how) {
	case "":
		if !bytes.Equal(want.raw, got.raw) {
			return "not the same bytes"
		}
	case "about":
		if a, b := shape(want.value), shape(got.value); a != b {
			return "not the same shape: " + a + " and " + b
		}
	case "unordered":
		if a, b := sorted(want.value), sorted(got.value); a != b {
			return "not the same elements"
		}
	case "code":
		a, b := want.value.Err(), got.value.Err()
		if a == nil || b == nil || resp.Error(want.value.Str).Code() != resp.Error(got.value.Str).Code() {
			return "not errors of the same code"
		}
	case "skip":
	default:
		return "the script asks for an unknown way to compare: " + how
	}
	return ""
}

// shape is a reply's kinds without their contents.
func shape(v resp.Value) string {
	if len(v.Elems) == 0 {
		return string(rune(v.Kind))
	}
	var b strings.Builder
	b.WriteRune(rune(v.Kind))
	b.WriteByte('(')
	for _, e := range v.Elems {
		b.WriteString(shape(e))
	}
	b.WriteByte(')')
	return b.String()
}

// sorted is a reply with its elements in order.
func sorted(v resp.Value) string {
	elems := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		elems[i] = string(rune(e.Kind)) + e.Text()
	}
	slices.Sort(elems)
	return string(rune(v.Kind)) + strings.Join(elems, "\n")
}

// reply is a reply with the bytes that it came in.
type reply struct {
	raw   []byte
	value resp.Value
}

// Client is a connection that keeps the bytes of the last reply.
type Client struct {
	Conn    net.Conn
	raw     bytes.Buffer
	replies *resp.Reader
}

// Dial connects to a server's Unix socket; the connection ends with the test.
func Dial(t testing.TB, socket string) *Client {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &Client{Conn: conn}
	c.replies = resp.NewReader(recorder{c}, 64<<10)
	return c
}

type recorder struct{ c *Client }

func (r recorder) Read(p []byte) (int, error) {
	n, err := r.c.Conn.Read(p)
	r.c.raw.Write(p[:n])
	return n, err
}

// Send sends a command and does not wait for the reply.
func (c *Client) Send(t testing.TB, argv ...string) {
	t.Helper()
	if err := c.Conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		t.Fatalf("%.200q: %v", argv, err)
	}
}

// Receive reads a reply; an error is that of the connection.
func (c *Client) Receive() (resp.Value, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return resp.Value{}, err
	}
	return c.replies.Reply()
}

// Ask sends a command and returns its reply, an error reply too.
func (c *Client) Ask(t testing.TB, argv ...string) resp.Value {
	t.Helper()
	return c.ask(t, argv...).value
}

// ask reads a reply with the out-of-band messages in front of it.
func (c *Client) ask(t testing.TB, argv ...string) reply {
	t.Helper()
	c.raw.Reset()
	c.Send(t, argv...)
	for {
		v, err := c.Receive()
		if err != nil {
			t.Fatalf("%.200q: %v", argv, err)
		}
		if v.Kind == resp.KindPush {
			continue
		}
		if left := len(c.replies.Buffered()); left != 0 {
			t.Fatalf("%.200q: %d bytes behind the reply %s", argv, left, show(c.raw.Bytes()))
		}
		return reply{bytes.Clone(c.raw.Bytes()), v}
	}
}

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
