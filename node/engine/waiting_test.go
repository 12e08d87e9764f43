// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// takeCommands is the smallest blocking family: TAKE key [key …] timeout gives
// and deletes the first string that there is.
func takeCommands() []command.Spec {
	return []command.Spec{{
		Name: "take", Arity: -3, Flags: command.Write | command.Blocking,
		Keys: []command.KeySpec{{Index: 1, Last: -2}}, Handler: take,
	}}
}

func take(ctx *command.Context) {
	last := len(ctx.Argv) - 1
	timeout, ok := ctx.Timeout(ctx.Argv[last])
	if !ok {
		return
	}
	keys := ctx.Argv[1:last]
	for _, key := range ctx.Awaited(keys) {
		if v, found := ctx.Write(key); found {
			ctx.Reply.ArrayLen(2)
			ctx.Reply.Bulk(key)
			ctx.Reply.Bulk(v.Bytes())
			ctx.DB.Delete(key)
			ctx.Modified(command.EventGeneric, "del", key)
			ctx.Propagate([]byte("GETDEL"), key)
			return
		}
	}
	if !ctx.Block(command.Wait{Keys: keys, Type: store.TypeString, Timeout: timeout}) {
		ctx.Reply.NullArray()
	}
}

func startTake(t *testing.T, options ...string) *difftest.Node {
	t.Helper()
	return difftest.StartNode(t, append(families(), takeCommands()), append([]string{"--enable-debug-command", "yes"}, options...)...)
}

// waiters starts a number of clients that run the same command and wait, the
// first one first.
func waiters(t *testing.T, n *difftest.Node, count int, line string) []*difftest.Client {
	t.Helper()
	admin := n.Dial(t)
	clients := make([]*difftest.Client, count)
	for i := range clients {
		before := infoField(t, admin, "clients", "blocked_clients")
		clients[i] = n.Dial(t)
		clients[i].Send(t, strings.Fields(line)...)
		eventually(t, line+" waits", func() bool { return infoField(t, admin, "clients", "blocked_clients") != before })
	}
	return clients
}

func receive(t *testing.T, c *difftest.Client, text string) {
	t.Helper()
	v, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	want(t, v, text)
}

