// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"testing"
)

// pairs are the meetings of a node with whoever.
var pairs = []struct{ master, replica kind }{{aNode, aRedis}, {aRedis, aNode}, {aNode, aNode}}

// TestCutLinks breaks the link again and again while the master is written to:
// each break costs a partial resync, none a full one, counted on both ends.
func TestCutLinks(t *testing.T) {
	const cuts = 8
	for _, pair := range pairs {
		t.Run(fmt.Sprintf("%s to %s", pair.master, pair.replica), func(t *testing.T) {
			t.Parallel()
			master := start(t, pair.master, "master", "--repl-backlog-size", "100mb")
			replica := start(t, pair.replica, "replica")
			fill(master, 1000)
			p := newProxy(t, master)
			replica.follow(p.addr())
			replica.awaitLink()
			w := master.write()
			for i := range int64(cuts) {
				master.awaitWrites(50_000)
				p.cut()
				replica.await("a partial resync", func() bool {
					return master.number("stats", "sync_partial_ok") > i
				})
				replica.awaitLink()
			}
			w.end(t)
			awaitSame(t, master, replica)
			if n := master.number("stats", "sync_full"); n != 1 {
				t.Errorf("the master counts %d full syncs", n)
			}
			if n := master.number("stats", "sync_partial_ok"); n != cuts {
				t.Errorf("the master counts %d partial resyncs", n)
			}
			if n := replica.log.count("Full resync from master"); n != 1 {
				t.Errorf("the replica had %d full syncs", n)
			}
			if n := replica.log.count("Successful partial resynchronization with master"); n != cuts {
				t.Errorf("the replica had %d partial resyncs", n)
			}
		})
	}
}

// TestShortBacklog lets more be written than the backlog keeps while the link
// is down: then the whole data set comes again.
func TestShortBacklog(t *testing.T) {
	for _, pair := range pairs {
		t.Run(fmt.Sprintf("%s to %s", pair.master, pair.replica), func(t *testing.T) {
			t.Parallel()
			master := start(t, pair.master, "master", "--repl-backlog-size", "16kb")
			replica := start(t, pair.replica, "replica")
			fill(master, 100)
			p := newProxy(t, master)
			replica.follow(p.addr())
			replica.awaitLink()
			p.refuse(true)
			p.cut()
			fill(master, 200)
			p.refuse(false)
			awaitSame(t, master, replica)
			if n := master.number("stats", "sync_full"); n != 2 {
				t.Errorf("the master counts %d full syncs", n)
			}
			master.awaitLog("for lack of backlog")
		})
	}
}

// TestPromotion makes a replica the master, re-points its sibling and the old
// master to it: all of it without a full sync.
func TestPromotion(t *testing.T) {
	for _, k := range [][3]kind{
		{aNode, aNode, aNode}, {aRedis, aNode, aRedis}, {aNode, aRedis, aNode}, {aRedis, aNode, aNode},
	} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			t.Parallel()
			old, heir, sibling := start(t, k[0], "old"), start(t, k[1], "heir"), start(t, k[2], "sibling")
			fill(old, 500)
			heir.follow(old.addr())
			sibling.follow(old.addr())
			awaitSame(t, old, heir, sibling)

			heir.do("REPLICAOF", "NO", "ONE")
			heir.do("SET", "after", "the promotion")
			sibling.follow(heir.addr())
			awaitSame(t, heir, sibling)
			old.follow(heir.addr())
			awaitSame(t, heir, sibling, old)
			if n := heir.number("stats", "sync_full"); n != 0 {
				t.Errorf("the heir gave %d full syncs", n)
			}
			if got := old.do("GET", "after").Str; got != "the promotion" {
				t.Errorf("the old master holds %q", got)
			}
		})
	}
}

// TestReparenting moves a leaf from the relay to the top and back, partially,
// since the whole tree shares one history.
func TestReparenting(t *testing.T) {
	top, relay, leaf := start(t, aRedis, "top"), start(t, aNode, "relay"), start(t, aNode, "leaf")
	fill(top, 500)
	relay.follow(top.addr())
	relay.awaitLink()
	leaf.follow(relay.addr())
	awaitSame(t, top, relay, leaf)
	w := top.write()
	for range 3 {
		leaf.follow(top.addr())
		leaf.awaitLink()
		leaf.follow(relay.addr())
		leaf.awaitLink()
	}
	w.end(t)
	awaitSame(t, top, relay, leaf)
	if n := leaf.log.count("Full resync from master"); n != 1 {
		t.Errorf("the leaf had %d full syncs", n)
	}
}

// TestPasswords lets a replica in with the right password only, and says why
// not with a wrong one.
func TestPasswords(t *testing.T) {
	for _, pair := range pairs {
		t.Run(fmt.Sprintf("%s to %s", pair.master, pair.replica), func(t *testing.T) {
			t.Parallel()
			master := start(t, pair.master, "master", "--requirepass", "secret")
			replica := start(t, pair.replica, "replica", "--masterauth", "wrong")
			if err := master.ask("GET", "x").Err(); err == nil || err.Error() != "NOAUTH Authentication required." {
				t.Errorf("without a password the master answers %v", err)
			}
			master.do("AUTH", "secret")
			fill(master, 100)
			replica.follow(master.addr())
			replica.awaitLog("Unable to AUTH to MASTER: -WRONGPASS")
			if link := replica.info("replication")["master_link_status"]; link != "down" {
				t.Errorf("with a wrong password the link is %s", link)
			}
			replica.do("CONFIG", "SET", "masterauth", "secret")
			awaitSame(t, master, replica)
		})
	}
}
