// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/aof/aoftest"
	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/resp"
)

// lastIncrement is the text of the increment that is written.
func lastIncrement(t *testing.T, dir string) (name, text string) {
	t.Helper()
	lines := strings.Split(manifestOf(t, dir), "\n")
	name = filepath.Join(dir, "appendonlydir", "appendonly.aof."+strings.Fields(lines[len(lines)-1])[0])
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return name, string(raw)
}

// lastLine is the last line of a file.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")
	return lines[len(lines)-1]
}

// TestReplicaKeepsItsPlace: what a replica applies is in its AOF, with the
// position behind it, from the full sync on; after a restart it asks for what
// follows, and for no more.
func TestReplicaKeepsItsPlace(t *testing.T) {
	dir := t.TempDir()
	p := newPuppet(t, func(asked string) string {
		if strings.HasPrefix(asked, puppetID) {
			return "+CONTINUE\r\n"
		}
		return fullSync(asked)
	})
	n := start(t, "--dir", dir, "--appendonly", "yes", "--replicaof", "127.0.0.1 "+p.port())
	if asked := <-p.asked; asked != "? -1" {
		t.Errorf("an empty node asks for %s", asked)
	}
	n.Await(t, "Background AOF rewrite finished successfully")
	c := n.Dial(t)
	offset := int64(100)
	for _, line := range []string{"SELECT 3", "SET a 1", "PING", "MULTI", "SET b 1", "SET c 1", "EXEC", "INCR a"} {
		p.stream <- line
		offset += int64(len(resp.AppendCommand(nil, strings.Fields(line)...)))
	}
	eventually(t, "the stream to be applied", func() bool {
		return infoField(t, c, "replication", "slave_repl_offset") == strconv.FormatInt(offset, 10)
	})
	eventually(t, "the position to be written", func() bool {
		_, text := lastIncrement(t, dir)
		return strings.Contains(lastLine(text), fmt.Sprintf(":%d:3:", offset))
	})
	n.Stop()
	checked(t, dir)

	again := start(t, "--dir", dir, "--appendonly", "yes", "--replicaof", "127.0.0.1 "+p.port())
	if asked := <-p.asked; asked != fmt.Sprintf("%s %d", puppetID, offset+1) {
		t.Errorf("after the restart it asks for %s, its position was %d", asked, offset)
	}
	c = again.Dial(t)
	p.stream <- "INCR a"
	c.Ask(t, "SELECT", "3")
	eventually(t, "the stream to go on", func() bool { return c.Ask(t, "GET", "a").Text() == "3" })
}

// TestForeignTailHasNoPlace: what somebody else appended is loaded, and nobody
// takes the position before it for that of the whole.
func TestForeignTailHasNoPlace(t *testing.T) {
	dir := t.TempDir()
	p := newPuppet(t, fullSync)
	n := start(t, "--dir", dir, "--appendonly", "yes", "--replicaof", "127.0.0.1 "+p.port())
	<-p.asked
	n.Await(t, "Background AOF rewrite finished successfully")
	p.stream <- "SET a 1"
	eventually(t, "a position", func() bool { _, text := lastIncrement(t, dir); return strings.Contains(text, "#EP:"+puppetID) })
	n.Stop()
	name, text := lastIncrement(t, dir)
	text += string(resp.AppendCommand(nil, "SET", "b", "of somebody else"))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	again := start(t, "--dir", dir, "--appendonly", "yes", "--replicaof", "127.0.0.1 "+p.port(), "--replica-serve-stale-data", "yes")
	if asked := <-p.asked; asked != "? -1" {
		t.Errorf("it asks for %s", asked)
	}
	again.Stop()
}

