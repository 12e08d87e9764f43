// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package safety plays the operator by hand, over the control API, against real
// node processes: the write lease, and those of the protocol's sequences that a
// node alone has to withstand. Sequences bear the numbers of the protocol.
package safety

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/hack/redisclient"
	"github.com/espalier-io/espalier/hack/servers"
	"github.com/espalier-io/espalier/node/controlapi"
)

const (
	groupID = "5a1f0000-0000-4000-8000-000000000001"
	token   = "a-token-of-the-tests"
	// leaseLength is shorter than the default, and long beside the hiccups of a
	// busy machine.
	leaseLength = 3 * time.Second
	patience    = 30 * time.Second
)

func TestMain(m *testing.M) {
	code := m.Run()
	servers.RemoveNode()
	os.Exit(code)
}

// replid is the history of an epoch.
func replid(epoch uint64) string { return fmt.Sprintf("%040x", 0xe0000+epoch) }

// member is a managed node.
type member struct {
	*servers.Server
	t     *testing.T
	admin int
	api   *nodeclient.Client
}

var at = nodeclient.Node{IP: "127.0.0.1", Token: token}

// newMember starts a managed node. Options follow the common ones.
func newMember(t *testing.T, options ...string) *member {
	t.Helper()
	ports := servers.FreePorts(t, 2)
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		"--port", strconv.Itoa(ports[0]), "--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0",
		"--managed", "yes", "--admin-port", strconv.Itoa(ports[1]), "--admin-bind", "127.0.0.1", "--admin-token-file", file,
		"--enable-debug-command", "yes", "--repl-ping-replica-period", "1",
	}, options...)
	m := &member{t: t, admin: ports[1], api: nodeclient.New(ports[1]), Server: servers.New(t, servers.Node(t), dir, ports[0], args...)}
	m.run()
	return m
}

// run starts a process of the member and waits until it can be told what to be.
func (m *member) run() {
	m.t.Helper()
	if err := m.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.await("has read its disk", func(s controlapi.State) bool { return s.Phase != controlapi.PhaseLoading })
}

func (m *member) ctx() context.Context { return m.t.Context() }

func (m *member) state() controlapi.State {
	m.t.Helper()
	s, err := m.api.State(m.ctx(), at)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.Log())
	}
	return s
}

func (m *member) await(what string, holds func(controlapi.State) bool) controlapi.State {
	m.t.Helper()
	var last controlapi.State
	err := servers.Await(m.Addr()+" "+what, patience, func() (bool, error) {
		s, err := m.api.State(m.ctx(), at)
		if err != nil {
			return false, err
		}
		last = s
		return holds(s), fmt.Errorf("%+v", s)
	})
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.Log())
	}
	return last
}

func (m *member) promise(epoch uint64) controlapi.State {
	m.t.Helper()
	s, err := m.api.Promise(m.ctx(), at, controlapi.PromiseRequest{GroupID: groupID, Epoch: epoch})
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// lead makes the member the master of an epoch, where it stands, under a lease
// that the voters keep, if there are any.
func (m *member) lead(epoch uint64, voters ...*member) {
	m.t.Helper()
	own := m.state()
	req := controlapi.GrantRequest{
		GroupID: groupID, Epoch: epoch, RunID: own.RunID, Role: controlapi.RoleMaster, Replid: replid(epoch), From: own.Position,
	}
	for _, v := range voters {
		req.LeaseMillis = leaseLength.Milliseconds()
		req.Voters = append(req.Voters, controlapi.Voter{RunID: v.state().RunID, Host: "127.0.0.1", Port: v.admin})
	}
	if _, err := m.api.Grant(m.ctx(), at, req); err != nil {
		m.t.Fatal(err)
	}
}

// follow makes the member a replica of another one.
func (m *member) follow(epoch uint64, up *member, upstreamRun string, ancestors ...controlapi.Position) {
	m.t.Helper()
	_, err := m.api.Grant(m.ctx(), at, controlapi.GrantRequest{
		GroupID: groupID, Epoch: epoch, RunID: m.state().RunID, Role: controlapi.RoleReplica, Replid: replid(epoch),
		Upstream: &controlapi.Upstream{Host: "127.0.0.1", Port: up.Port, RunID: upstreamRun}, Ancestors: ancestors,
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// renew is what an operator does that has just read an open ledger.
func (m *member) renew(epoch uint64) {
	m.t.Helper()
	s := m.state()
	if _, err := m.api.Renew(m.ctx(), at, controlapi.RenewRequest{GroupID: groupID, Epoch: epoch, RunID: s.RunID, Nonce: s.Nonce}); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) linked() {
	m.t.Helper()
	m.await("follows", func(s controlapi.State) bool { return s.Link == controlapi.LinkUp })
}

// newGroup is a master of epoch 1 with replicas, open. With leased, the replicas
// are its voters.
func newGroup(t *testing.T, size int, leased bool, options ...string) []*member {
	t.Helper()
	var all []*member
	for range size {
		all = append(all, newMember(t, options...))
	}
	for _, m := range all {
		m.promise(1)
	}
	var voters []*member
	if leased {
		voters = all[1:]
	}
	all[0].lead(1, voters...)
	all[0].renew(1)
	run := all[0].state().RunID
	for _, m := range all[1:] {
		m.follow(1, all[0], run)
	}
	for _, m := range all[1:] {
		m.linked()
	}
	return all
}

// write sets a key and gives the error's text, "" for none.
func (m *member) write(key string) string {
	m.t.Helper()
	c, err := redisclient.Dial(m.Addr(), "")
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if err := c.OK("SET", key, "v"); err != nil {
		return err.Error()
	}
	return ""
}

// refuses waits until writes are refused for the lack of a lease.
func (m *member) refuses() {
	m.t.Helper()
	err := servers.Await(m.Addr()+" takes no writes", patience, func() (bool, error) {
		text := m.write("k")
		return strings.Contains(text, "NOREPLICAS"), errors.New("the write: " + text)
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// writesFor writes again and again for so long, and wants every write accepted.
func (m *member) writesFor(span time.Duration, why string) {
	m.t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if text := m.write("k"); text != "" {
			m.t.Fatalf("%s: %s", why, text)
		}
	}
}

func (m *member) keys() int64 {
	m.t.Helper()
	c, err := redisclient.Dial(m.Addr(), "")
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	n, err := c.Int("DBSIZE")
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}
