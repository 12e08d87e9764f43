// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/resp"
)

// stream is a replica that only listens.
type stream struct {
	t  *testing.T
	in *bufio.Reader
}

// listen attaches to the node's stream, behind the snapshot.
func listen(t *testing.T, n *difftest.Node) *stream {
	t.Helper()
	c := n.Dial(t)
	c.Send(t, "PSYNC", "?", "-1")
	s := &stream{t: t, in: bufio.NewReader(c.Conn)}
	if line := s.line(); !strings.HasPrefix(line, "+FULLRESYNC ") {
		t.Fatalf("PSYNC is answered %q", line)
	}
	size := s.line()
	length, err := strconv.ParseInt(strings.TrimPrefix(size, "$"), 10, 64)
	if err != nil {
		t.Fatalf("the snapshot begins with %q", size)
	}
	if _, err := io.CopyN(io.Discard, s.in, length); err != nil {
		t.Fatal(err)
	}
	return s
}

// line reads a line that is no keep-alive.
func (s *stream) line() string {
	s.t.Helper()
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
}

// command reads a command of the stream; PINGs do not count.
func (s *stream) command() string {
	s.t.Helper()
	for {
		count, err := strconv.Atoi(strings.TrimPrefix(s.line(), "*"))
		if err != nil {
			s.t.Fatal(err)
		}
		var words []string
		for range count {
			size, err := strconv.Atoi(strings.TrimPrefix(s.line(), "$"))
			if err != nil {
				s.t.Fatal(err)
			}
			word := make([]byte, size+2)
			if _, err := io.ReadFull(s.in, word); err != nil {
				s.t.Fatal(err)
			}
			words = append(words, string(word[:size]))
		}
		if text := strings.Join(words, " "); !strings.EqualFold(text, "PING") {
			return text
		}
	}
}

func (s *stream) want(commands ...string) {
	s.t.Helper()
	for _, c := range commands {
		if got := s.command(); !strings.EqualFold(got, c) {
			s.t.Fatalf("the stream has %q, want %q", got, c)
		}
	}
}

// TestStreamUnits holds what a call or a transaction puts on the stream to
// Redis's rules: whole, in its database, and nothing without effect.
func TestStreamUnits(t *testing.T) {
	n := start(t, "--repl-diskless-sync-delay", "0", "--hz", "500")
	s, c := listen(t, n), n.Dial(t)
	run := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			argv, _ := resp.SplitArgs([]byte(line), nil)
			words := make([]string, len(argv))
			for i, a := range argv {
				words[i] = string(a)
			}
			c.Ask(t, words...)
		}
	}
	run("GET a", "SET", "SET a 1", "GET a")
	s.want("SELECT 0", "SET a 1")
	run("INCR a", "DEL nosuch", "DEL a")
	s.want("INCR a", "DEL a")

	t.Log("a transaction")
	run("MULTI", "SET a 1", "GET a", "SET b 2", "EXEC")
	s.want("MULTI", "SET a 1", "SET b 2", "EXEC")
	t.Log("with one effect, and with none")
	run("MULTI", "GET a", "SET a 2", "EXEC", "MULTI", "GET a", "EXEC", "MULTI", "SET a 3", "DISCARD", "SET a 4")
	s.want("SET a 2", "SET a 4")
	t.Log("with an error in it")
	run("MULTI", "SET a x", "INCR a", "SET b 3", "EXEC")
	s.want("MULTI", "SET a x", "SET b 3", "EXEC")
	t.Log("in several databases")
	run("MULTI", "SET a 5", "SELECT 3", "SET a 6", "EXEC", "SET a 7", "SELECT 0", "SET a 8")
	s.want("MULTI", "SET a 5", "SELECT 3", "SET a 6", "EXEC", "SET a 7", "SELECT 0", "SET a 8")

	t.Log("what has no effect that we know of")
	run("FLUSHALL", "FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1")
	s.want("FLUSHALL", "FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1")

	t.Log("keys that expire: found by a read, by a write, by the active cycle")
	run("DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG POPULATE 2 gone", "PEXPIRE gone:0 1", "PEXPIRE gone:1 1")
	for i := range 2 {
		if got := s.command(); !strings.HasPrefix(strings.ToUpper(got), fmt.Sprintf("PEXPIREAT GONE:%d ", i)) {
			t.Errorf("the stream has %q", got)
		}
	}
	run("DEBUG SLEEP 0.01", "GET gone:0", "INCR gone:1")
	s.want("DEL gone:0", "MULTI", "DEL gone:1", "INCR gone:1", "EXEC")
	run("DEBUG SET-ACTIVE-EXPIRE 1", "CONFIG SET lazyfree-lazy-expire yes", "SET gone x", "PEXPIRE gone 1")
	s.want("SET gone x")
	s.command()
	s.want("UNLINK gone")
}