func TestWaitingForKeys(t *testing.T) {
	n := startTake(t)
	c := n.Dial(t)
	ask := func(line, text string) {
		t.Helper()
		want(t, c.Ask(t, strings.Fields(line)...), text)
	}
	t.Run("what is there is taken at once", func(t *testing.T) {
		ask("SET b 1", "OK")
		ask("TAKE a b 0", "[b 1]")
	})
	t.Run("the one who waits longest is served first", func(t *testing.T) {
		w := waiters(t, n, 3, "TAKE a 0")
		for i, client := range w {
			ask(fmt.Sprintf("SET a %d", i), "OK")
			receive(t, client, fmt.Sprintf("[a %d]", i))
		}
		ask("EXISTS a", "0")
	})
	t.Run("in the order in which the keys became ready", func(t *testing.T) {
		w := waiters(t, n, 1, "TAKE a b 0")
		ask("MULTI", "OK")
		ask("SET b 1", "QUEUED")
		ask("SET a 2", "QUEUED")
		ask("EXEC", "[OK OK]")
		receive(t, w[0], "[b 1]")
		ask("GETDEL a", "2")
	})
	t.Run("a key given twice", func(t *testing.T) {
		w := waiters(t, n, 2, "TAKE a a 0")
		ask("SET a 1", "OK")
		receive(t, w[0], "[a 1]")
		ask("SET a 2", "OK")
		receive(t, w[1], "[a 2]")
	})
	t.Run("a transaction is whole", func(t *testing.T) {
		w := waiters(t, n, 1, "TAKE a 0")
		ask("MULTI", "OK")
		ask("SET a 1", "QUEUED")
		ask("DEL a", "QUEUED")
		ask("EXEC", "[OK 1]")
		ask("MULTI", "OK")
		ask("SET a 1", "QUEUED")
		ask("SET a 2", "QUEUED")
		ask("GET a", "QUEUED")
		ask("EXEC", "[OK OK 2]")
		receive(t, w[0], "[a 2]")
	})
	t.Run("by any way in which a key comes to be", func(t *testing.T) {
		for _, way := range []struct{ before, lines string }{
			{"SET x 1", "RENAME x a"}, {"SET x 1", "COPY x a"}, {"", "APPEND a 1"}, {"", "INCR a"},
			{"SELECT 1;SET a 1", "MOVE a 0;SELECT 0"}, {"SELECT 2;SET a 1;SELECT 0", "SWAPDB 0 2"},
			{"SELECT 3;SET a 1", "COPY a a DB 0;SELECT 0"},
		} {
			w := waiters(t, n, 1, "TAKE a 0")
			for line := range strings.SplitSeq(way.before+";"+way.lines, ";") {
				if line != "" {
					c.Ask(t, strings.Fields(line)...)
				}
			}
			receive(t, w[0], "[a 1]")
			c.Ask(t, "FLUSHALL")
		}
	})
	t.Run("a key that had expired is none", func(t *testing.T) {
		w := waiters(t, n, 1, "TAKE a 0")
		ask("DEBUG SET-ACTIVE-EXPIRE 0", "OK")
		ask("MULTI", "OK")
		ask("SET a 1 PXAT 1", "QUEUED")
		ask("EXEC", "[OK]")
		ask("EXISTS a", "0")
		ask("MULTI", "OK")
		ask("SET a 1 PX 5", "QUEUED")
		ask("DEBUG SLEEP 0.01", "QUEUED")
		ask("EXEC", "[OK OK]")
		ask("DEBUG SET-ACTIVE-EXPIRE 1", "OK")
		ask("SET a 2", "OK")
		receive(t, w[0], "[a 2]")
	})
	t.Run("the input behind the command waits with it", func(t *testing.T) {
		w := waiters(t, n, 1, "TAKE a 0")
		w[0].Send(t, "PING")
		ask("SET a 1", "OK")
		receive(t, w[0], "[a 1]")
		receive(t, w[0], "PONG")
	})
	t.Run("nothing waits in a transaction", func(t *testing.T) {
		ask("MULTI", "OK")
		ask("TAKE a 0", "QUEUED")
		ask("EXEC", "[(nil)]")
	})
	t.Run("time", func(t *testing.T) {
		ask("TAKE a 0.01", "(nil)")
		ask("TAKE a -1", "ERR timeout is negative")
		ask("TAKE a x", "ERR timeout is not a float or out of range")
		awaitInfo(t, c, "clients", "blocked_clients:0")
		w := waiters(t, n, 1, "TAKE a 1000")
		awaitInfo(t, c, "clients", "clients_in_timeout_table:1")
		if list := c.Ask(t, "CLIENT", "LIST").Str; !strings.Contains(list, " flags=b ") || !strings.Contains(list, " argv-mem=9 ") {
			t.Errorf("CLIENT LIST does not show the waiting client:\n%s", list)
		}
		ask("SET a 1", "OK")
		receive(t, w[0], "[a 1]")
		awaitInfo(t, c, "clients", "clients_in_timeout_table:0")
	})
	t.Run("a client that goes", func(t *testing.T) {
		w := waiters(t, n, 3, "TAKE a b 0")
		w[1].Conn.Close()
		awaitInfo(t, c, "clients", "blocked_clients:2")
		ask("SET a 1", "OK")
		ask("SET a 2", "OK")
		receive(t, w[0], "[a 1]")
		receive(t, w[2], "[a 2]")
	})
	t.Run("CLIENT UNBLOCK", func(t *testing.T) {
		for reason, answer := range map[string]string{"TIMEOUT": "(nil)", "ERROR": "UNBLOCKED client unblocked via CLIENT UNBLOCK"} {
			w := n.Dial(t)
			id := w.Ask(t, "CLIENT", "ID").Text()
			w.Send(t, "TAKE", "a", "0")
			awaitInfo(t, c, "clients", "blocked_clients:1")
			ask("CLIENT UNBLOCK "+id+" "+reason, "1")
			receive(t, w, answer)
			ask("CLIENT UNBLOCK "+id, "0")
		}
	})
	t.Run("CLIENT REPLY", func(t *testing.T) {
		w := n.Dial(t)
		w.Send(t, "CLIENT", "REPLY", "SKIP")
		w.Send(t, "TAKE", "a", "0")
		awaitInfo(t, c, "clients", "blocked_clients:1")
		ask("SET a 1", "OK")
		want(t, w.Ask(t, "PING"), "PONG")
		ask("EXISTS a", "0")
	})
	t.Run("a pause", func(t *testing.T) {
		w := waiters(t, n, 1, "TAKE a 0")
		ask("MULTI", "OK")
		ask("CLIENT PAUSE 100000 WRITE", "QUEUED")
		ask("SET a 1", "QUEUED")
		ask("EXEC", "[OK OK]")
		ask("EXISTS a", "1")
		ask("CLIENT UNPAUSE", "OK")
		receive(t, w[0], "[a 1]")
	})
	t.Run("counted once", func(t *testing.T) {
		ask("CONFIG RESETSTAT", "OK")
		w := waiters(t, n, 1, "TAKE a 0")
		ask("SET a 1", "OK")
		receive(t, w[0], "[a 1]")
		if got := infoField(t, c, "commandstats", "cmdstat_take"); !strings.HasPrefix(got, "calls=1,") || !strings.HasSuffix(got, ",rejected_calls=0,failed_calls=0") {
			t.Errorf("cmdstat_take: %s", got)
		}
	})
	t.Run("slow once it is over", func(t *testing.T) {
		ask("CONFIG SET slowlog-log-slower-than 0", "OK")
		w := waiters(t, n, 1, "TAKE a 0")
		if log := c.Ask(t, "SLOWLOG", "GET", "-1").Text(); strings.Contains(log, "TAKE") {
			t.Errorf("the call is in the slow log although it waits: %s", log)
		}
		ask("SET a 1", "OK")
		receive(t, w[0], "[a 1]")
		if log := c.Ask(t, "SLOWLOG", "GET", "-1").Text(); strings.Count(log, "TAKE") != 1 {
			t.Errorf("the call is not in the slow log once: %s", log)
		}
	})
}

