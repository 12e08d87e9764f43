// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package safety

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
	"github.com/espalier-io/espalier/node/controlapi"
)

// keepWriting writes to a master until the test ends or stop is called.
func keepWriting(t *testing.T, m *member) (stop func()) {
	t.Helper()
	c, err := redisclient.Dial(m.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			default:
				_ = c.OK("SET", fmt.Sprint("load", i%1000), "v") // refused once the master is fenced
			}
		}
	}()
	return func() {
		close(end)
		<-done
		c.Close()
	}
}

// TestStandstill is F6 and F15: what has promised does not move any more, neither
// a replica whose master writes on, nor a master with its writes and its pings.
func TestStandstill(t *testing.T) {
	t.Parallel()
	all := newGroup(t, 3, false)
	master, replica, other := all[0], all[1], all[2]
	stop := keepWriting(t, master)
	defer stop()
	moved := func(m *member, from controlapi.Position) bool {
		return m.state().Position != from
	}
	other.await("gets the writes", func(s controlapi.State) bool { return s.Offset > 1000 })

	stood := replica.promise(2).Position
	mark := other.state().Offset
	other.await("gets more", func(s controlapi.State) bool { return s.Offset > mark+1000 })
	if moved(replica, stood) {
		t.Errorf("a replica that promised stood at %v and moved to %v", stood, replica.state().Position)
	}

	stood = master.promise(2).Position
	time.Sleep(2500 * time.Millisecond) // more than two periods of its pings
	if moved(master, stood) {
		t.Errorf("a master that promised stood at %v and moved to %v", stood, master.state().Position)
	}
	if s := master.state(); !s.Frozen || !s.Open {
		t.Errorf("the master's state: %+v", s)
	}
}

// TestRelayFromAnOldDump is F7: a relay that comes back from a dump offers its
// leaf the right history, behind where the leaf stands. The leaf keeps what it
// has.
func TestRelayFromAnOldDump(t *testing.T) {
	t.Parallel()
	master := newMember(t)
	relay := newMember(t, "--save", "3600 100000")
	leaf := newMember(t)
	for _, m := range []*member{master, relay, leaf} {
		m.promise(1)
	}
	master.lead(1)
	master.renew(1)
	relay.follow(1, master, master.state().RunID)
	relay.linked()
	leaf.follow(1, relay, relay.state().RunID)
	leaf.linked()

	for i := range 10 {
		master.mustWrite(fmt.Sprint("old", i))
	}
	relay.await("has them", func(s controlapi.State) bool { return s.Keys == 10 })
	if err := relay.Tell("SAVE"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		master.mustWrite(fmt.Sprint("new", i))
	}
	leaf.await("has them all", func(s controlapi.State) bool { return s.Keys == 20 })

	freeze(t, master)
	relay.Kill()
	relay.run()
	if s := relay.state(); s.Keys != 10 || s.Replid != replid(1) {
		t.Fatalf("the relay came back with %d keys of %s: the test shows nothing", s.Keys, s.Replid)
	}
	relay.follow(1, master, "")
	leaf.follow(1, relay, relay.state().RunID)
	s := leaf.await("has asked the relay", func(s controlapi.State) bool { return s.Link == controlapi.LinkDown && s.LinkReason != "" })
	if s.Keys != 20 {
		t.Errorf("the leaf: %+v", s)
	}

	if err := master.Thaw(); err != nil {
		t.Fatal(err)
	}
	relay.linked()
	leaf.linked()
	if n := leaf.keys(); n != 20 {
		t.Errorf("the leaf has %d keys in the end, want 20", n)
	}
	for _, m := range []*member{master, relay} {
		if n := m.fullSyncs(); n > 1 {
			t.Errorf("%s gave %d full syncs: what the relay had lost was missed, and nothing else", m.Addr(), n)
		}
	}
}

func (m *member) fullSyncs() int {
	m.t.Helper()
	c, err := redisclient.Dial(m.Addr(), "")
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	stats, err := c.Info("stats")
	if err != nil {
		m.t.Fatal(err)
	}
	n, err := strconv.Atoi(stats["sync_full"])
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

func (m *member) mustWrite(key string) {
	m.t.Helper()
	if text := m.write(key); text != "" {
		m.t.Fatal(text)
	}
}

// TestMasterLeftAlone is F12: a master whose replicas are all away, for longer
// than its backlog is kept, goes on counting in the history that its operator
// gave it.
func TestMasterLeftAlone(t *testing.T) {
	t.Parallel()
	all := newGroup(t, 2, false, "--repl-backlog-ttl", "1")
	master, replica := all[0], all[1]
	replica.Kill()
	before := master.state()
	time.Sleep(3 * time.Second) // the ttl and some turns of the cron
	master.mustWrite("alone")
	after := master.state()
	if after.Replid != replid(1) || after.Offset <= before.Offset {
		t.Errorf("from %v to %v: a managed master stays in its history and counts on", before.Position, after.Position)
	}
	replica.run()
	replica.follow(1, master, after.RunID)
	replica.linked()
	if n := replica.keys(); n != 1 {
		t.Errorf("the replica has %d keys", n)
	}
}