// TestManagedTail: a managed node gives up what follows its last position in a
// write that did not come to its end, and so has its place again.
func TestManagedTail(t *testing.T) {
	options := []string{"--managed", "yes", "--admin-port", "1", "--admin-token-file", "unused", "--appendfsync", "always"}
	n := startFaulty(t, aoftest.New(), options...)
	grant(t, n)
	c := n.dial(t)
	for i := range 5 {
		want(t, c.Ask(t, "SET", "a", strconv.Itoa(i)), "OK")
	}
	state := n.State()
	eventually(t, "the state to be published", func() bool { state = n.State(); return state.Position.Offset > 100 })
	if p := state.Persistence; !p.AOF || !p.AOFOK || p.Fsync != "always" || p.DirID == "" {
		t.Errorf("the node says of its durability %+v", p)
	}
	n.stop()
	path := filepath.Join(n.dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	whole := string(n.fs.Data(path))
	if !strings.HasPrefix(lastLine(whole), fmt.Sprintf("#EO:%d:0:", state.Position.Offset)) {
		t.Fatalf("the file ends with %q, the position is %d", whole[len(whole)-40:], state.Position.Offset)
	}
	torn := string(resp.AppendCommand(nil, "SET", "a", "torn"))
	for _, tail := range []string{torn, torn + torn[:9], torn[:5]} {
		f, err := n.fs.Open(path, os.O_WRONLY)
		if err == nil {
			_, err = f.Write([]byte(tail))
		}
		if err != nil {
			t.Fatal(err)
		}
		again := n.again(t, options...)
		if got := again.State(); got.Position != state.Position || got.Phase != controlapi.PhaseQuarantined || !got.Complete {
			t.Errorf("with %d bytes more the node stands at %+v, before at %+v", len(tail), got, state.Position)
		}
		again.stop()
	}
}

// grant makes a managed node an open master.
func grant(t *testing.T, n *faulty) {
	t.Helper()
	if _, refusal := n.Grant(controlapi.GrantRequest{GroupID: "g", RunID: n.RunID(), Epoch: 1, Role: controlapi.RoleMaster,
		Replid: puppetID, From: controlapi.Position{}}); refusal != nil {
		t.Fatal(refusal)
	}
	if _, refusal := n.Renew(controlapi.RenewRequest{GroupID: "g", RunID: n.RunID(), Epoch: 1}); refusal != nil {
		t.Fatal(refusal)
	}
}

// TestFullSyncBeginsAnew: the old data set stays on the disk until the new one
// is there whole, and a rewrite that fails meanwhile is made up for.
func TestFullSyncBeginsAnew(t *testing.T) {
	n := startFaulty(t, aoftest.New())
	c := n.dial(t)
	want(t, c.Ask(t, "SET", "old", "1"), "OK")
	p := newPuppet(t, fullSync)
	n.fs.Fail(func(op, name string) error {
		if op == "write" && strings.Contains(name, "temp-rewriteaof") {
			return os.ErrPermission
		}
		return nil
	})
	want(t, c.Ask(t, "REPLICAOF", "127.0.0.1", p.port()), "OK")
	<-p.asked
	eventually(t, "the full sync", func() bool { return c.Ask(t, "DBSIZE").Text() == "0" })
	eventually(t, "a rewrite to fail", func() bool { return strings.Contains(n.log.String(), "terminated with error") })
	eventually(t, "the node not to be durable", func() bool { return !n.State().Persistence.AOF })
	crashed := n.fs // as a start would find it now
	n.fs.Fail(nil)
	p.stream <- "SET new 1"
	eventually(t, "the stream", func() bool { return c.Ask(t, "GET", "new").Text() == "1" })
	c.Ask(t, "BGREWRITEAOF")
	eventually(t, "the node to be durable", func() bool { return n.State().Persistence.AOF })
	n.stop()
	again := startFaultyIn(t, crashed, n.dir)
	c = again.dial(t)
	want(t, c.Ask(t, "GET", "new"), "1")
	want(t, c.Ask(t, "DBSIZE"), "1")
}

// TestLoadingIsNotPropagated: what is replayed from the file is no news.
func TestLoadingIsNotPropagated(t *testing.T) {
	n := startFaulty(t, aoftest.New())
	replica := newFakeReplica(t, n.socket)
	c := n.dial(t)
	want(t, c.Ask(t, "SET", "a", "1"), "OK")
	replica.await(t, "SET a 1")
	offset := infoField(t, c, "replication", "master_repl_offset")
	digest := c.Ask(t, "DEBUG", "DIGEST").Str
	want(t, c.Ask(t, "DEBUG", "LOADAOF"), "OK")
	want(t, c.Ask(t, "DEBUG", "DIGEST"), digest)
	if got := infoField(t, c, "replication", "master_repl_offset"); got != offset {
		t.Errorf("the stream went from %s to %s", offset, got)
	}
	want(t, c.Ask(t, "SET", "b", "1"), "OK")
	replica.await(t, "SET b 1")
}