// TestWaitersOnTheStream holds each served command to a unit of its own, behind
// the one that brought the value.
func TestWaitersOnTheStream(t *testing.T) {
	n := startTake(t, "--repl-diskless-sync-delay", "0")
	w := waiters(t, n, 2, "TAKE a b 0")
	s, c := listen(t, n), n.Dial(t)
	for _, line := range []string{"SET a 1", "MULTI", "SET a 2", "SET c 3", "EXEC", "SET d 4"} {
		c.Ask(t, strings.Fields(line)...)
	}
	s.Want(t, "SELECT 0", "SET a 1", "GETDEL a", "MULTI", "SET a 2", "SET c 3", "EXEC", "GETDEL a", "SET d 4")
	receive(t, w[0], "[a 1]")
	receive(t, w[1], "[a 2]")
}

// TestWaitersOfAReplica: who waits for what a master gives is sent away when the
// node becomes a replica; a writable replica serves its own clients from what the
// stream brings.
func TestWaitersOfAReplica(t *testing.T) {
	p := newPuppet(t, fullSync)
	n := startTake(t, "--replica-read-only", "no")
	w := waiters(t, n, 1, "TAKE a 0")
	c := n.Dial(t)
	want(t, c.Ask(t, "REPLICAOF", "127.0.0.1", p.port()), "OK")
	receive(t, w[0], "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")
	closed(t, w[0])
	eventually(t, "the link is up", func() bool { return infoField(t, c, "replication", "master_link_status") == "up" })

	w = waiters(t, n, 1, "TAKE a 0")
	p.stream <- "SET a 1"
	receive(t, w[0], "[a 1]")
	t.Log("a call in the stream waits for nothing")
	p.stream <- "TAKE a 0"
	p.stream <- "SET b 2"
	eventually(t, "the stream goes on", func() bool { return c.Ask(t, "GET", "b").Text() == "2" })
	awaitInfo(t, c, "clients", "blocked_clients:0")

	t.Log("what the stream brings and takes away again in one go is not seen")
	w = waiters(t, n, 1, "TAKE a 0")
	p.stream <- "MULTI"
	p.stream <- "SET a 1"
	p.stream <- "DEL a"
	p.stream <- "EXEC"
	p.stream <- "SET a 2"
	receive(t, w[0], "[a 2]")

	w = waiters(t, n, 1, "TAKE a 0")
	want(t, c.Ask(t, "CONFIG", "SET", "replica-read-only", "yes"), "OK")
	p.stream <- "SET a 1"
	receive(t, w[0], "READONLY You can't write against a read only replica.")
	want(t, c.Ask(t, "GET", "a"), "1")
}

// TestWaitersForADataSet: a snapshot of the master can bring what somebody waits
// for as well.
func TestWaitersForADataSet(t *testing.T) {
	send := make(chan struct{})
	p := newPuppet(t, func(string) string {
		<-send
		return syncOf(rdb.Item{Key: []byte("a"), Type: rdb.TypeString, String: []byte("1"), ExpireAt: rdb.NoExpiry})
	})
	n := startTake(t, "--replica-read-only", "no")
	want(t, n.Do(t, "REPLICAOF", "127.0.0.1", p.port()), "OK")
	w := waiters(t, n, 1, "TAKE b a 0")
	close(send)
	receive(t, w[0], "[a 1]")
}
