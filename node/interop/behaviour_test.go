// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStaleData asks a replica during its first sync, and after its master has
// gone: it serves what it has, or refuses, as replica-serve-stale-data says.
func TestStaleData(t *testing.T) {
	master := start(t, aNode, "master")
	fill(master, 100)
	serving := start(t, aNode, "serving")
	refusing := start(t, aNode, "refusing", "--replica-serve-stale-data", "no")
	p := newProxy(t, master)
	const refusal = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
	for _, moment := range []string{"during the first sync", "after the master has gone"} {
		if moment == "during the first sync" {
			p.allow(0)
			for _, r := range []*server{serving, refusing} {
				r.do("SET", "old", "value")
				r.follow(p.addr())
			}
		} else {
			p.allow(unlimited)
			awaitSame(t, master, serving, refusing)
			p.refuse(true)
			p.cut()
			for _, r := range []*server{serving, refusing} {
				r.await("the link to be down", func() bool { return r.info("replication")["master_link_status"] == "down" })
			}
		}
		if v := serving.ask("DBSIZE"); v.Err() != nil || v.Int == 0 {
			t.Errorf("%s the serving replica answers %s", moment, v.Text())
		}
		for _, argv := range [][]string{{"GET", "old"}, {"DBSIZE"}, {"PING"}, {"SET", "a", "b"}} {
			want := refusal
			if argv[0] == "SET" {
				want = "READONLY You can't write against a read only replica."
			}
			if got := refusing.ask(argv...).Text(); got != want {
				t.Errorf("%s %v is answered %q", moment, argv, got)
			}
		}
		refusing.do("INFO")
		refusing.do("CONFIG", "GET", "save")
	}
}

// TestWritableReplica: local writes are seen only locally, are passed on to
// nobody, and are gone after the next full sync.
func TestWritableReplica(t *testing.T) {
	master, middle, leaf := start(t, aNode, "master"), start(t, aNode, "middle"), start(t, aRedis, "leaf")
	fill(master, 50)
	middle.follow(master.addr())
	middle.awaitLink()
	leaf.follow(middle.addr())
	awaitSame(t, master, middle, leaf)

	if err := middle.ask("SET", "name", "local").Err(); err == nil || err.Error() != "READONLY You can't write against a read only replica." {
		t.Errorf("a write to a replica is answered %v", err)
	}
	middle.do("CONFIG", "SET", "replica-read-only", "no")
	middle.do("SET", "name", "local")
	if got := middle.do("GET", "name").Str; got != "local" {
		t.Errorf("the local write reads %q", got)
	}
	master.do("SET", "fence", "1")
	leaf.await("the stream to arrive", func() bool { return leaf.do("GET", "fence").Str == "1" })
	for _, s := range []*server{master, leaf} {
		if !s.do("GET", "name").IsNull() {
			t.Errorf("%s got the local write", s.name)
		}
	}
	master.do("DEBUG", "CHANGE-REPL-ID")
	master.do("CLIENT", "KILL", "TYPE", "replica")
	middle.await("the local write to be gone", func() bool { return middle.do("GET", "name").IsNull() })
	awaitSame(t, master, middle, leaf)
}

// TestProtectedDataSet is the hazard against a real Redis: the master, without
// persistence, is back at once and empty. The replica keeps its data and says
// why the link is down; a person's REPLICAOF is consent.
func TestProtectedDataSet(t *testing.T) {
	for _, k := range []kind{aRedis, aNode} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			master := start(t, k, "master")
			protected := start(t, aNode, "protected", "--replica-protect-dataset", "yes")
			plain := start(t, aNode, "plain")
			fill(master, 1000)
			for _, r := range []*server{protected, plain} {
				r.follow(master.addr())
			}
			awaitSame(t, master, protected, plain)
			before := protected.digest()
			master.kill()
			master.run()
			plain.await("the plain replica to be emptied", func() bool { return plain.do("DBSIZE").Int == 0 })
			protected.awaitLog("refused: the master offers history")
			if got := protected.digest(); got != before {
				t.Errorf("the protected replica holds %s, before it held %s", got, before)
			}
			if info := protected.info("replication"); info["master_link_status"] != "down" || !strings.Contains(info["master_link_reason"], "replica-protect-dataset") {
				t.Errorf("the refusal is told as %v", info)
			}
			protected.follow(master.addr())
			awaitSame(t, master, protected)
		})
	}
}

// TestWait counts acknowledgements of replicas of both kinds.
func TestWait(t *testing.T) {
	master := start(t, aNode, "master")
	replicas := []*server{start(t, aNode, "replica-0"), start(t, aRedis, "replica-1")}
	if n := master.do("WAIT", "1", "10").Int; n != 0 {
		t.Errorf("without replicas WAIT says %d", n)
	}
	for _, r := range replicas {
		r.follow(master.addr())
	}
	awaitSame(t, master, replicas...)
	for i := range 20 {
		master.do("SET", "k", fmt.Sprint(i))
		begin := time.Now()
		if n := master.do("WAIT", "2", "5000").Int; n != 2 {
			t.Fatalf("WAIT says %d", n)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("WAIT took %v: replicas were not asked", took)
		}
	}
	replicas[1].kill()
	master.await("the replica to be gone", func() bool { return master.info("replication")["connected_slaves"] == "1" })
	master.do("SET", "k", "v")
	if n := master.do("WAIT", "2", "50").Int; n != 1 {
		t.Errorf("with one of two replicas left WAIT says %d", n)
	}
	if err := replicas[0].ask("WAIT", "1", "1").Err(); err == nil || !strings.HasPrefix(err.Error(), "ERR WAIT cannot be used with replica instances") {
		t.Errorf("a replica answers %v", err)
	}
}

