// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/resp"
	stringcommands "github.com/espalier-io/espalier/node/strings"
)

func families() engine.Families {
	return engine.Families{stringcommands.Commands(), keys.Commands()}
}

func start(t *testing.T, options ...string) *difftest.Node {
	t.Helper()
	return difftest.StartNode(t, families(), append([]string{"--enable-debug-command", "yes"}, options...)...)
}

// want fails the test unless the reply's text is the wanted one.
func want(t *testing.T, got resp.Value, text string) {
	t.Helper()
	if got.Text() != text {
		t.Errorf("got %q, want %q", got.Text(), text)
	}
}

// closed waits for the end of a connection.
func closed(t *testing.T, c *difftest.Client) {
	t.Helper()
	for {
		if _, err := c.Receive(); err == io.EOF || err == io.ErrUnexpectedEOF {
			return
		} else if err != nil && strings.Contains(err.Error(), "reset by peer") {
			return
		} else if err != nil {
			t.Fatalf("the connection was not closed: %v", err)
		}
	}
}

func TestPasswords(t *testing.T) {
	n := start(t, "--requirepass", "secret")
	c := n.Dial(t)
	want(t, c.Ask(t, "PING"), "NOAUTH Authentication required.")
	want(t, c.Ask(t, "NOSUCH"), "ERR unknown command 'NOSUCH', with args beginning with: ")
	want(t, c.Ask(t, "GET"), "ERR wrong number of arguments for 'get' command")
	want(t, c.Ask(t, "EXEC"), "EXECABORT Transaction discarded because of: NOAUTH Authentication required.")
	want(t, c.Ask(t, "AUTH", "wrong"), "WRONGPASS invalid username-password pair or user is disabled.")
	want(t, c.Ask(t, "AUTH", "nobody", "secret"), "WRONGPASS invalid username-password pair or user is disabled.")
	if v := c.Ask(t, "HELLO", "3"); resp.Error(v.Str).Code() != "NOAUTH" {
		t.Errorf("HELLO without a password: %s", v.Text())
	}
	if v := c.Ask(t, "HELLO", "3", "AUTH", "default", "secret"); v.Kind != resp.KindMap {
		t.Errorf("HELLO with the password: %s", v.Text())
	}
	want(t, c.Ask(t, "PING"), "PONG")
	want(t, c.Ask(t, "RESET"), "RESET")
	want(t, c.Ask(t, "PING"), "NOAUTH Authentication required.")
	want(t, c.Ask(t, "AUTH", "secret"), "OK")

	// Who is in stays in when the password changes; who is out gets in when
	// there is none any more.
	out := n.Dial(t)
	want(t, c.Ask(t, "CONFIG", "SET", "requirepass", "other"), "OK")
	want(t, c.Ask(t, "PING"), "PONG")
	want(t, out.Ask(t, "AUTH", "secret"), "WRONGPASS invalid username-password pair or user is disabled.")
	want(t, c.Ask(t, "CONFIG", "SET", "requirepass", ""), "OK")
	want(t, out.Ask(t, "PING"), "PONG")
}

func TestClientListHasRedisFields(t *testing.T) {
	n, r := start(t), redistest.Start(t, t.TempDir())
	fields := regexp.MustCompile(`[a-z-]+=`)
	name := func(line string) string { return strings.Join(fields.FindAllString(line, -1), " ") }
	theirs := name(r.Do("CLIENT", "LIST").Str)
	if ours := name(n.Do(t, "CLIENT", "LIST").Str); ours != theirs {
		t.Errorf("CLIENT LIST has\n%s\nwant\n%s", ours, theirs)
	}
	c := n.Dial(t)
	c.Ask(t, "CLIENT", "SETNAME", "me")
	c.Ask(t, "SELECT", "3")
	c.Ask(t, "MULTI")
	c.Ask(t, "GET", "a")
	list := n.Do(t, "CLIENT", "LIST").Str
	for _, part := range []string{" name=me ", " flags=x ", " db=3 ", " multi=1 ", " cmd=get ", " user=default ", " resp=2\n"} {
		if !strings.Contains(list, part) {
			t.Errorf("CLIENT LIST lacks %q:\n%s", part, list)
		}
	}
}

