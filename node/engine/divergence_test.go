// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/difftest"
)

// TestHalfTransactionIsNotRepeated: a local write makes a command within the
// master's transaction fail. What the transaction did before must not be done
// again: only a full sync goes on from there.
func TestHalfTransactionIsNotRepeated(t *testing.T) {
	p := newPuppet(t, func(asked string) string {
		if strings.HasPrefix(asked, "?") {
			return fullSync(asked)
		}
		return "+CONTINUE\r\n"
	})
	n := start(t, "--replica-read-only", "no", "--replicaof", "127.0.0.1 "+p.port())
	c := n.Dial(t)
	n.Await(t, "Finished with success")
	if asked := <-p.asked; asked != "? -1" {
		t.Fatalf("the first sync asks for %q", asked)
	}
	want(t, c.Ask(t, "SET", "a", "abc"), "OK")
	for _, line := range []string{"MULTI", "INCR d", "INCR a", "EXEC"} {
		p.stream <- line
	}
	n.Await(t, "Can't apply the master's command 'EXEC'")
	want(t, c.Ask(t, "GET", "d"), "1")
	if asked := <-p.asked; asked != "? -1" {
		t.Errorf("after half a transaction it asks for %q", asked)
	}
	eventually(t, "the data set is replaced", func() bool { return c.Ask(t, "DBSIZE").Int == 0 })
	for _, line := range []string{"MULTI", "INCR d", "INCR a", "EXEC"} {
		p.stream <- line
	}
	eventually(t, "the transaction is applied", func() bool { return c.Ask(t, "GET", "a").Str == "1" })
	want(t, c.Ask(t, "GET", "d"), "1")
}

// TestLocalWritesAreRemembered: a managed replica that was written to is barred
// from election, also after a restart from its dump, until a full sync has
// replaced its data set.
func TestLocalWritesAreRemembered(t *testing.T) {
	p := newPuppet(t, func(asked string) string {
		if strings.HasPrefix(asked, "?") {
			return fullSync(asked)
		}
		return "+CONTINUE\r\n"
	})
	options := []string{"--managed", "yes", "--admin-port", "1", "--admin-token-file", "unused", "--replica-read-only", "no", "--save", "3600 1000000"}
	follow := func(n *difftest.Node, epoch uint64) {
		t.Helper()
		port, err := strconv.Atoi(p.port())
		if err != nil {
			t.Fatal(err)
		}
		state, refusal := n.Engine.Grant(controlapi.GrantRequest{
			GroupID: "g", RunID: n.Engine.RunID(), Epoch: epoch, Role: controlapi.RoleReplica, Replid: puppetID,
			Upstream: &controlapi.Upstream{Host: "127.0.0.1", Port: port},
		})
		if refusal != nil {
			t.Fatal(refusal)
		}
		if state.Linked {
			t.Error("the copy counts as a recent one before the link is up")
		}
	}
	n := start(t, options...)
	follow(n, 3)
	n.Await(t, "Finished with success")
	eventually(t, "the copy counts as a recent one", func() bool { return n.Engine.State().Linked })
	c := n.Dial(t)
	want(t, c.Ask(t, "SET", "a", "1"), "OK")
	eventually(t, "the local write shows", func() bool { return n.Engine.State().LocalWrites })
	c.Send(t, "PSYNC", "?", "-1")
	if v, err := c.Receive(); err != nil || !strings.HasPrefix(v.Str, "NOMASTERLINK ") {
		t.Errorf("a full sync of local writes is answered %s, %v", v.Text(), err)
	}
	want(t, n.Do(t, "SAVE"), "OK")
	state, refusal := n.Engine.Promise(controlapi.PromiseRequest{GroupID: "g", Epoch: 4})
	if refusal != nil || !state.Linked {
		t.Errorf("frozen it says %+v, %v", state, refusal)
	}
	n.Stop()

	again := start(t, append(options, "--dir", n.Dir)...)
	if s := again.Engine.State(); !s.LocalWrites || s.Offset != 100 {
		t.Errorf("after a restart it says %+v", s)
	}
	follow(again, 4) // what it promised before it was started anew still binds it
	eventually(t, "a full sync cleans it", func() bool {
		s := again.Engine.State()
		return s.Linked && !s.LocalWrites && s.Keys == 0
	})
}