// TestSessionsOfReplicasKeepOff holds replicas to listening.
func TestSessionsOfReplicasKeepOff(t *testing.T) {
	n := start(t, "--repl-diskless-sync-delay", "0")
	c := n.Dial(t)
	c.Send(t, "PSYNC", "?", "-1")
	c.Send(t, "SET", "a", "1")
	n.Await(t, "Replica generated a reply to command 'set', disconnecting it")
	want(t, n.Do(t, "EXISTS", "a"), "0")
}

// TestGates asks for each refusal, and for the order of two.
func TestGates(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		n := start(t, "--maxmemory", "1")
		c := n.Dial(t)
		want(t, c.Ask(t, "SET", "a", "1"), "OOM command not allowed when used memory > 'maxmemory'.")
		want(t, c.Ask(t, "GET", "a"), "(nil)")
		want(t, c.Ask(t, "DEL", "a"), "0")
		want(t, c.Ask(t, "MULTI"), "OK")
		want(t, c.Ask(t, "GET", "a"), "OOM command not allowed when used memory > 'maxmemory'.")
		want(t, c.Ask(t, "EXEC"), "EXECABORT Transaction discarded because of previous errors.")
	})
	t.Run("too few replicas", func(t *testing.T) {
		n := start(t)
		c := n.Dial(t)
		want(t, c.Ask(t, "MULTI"), "OK")
		want(t, c.Ask(t, "SET", "a", "1"), "QUEUED")
		want(t, n.Do(t, "CONFIG", "SET", "min-replicas-to-write", "1"), "OK")
		want(t, c.Ask(t, "EXEC"), "EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.")
		want(t, c.Ask(t, "SET", "a", "1"), "NOREPLICAS Not enough good replicas to write.")
		want(t, c.Ask(t, "GET", "a"), "(nil)")
	})
	t.Run("a replica without its master", func(t *testing.T) {
		n := start(t, "--replica-serve-stale-data", "no")
		c := n.Dial(t)
		want(t, c.Ask(t, "REPLICAOF", "127.0.0.1", "1"), "OK")
		want(t, c.Ask(t, "SET", "a", "1"), "READONLY You can't write against a read only replica.")
		want(t, c.Ask(t, "GET", "a"), "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
		want(t, c.Ask(t, "PING"), "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")
		want(t, c.Ask(t, "ECHO", "x"), "x")
		want(t, c.Ask(t, "CONFIG", "SET", "replica-serve-stale-data", "yes"), "OK")
		want(t, c.Ask(t, "GET", "a"), "(nil)")
		want(t, c.Ask(t, "CONFIG", "SET", "replica-read-only", "no"), "OK")
		want(t, c.Ask(t, "SET", "a", "1"), "OK")
		want(t, c.Ask(t, "REPLICAOF", "NO", "ONE"), "OK")
		want(t, c.Ask(t, "SET", "a", "2"), "OK")
	})
	t.Run("DEBUG", func(t *testing.T) {
		n := difftest.StartNode(t, families())
		if v := n.Do(t, "DEBUG", "SLEEP", "0"); !strings.HasPrefix(v.Str, "ERR DEBUG command not allowed. ") {
			t.Errorf("DEBUG: %s", v.Text())
		}
	})
}
