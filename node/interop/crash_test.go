// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The phases of a full sync in which somebody is killed.
type phase struct {
	name string
	// A pause for each key, in microseconds, that makes the phase last.
	saving, loading string
	// budget is how many bytes of the master get through to the replica.
	budget int64
	// reached waits until the phase is there.
	reached func(t *testing.T, master, replica *server, p *proxy)
}

func stuckInTransfer(t *testing.T, _, _ *server, p *proxy) { p.stuck(t) }

var phases = []phase{
	{name: "handshake", budget: 0, reached: stuckInTransfer},
	{name: "snapshot being made", saving: "2000", budget: unlimited,
		reached: func(_ *testing.T, master, _ *server, _ *proxy) { master.awaitLog("Starting BGSAVE for SYNC") }},
	{name: "transfer", budget: 100_000, reached: stuckInTransfer},
	{name: "last byte of the transfer", budget: -1, reached: stuckInTransfer},
	{name: "load", loading: "1000", budget: unlimited,
		reached: func(_ *testing.T, _, replica *server, _ *proxy) {
			replica.awaitLog("MASTER <-> REPLICA sync: Loading DB in memory")
		}},
}

// oldData gives a replica-to-be a data set that is easy to tell from the new.
func oldData(s *server) {
	for i := range 100 {
		s.do("SET", fmt.Sprint("old:", i), "old")
	}
}

// TestMasterKilled kills the master in each phase: the replica keeps its old
// data set, whole, and goes on serving it; when the master is back, it gets
// the new one.
func TestMasterKilled(t *testing.T) {
	for _, mk := range []kind{aNode, aRedis} {
		for _, ph := range phases {
			for _, diskless := range []string{"no", "yes"} {
				if ph.budget == -1 && diskless == "yes" {
					continue // its length is not known beforehand
				}
				t.Run(fmt.Sprintf("%s in %s, diskless %s", mk, ph.name, diskless), func(t *testing.T) {
					t.Parallel()
					master := start(t, mk, "master", "--repl-diskless-sync", diskless, "--save", "3600 1000000", "--rdbcompression", "no")
					replica := start(t, aNode, "replica", "--repl-diskless-load", "swapdb")
					fill(master, 2000)
					master.do("SAVE")
					oldData(replica)
					before := replica.digest()
					p := ph.begin(t, master, replica)
					master.kill()
					p.cut()
					p.allow(unlimited)
					if ph.name != "load" { // then it has all that it needs
						replica.await("the link to be down", func() bool {
							return replica.info("replication")["master_sync_in_progress"] == "0"
						})
						if got := replica.digest(); got != before {
							t.Fatalf("the replica holds %s, before it held %s", got, before)
						}
					}
					master.run()
					awaitSame(t, master, replica)
				})
			}
		}
	}
}

// begin lets the replica follow the master, until the phase is reached.
func (ph *phase) begin(t *testing.T, master, replica *server) *proxy {
	t.Helper()
	if ph.saving != "" {
		master.do("CONFIG", "SET", "rdb-key-save-delay", ph.saving)
	}
	if ph.loading != "" {
		replica.do("CONFIG", "SET", "key-load-delay", ph.loading)
	}
	p := newProxy(t, master)
	p.allow(ph.bytes(t, master))
	replica.follow(p.addr())
	ph.reached(t, master, replica, p)
	master.do("CONFIG", "SET", "rdb-key-save-delay", "0")
	return p
}

