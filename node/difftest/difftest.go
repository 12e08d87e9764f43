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
// with "2> " goes over a second connection, and so on to 9. Empty lines and lines
// that begin with # are left out.
//
// "blocks" says that the command is not answered for the time being: both servers
// have to count one more blocked client. The line "2<" reads the answer that the
// connection waits for, and may be compared in the same ways.
//
// Start reading at Run, then Pair.
package difftest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/resp"
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
	Node        *Node
	redisSocket string
	conns       [9]*duo // by their numbers less one; made as they are needed
	admin       *duo    // asks about the others
	dial        func() *duo
}

// duo is a connection to each of them.
type duo struct{ redis, node *Client }

// NewPair starts both, with DEBUG allowed. The options are those of a command
// line ("--databases", "4") and go to both. They end with the test.
func NewPair(t *testing.T, families engine.Families, options ...string) *Pair {
	t.Helper()
	options = append([]string{"--enable-debug-command", "yes"}, options...)
	r := redistest.Start(t, t.TempDir(), options...)
	p := &Pair{Node: StartNode(t, families, options...), redisSocket: r.Socket}
	p.dial = func() *duo { return &duo{Dial(t, p.redisSocket), p.Node.Dial(t)} }
	p.admin = p.dial()
	return p
}

// ask sends a command to both.
func (d *duo) ask(t testing.TB, argv ...string) (want, got reply) {
	t.Helper()
	return d.redis.ask(t, argv...), d.node.ask(t, argv...)
}

// Reset empties both and brings the connections back to their beginning.
func (p *Pair) Reset(t *testing.T) {
	t.Helper()
	for _, d := range p.conns {
		if d != nil {
			d.ask(t, "RESET")
		}
	}
	p.admin.ask(t, "FLUSHALL")
}

// Compare runs the lines of a script against both.
func (p *Pair) Compare(t *testing.T, script string) {
	t.Helper()
	for _, text := range strings.Split(script, "\n") {
		l, ok := parseLine(t, text)
		if !ok {
			continue
		}
		want, got, answered := p.run(t, l)
		if !answered {
			continue
		}
		if difference := l.compare(want, got); difference != "" {
			t.Errorf("%s\n  redis %s\n  node  %s\n  %s", strings.TrimSpace(text), show(want.raw), show(got.raw), difference)
		}
	}
}

// run sends the command of a line to both, or reads the answers that came late.
func (p *Pair) run(t *testing.T, l line) (want, got reply, answered bool) {
	t.Helper()
	d := p.conns[l.conn]
	if d == nil {
		d = p.dial()
		p.conns[l.conn] = d
	}
	switch {
	case l.late:
		return d.redis.await(t, l.argv), d.node.await(t, l.argv), true
	case l.how == "blocks":
		d.redis.block(t, p.admin.redis, l.argv)
		d.node.block(t, p.admin.node, l.argv)
		return want, got, false
	}
	want, got = d.ask(t, l.argv...)
	return want, got, true
}

var blockedClients = regexp.MustCompile(`(?m)^blocked_clients:\d+`)

// block sends a command that is not answered yet, and waits until the server
// tells the admin so.
func (c *Client) block(t *testing.T, admin *Client, argv []string) {
	t.Helper()
	count := func() string { return blockedClients.FindString(admin.Ask(t, "INFO", "clients").Str) }
	before := count()
	c.raw.Reset()
	c.Send(t, argv...)
	for deadline := time.Now().Add(patience); count() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%.200q does not block", argv)
		}
	}
}

// CompareInfo compares what COMMAND INFO and COMMAND DOCS tell about a command,
// subcommands and prose left out.
func (p *Pair) CompareInfo(t *testing.T, name string) {
	t.Helper()
	ask := func(argv ...string) (want, got resp.Value) {
		a, b := p.admin.ask(t, argv...)
		return a.value, b.value
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
	late bool // reads the answer to a command that blocked
	argv []string
	how  string
}

// connection is the beginning of a line that says which connection it is about.
var connection = regexp.MustCompile(`^([1-9])([<>])(?: |$)`)

func parseLine(t *testing.T, text string) (line, bool) {
	t.Helper()
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, "#") {
		return line{}, false
	}
	var l line
	if prefix := connection.FindStringSubmatch(text); prefix != nil {
		l.conn, l.late = int(prefix[1][0]-'1'), prefix[2] == "<"
		if !l.late {
			text = text[len(prefix[0]):]
		}
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

// sorted is a reply with its elements in order, and theirs.
func sorted(v resp.Value) string {
	elems := make([]string, len(v.Elems))
	for i, e := range v.Elems {
		if elems[i] = string(rune(e.Kind)) + e.Text(); len(e.Elems) > 0 {
			elems[i] = sorted(e)
		}
	}
	slices.Sort(elems)
	return string(rune(v.Kind)) + strings.Join(elems, "\n")
}
