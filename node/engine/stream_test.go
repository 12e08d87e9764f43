// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/resp"
)

// listen attaches to the node's stream, behind the snapshot.
func listen(t *testing.T, n *difftest.Node) *difftest.Stream {
	t.Helper()
	return difftest.Listen(t, n.Dial(t))
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
	s.Want(t, "SELECT 0", "SET a 1")
	run("INCR a", "DEL nosuch", "DEL a")
	s.Want(t, "INCR a", "DEL a")

	t.Log("a transaction")
	run("MULTI", "SET a 1", "GET a", "SET b 2", "EXEC")
	s.Want(t, "MULTI", "SET a 1", "SET b 2", "EXEC")
	t.Log("with one effect, and with none")
	run("MULTI", "GET a", "SET a 2", "EXEC", "MULTI", "GET a", "EXEC", "MULTI", "SET a 3", "DISCARD", "SET a 4")
	s.Want(t, "SET a 2", "SET a 4")
	t.Log("with an error in it")
	run("MULTI", "SET a x", "INCR a", "SET b 3", "EXEC")
	s.Want(t, "MULTI", "SET a x", "SET b 3", "EXEC")
	t.Log("in several databases")
	run("MULTI", "SET a 5", "SELECT 3", "SET a 6", "EXEC", "SET a 7", "SELECT 0", "SET a 8")
	s.Want(t, "MULTI", "SET a 5", "SELECT 3", "SET a 6", "EXEC", "SET a 7", "SELECT 0", "SET a 8")

	t.Log("what has no effect that we know of")
	run("FLUSHALL", "FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1")
	s.Want(t, "FLUSHALL", "FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1")

	t.Log("keys that expire: found by a read, by a write, by the active cycle")
	run("DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG POPULATE 2 gone", "PEXPIRE gone:0 1", "PEXPIRE gone:1 1")
	for i := range 2 {
		if got := s.Command(t); !strings.HasPrefix(strings.ToUpper(got), fmt.Sprintf("PEXPIREAT GONE:%d ", i)) {
			t.Errorf("the stream has %q", got)
		}
	}
	run("DEBUG SLEEP 0.01", "GET gone:0", "INCR gone:1")
	s.Want(t, "DEL gone:0", "MULTI", "DEL gone:1", "INCR gone:1", "EXEC")
	run("DEBUG SET-ACTIVE-EXPIRE 1", "CONFIG SET lazyfree-lazy-expire yes", "SET gone x", "PEXPIRE gone 1")
	s.Want(t, "SET gone x")
	s.Command(t)
	s.Want(t, "UNLINK gone")
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