// TestMinReplicas refuses writes without enough replicas that acknowledge.
func TestMinReplicas(t *testing.T) {
	master := start(t, aNode, "master", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
	replica := start(t, aRedis, "replica")
	const refusal = "NOREPLICAS Not enough good replicas to write."
	if got := master.ask("SET", "a", "b").Text(); got != refusal {
		t.Errorf("without replicas a write is answered %q", got)
	}
	replica.follow(master.addr())
	replica.awaitLink()
	master.await("writes to be taken", func() bool { return master.ask("SET", "a", "b").Err() == nil })
	replica.do("DEBUG", "SLEEP", "0") // it answers
	pause := func(on bool) { replica.signal(stopOrGo(on)) }
	pause(true)
	master.await("writes to be refused", func() bool { return master.ask("SET", "a", "b").Text() == refusal })
	pause(false)
	master.await("writes to be taken again", func() bool { return master.ask("SET", "a", "b").Err() == nil })
}

// TestWhatCannotBeHeldIsRefused: a master sends what the node has no type for.
// It says so, naming type and key, keeps what it has, and does not go on
// beside it.
func TestWhatCannotBeHeldIsRefused(t *testing.T) {
	t.Run("in the snapshot", func(t *testing.T) {
		t.Parallel()
		master, replica := start(t, aRedis, "master"), start(t, aNode, "replica")
		master.do("XADD", "mystream", "1-1", "field", "value")
		oldData(replica)
		before := replica.digest()
		replica.follow(master.addr())
		replica.awaitLog("Failed trying to load the MASTER synchronization DB")
		if reason := replica.info("replication")["master_link_reason"]; !strings.Contains(reason, "mystream") || !strings.Contains(reason, "a stream") {
			t.Errorf("the reason is told as %q", reason)
		}
		if got := replica.digest(); got != before {
			t.Errorf("the replica holds %s, before it held %s", got, before)
		}
	})
	t.Run("in the stream", func(t *testing.T) {
		t.Parallel()
		master, replica := start(t, aRedis, "master"), start(t, aNode, "replica")
		fill(master, 10)
		replica.follow(master.addr())
		awaitSame(t, master, replica)
		master.do("SET", "before", "1")
		master.do("XADD", "mystream", "1-1", "field", "value")
		master.do("SET", "after", "1")
		replica.awaitLog("Can't apply the master's command 'XADD' with 'mystream'")
		if replica.do("GET", "before").IsNull() || !replica.do("GET", "after").IsNull() {
			t.Error("the replica did not stop where it could not go on")
		}
		replica.await("the reason to be told", func() bool {
			return strings.Contains(replica.info("replication")["master_link_reason"], "mystream")
		})
		master.do("DEL", "mystream")
		awaitSame(t, master, replica)
	})
}

// TestRedisCLI uses Redis's own tools against a node.
func TestRedisCLI(t *testing.T) {
	for _, tool := range []string{"redis-cli", "redis-check-rdb"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s (Debian: apt-get install redis-tools)", tool)
		}
	}
	master := start(t, aNode, "master")
	fill(master, 500)
	dump := filepath.Join(t.TempDir(), "copy.rdb")
	out, err := exec.Command("redis-cli", "-p", strconv.Itoa(master.port), "--rdb", dump).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli --rdb: %v\n%s", err, out)
	}
	if out, err := exec.Command("redis-check-rdb", dump).CombinedOutput(); err != nil || !strings.Contains(string(out), "RDB looks OK") {
		t.Errorf("redis-check-rdb: %v\n%s", err, out)
	}
	master.await("the connection to be forgotten", func() bool { return master.info("replication")["connected_slaves"] == "0" })
}

// TestSlowReplica reads nothing of a long stream: the master serves its other
// clients at once, lets the replica go at its limit, and the replica comes
// back.
func TestSlowReplica(t *testing.T) {
	for _, k := range []kind{aNode, aRedis} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			master := start(t, aNode, "master", "--client-output-buffer-limit", "replica 8mb 0 0", "--repl-backlog-size", "1mb")
			replica := start(t, k, "replica")
			fill(master, 10)
			p := newProxy(t, master)
			replica.follow(p.addr())
			awaitSame(t, master, replica)
			p.allow(0)
			value := strings.Repeat("v", 100_000)
			for i := 0; master.info("replication")["connected_slaves"] == "1"; i++ {
				master.do("SET", fmt.Sprint("big:", i%50), value)
				if i > 1000 {
					t.Fatal("the replica was never let go")
				}
			}
			master.awaitLog("overcoming of output buffer limits")
			p.cut()
			p.allow(unlimited)
			awaitSame(t, master, replica)
		})
	}
}

// TestSilentMaster: a master that falls silent is left after repl-timeout and
// found again.
func TestSilentMaster(t *testing.T) {
	master := start(t, aRedis, "master", "--repl-ping-replica-period", "1")
	replica := start(t, aNode, "replica", "--repl-timeout", "3")
	fill(master, 10)
	replica.follow(master.addr())
	awaitSame(t, master, replica)
	master.signal(stopOrGo(true))
	replica.awaitLog("MASTER timeout: no data nor PING received...")
	master.signal(stopOrGo(false))
	awaitSame(t, master, replica)
	if n := master.number("stats", "sync_full"); n != 1 {
		t.Errorf("the master counts %d full syncs", n)
	}
}