// bytes is the budget of a phase; that of the last byte is measured with the
// dump that the master has just saved.
func (ph *phase) bytes(t *testing.T, master *server) int64 {
	if ph.budget != -1 {
		return ph.budget
	}
	dump, err := os.Stat(filepath.Join(master.dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	const handshake = 20 // at least; what exceeds it only moves the place
	return dump.Size() + handshake
}

// TestReplicaKilled kills the replica in each phase. What it finds on its disk
// when it comes back is the old data set or the new one, whole; and in the end
// it has the new one.
func TestReplicaKilled(t *testing.T) {
	for _, ph := range phases {
		t.Run(ph.name, func(t *testing.T) {
			t.Parallel()
			master := start(t, aNode, "master", "--repl-diskless-sync", "no", "--save", "3600 1000000", "--rdbcompression", "no")
			replica := start(t, aNode, "replica", "--save", "3600 1000000")
			fill(master, 2000)
			master.do("SAVE")
			oldData(replica)
			replica.do("SAVE")
			before := replica.digest()
			p := ph.begin(t, master, replica)
			replica.kill()
			p.cut()
			p.allow(unlimited)
			replica.run()
			if got := replica.digest(); got != before && got != master.digest() {
				t.Errorf("the disk held %s, neither the old %s nor the new %s", got, before, master.digest())
			}
			replica.follow(p.addr())
			awaitSame(t, master, replica)
			replica.kill()
			replica.run()
			if got := replica.digest(); got != master.digest() {
				t.Errorf("after the sync the disk holds %s, the master %s", got, master.digest())
			}
			leftovers(t, replica, ph.name)
		})
	}
}

// leftovers: of a transfer that a crash ended, at most its temporary file may
// be left; of one that ended well, nothing.
func leftovers(t *testing.T, s *server, phase string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "temp-*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) > 1 {
		t.Errorf("killed in %s, these are left: %v", phase, files)
	}
}

// TestDamagedSnapshot lets a master send a snapshot that is not what it says:
// the old data set stays.
func TestDamagedSnapshot(t *testing.T) {
	for _, load := range []string{"disabled", "swapdb"} {
		t.Run(load, func(t *testing.T) {
			t.Parallel()
			master := newImpostor(t)
			replica := start(t, aNode, "replica", "--repl-diskless-load", load)
			oldData(replica)
			before := replica.digest()
			replica.follow(master.addr())
			replica.awaitLog("Failed trying to load the MASTER synchronization DB")
			if got := replica.digest(); got != before {
				t.Errorf("the replica holds %s, before it held %s", got, before)
			}
			if reason := replica.info("replication")["master_link_reason"]; !strings.Contains(reason, "CRC") {
				t.Errorf("the reason is told as %q", reason)
			}
		})
	}
}

// TestRestartedReplicaGoesOn comes back from its own dump with a partial
// resync, whoever its master is.
func TestRestartedReplicaGoesOn(t *testing.T) {
	for _, pair := range pairs {
		t.Run(fmt.Sprintf("%s to %s", pair.master, pair.replica), func(t *testing.T) {
			t.Parallel()
			master := start(t, pair.master, "master")
			fill(master, 300)
			replica := start(t, pair.replica, "replica", "--save", "3600 1", "--replicaof", "127.0.0.1 "+fmt.Sprint(master.port))
			awaitSame(t, master, replica)
			replica.ask("SHUTDOWN", "SAVE")
			<-replica.exited
			master.do("SET", "meanwhile", "written")
			replica.run()
			awaitSame(t, master, replica)
			if n := master.number("stats", "sync_full"); n != 1 {
				t.Errorf("the master counts %d full syncs", n)
			}
		})
	}
}

// TestRestartedMasterIsResumed comes back from a dump that its shutdown saved:
// its replicas resync partially.
func TestRestartedMasterIsResumed(t *testing.T) {
	for _, pair := range pairs {
		t.Run(fmt.Sprintf("%s to %s", pair.master, pair.replica), func(t *testing.T) {
			t.Parallel()
			master := start(t, pair.master, "master", "--save", "3600 1")
			replica := start(t, pair.replica, "replica")
			fill(master, 300)
			replica.follow(master.addr())
			awaitSame(t, master, replica)
			master.ask("SHUTDOWN")
			<-master.exited
			master.run()
			awaitSame(t, master, replica)
			if full, partial := master.number("stats", "sync_full"), master.number("stats", "sync_partial_ok"); full != 0 || partial != 1 {
				t.Errorf("the master counts %d full and %d partial syncs", full, partial)
			}
		})
	}
}