func TestClientKill(t *testing.T) {
	n := start(t)
	a, b, c := n.Dial(t), n.Dial(t), n.Dial(t)
	id := fmt.Sprint(b.Ask(t, "CLIENT", "ID").Int)
	a.Ask(t, "PING")
	want(t, c.Ask(t, "CLIENT", "KILL", "ID", id), "1")
	closed(t, b)
	want(t, a.Ask(t, "PING"), "PONG")
	want(t, c.Ask(t, "CLIENT", "KILL", "TYPE", "normal"), "1") // itself is spared
	closed(t, a)
	want(t, c.Ask(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"), "1") // answered, then closed
	closed(t, c)
}

func TestClientReply(t *testing.T) {
	n := start(t)
	c := n.Dial(t)
	for _, argv := range [][]string{
		{"CLIENT", "REPLY", "SKIP"}, {"PING", "skipped"}, {"PING", "first"},
		{"CLIENT", "REPLY", "OFF"}, {"PING", "off"}, {"NOSUCH"}, {"CLIENT", "REPLY", "SKIP"}, {"PING", "off still"},
		{"CLIENT", "REPLY", "ON"}, {"PING", "last"},
	} {
		c.Send(t, argv...)
	}
	for _, text := range []string{"first", "OK", "last"} {
		v, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		want(t, v, text)
	}
}

func TestClientPause(t *testing.T) {
	n := start(t)
	admin, reader, writer := n.Dial(t), n.Dial(t), n.Dial(t)
	writer.Ask(t, "MULTI")
	writer.Ask(t, "SET", "a", "1")
	want(t, admin.Ask(t, "CLIENT", "PAUSE", "100000", "WRITE"), "OK")
	want(t, reader.Ask(t, "GET", "a"), "(nil)")
	writer.Send(t, "EXEC")
	awaitInfo(t, reader, "clients", "blocked_clients:1")
	want(t, reader.Ask(t, "GET", "a"), "(nil)")
	want(t, admin.Ask(t, "CLIENT", "UNPAUSE"), "OK")
	v, err := writer.Receive()
	if err != nil {
		t.Fatal(err)
	}
	want(t, v, "[OK]")

	// A pause of everything holds the one who asked for it, too, until its
	// time is over.
	want(t, admin.Ask(t, "CLIENT", "PAUSE", "50"), "OK")
	begin := time.Now()
	want(t, reader.Ask(t, "GET", "a"), "1")
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("answered after %v in spite of the pause", took)
	}
}

func TestOutputLimits(t *testing.T) {
	t.Run("hard", func(t *testing.T) {
		n := start(t, "--client-output-buffer-limit", "normal 1mb 0 0")
		c := n.Dial(t)
		c.Ask(t, "SET", "big", strings.Repeat("x", 512<<10))
		for range 40 {
			c.Send(t, "GET", "big")
		}
		n.Await(t, "scheduled to be closed ASAP for overcoming of output buffer limits")
		closed(t, c)
	})
	t.Run("soft", func(t *testing.T) {
		n := start(t, "--client-output-buffer-limit", "normal 0 1mb 1")
		c := n.Dial(t)
		c.Ask(t, "SET", "big", strings.Repeat("x", 512<<10))
		for range 40 {
			c.Send(t, "GET", "big")
		}
		n.Await(t, "scheduled to be closed ASAP for overcoming of output buffer limits")
		closed(t, c)
	})
}

func TestIdleClientsAreClosed(t *testing.T) {
	n := start(t, "--timeout", "1")
	closed(t, n.Dial(t))
}

func TestMaxClients(t *testing.T) {
	n := start(t, "--maxclients", "2")
	a, b := n.Dial(t), n.Dial(t)
	want(t, a.Ask(t, "PING"), "PONG")
	want(t, b.Ask(t, "PING"), "PONG")
	c := n.Dial(t)
	v, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	want(t, v, "ERR max number of clients reached")
	closed(t, c)
	want(t, a.Ask(t, "CONFIG", "SET", "maxclients", "3"), "OK")
	want(t, n.Do(t, "PING"), "PONG")
}

func TestMonitor(t *testing.T) {
	n := start(t)
	m, c := n.Dial(t), n.Dial(t)
	want(t, m.Ask(t, "MONITOR"), "OK")
	c.Ask(t, "SELECT", "2")
	c.Ask(t, "SET", "a b", "x\x01\"")
	c.Ask(t, "AUTH", "default", "secret")
	c.Ask(t, "CONFIG", "GET", "save") // an admin's command is not shown
	c.Ask(t, "PING")
	for _, tail := range []string{`"SELECT" "2"`, `"SET" "a b" "x\x01\""`, `"AUTH" "(redacted)" "(redacted)"`, `"PING"`} {
		v, err := m.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(v.Str, "] "+tail) {
			t.Errorf("shown %q, want …%s", v.Str, tail)
		}
	}
}

func TestSecurityOfHTTP(t *testing.T) {
	n := start(t)
	for _, first := range []string{"POST / HTTP/1.1\r\n", "Host: example.com\r\n"} {
		c := n.Dial(t)
		if _, err := c.Conn.Write([]byte(first + "SET a 1\r\n")); err != nil {
			t.Fatal(err)
		}
		closed(t, c)
	}
	want(t, n.Do(t, "EXISTS", "a"), "0")
}

func TestClientUnblock(t *testing.T) {
	n := start(t)
	admin, waiter := n.Dial(t), n.Dial(t)
	id := fmt.Sprint(waiter.Ask(t, "CLIENT", "ID").Int)
	want(t, admin.Ask(t, "CLIENT", "UNBLOCK", id), "0")
	for reason, answer := range map[string]string{"TIMEOUT": "0", "ERROR": "UNBLOCKED client unblocked via CLIENT UNBLOCK"} {
		waiter.Send(t, "WAIT", "1", "0")
		awaitInfo(t, admin, "clients", "blocked_clients:1")
		want(t, admin.Ask(t, "CLIENT", "UNBLOCK", id, reason), "1")
		v, err := waiter.Receive()
		if err != nil {
			t.Fatal(err)
		}
		want(t, v, answer)
	}
	begin := time.Now()
	want(t, waiter.Ask(t, "WAIT", "1", "30"), "0")
	if took := time.Since(begin); took < 25*time.Millisecond {
		t.Errorf("WAIT with a timeout of 30 ms took %v", took)
	}
}
