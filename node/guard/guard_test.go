// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/controlapi"
)

const (
	run   = "1111111111111111111111111111111111111111"
	other = "2222222222222222222222222222222222222222"
	idA   = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

var here = controlapi.Position{Replid: idA, Offset: 100}

func loaded(t *testing.T) *Guard {
	t.Helper()
	g := New(run, "g1")
	if err := g.Loaded("", 0); err != nil {
		t.Fatal(err)
	}
	return g
}

func masterGrant(epoch uint64, replid string, from controlapi.Position) controlapi.GrantRequest {
	return controlapi.GrantRequest{GroupID: "g1", Epoch: epoch, RunID: run, Role: controlapi.RoleMaster, Replid: replid, From: from}
}

func replicaGrant(epoch uint64, replid, host string) controlapi.GrantRequest {
	return controlapi.GrantRequest{GroupID: "g1", Epoch: epoch, RunID: run, Role: controlapi.RoleReplica, Replid: replid,
		Upstream: &controlapi.Upstream{Host: host, Port: 6379, RunID: other}}
}

// Each row tells a node's life before a request, and what becomes of it.
func TestGrants(t *testing.T) {
	with := func(g controlapi.GrantRequest, change func(*controlapi.GrantRequest)) controlapi.GrantRequest {
		change(&g)
		return g
	}
	serveAsReplica := func(g *Guard) { g.Grant(replicaGrant(2, idA, "up"), here) }
	serveAsMaster := func(g *Guard) { g.Grant(masterGrant(2, idA, here), here) }
	promise := func(e uint64) func(*Guard) {
		return func(g *Guard) { g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: e}) }
	}
	for _, row := range []struct {
		why    string
		before []func(*Guard)
		req    controlapi.GrantRequest
		own    controlapi.Position
		move   Move
		reason controlapi.Reason
	}{
		{"a fresh empty node becomes the first master", nil, masterGrant(1, idA, controlapi.Position{}), controlapi.Position{}, Lead, ""},
		{"a fresh node becomes a replica", nil, replicaGrant(1, idA, "up"), controlapi.Position{}, Follow, ""},
		{"a master must stand at the fork exactly", nil, masterGrant(3, idB, controlapi.Position{Replid: idA, Offset: 99}), here, Stay, controlapi.ReasonWrongPosition},
		{"another group's operator is refused", nil, with(replicaGrant(1, idA, "up"), func(r *controlapi.GrantRequest) { r.GroupID = "g2" }), here, Stay, controlapi.ReasonWrongGroup},
		{"a grant for the process before this one is refused", nil, with(replicaGrant(1, idA, "up"), func(r *controlapi.GrantRequest) { r.RunID = other }), here, Stay, controlapi.ReasonWrongRunID},
		{"a promise bars lower epochs", []func(*Guard){promise(5)}, replicaGrant(4, idA, "up"), here, Stay, controlapi.ReasonStaleEpoch},
		{"the promised epoch itself may be granted", []func(*Guard){promise(5)}, masterGrant(5, idB, here), here, Lead, ""},
		{"a serving replica must promise before it leads", []func(*Guard){serveAsReplica}, masterGrant(3, idB, here), here, Stay, controlapi.ReasonNotGranted},
		{"a replica that promised leads", []func(*Guard){serveAsReplica, promise(3)}, masterGrant(3, idB, here), here, Lead, ""},
		{"one epoch has one replid", []func(*Guard){serveAsReplica}, replicaGrant(2, idB, "up"), here, Stay, controlapi.ReasonReplidClash},
		{"one epoch gives one role", []func(*Guard){serveAsMaster}, replicaGrant(2, idA, "up"), here, Stay, controlapi.ReasonReplidClash},
		{"the same grant again changes nothing", []func(*Guard){serveAsReplica}, replicaGrant(2, idA, "up"), here, Stay, ""},
		{"another upstream in the same epoch is a new place", []func(*Guard){serveAsReplica}, replicaGrant(2, idA, "up2"), here, Replant, ""},
		{"a later epoch demotes a master", []func(*Guard){serveAsMaster}, replicaGrant(3, idB, "up"), here, Follow, ""},
		{"a replica without upstream makes no sense", nil, with(replicaGrant(1, idA, "up"), func(r *controlapi.GrantRequest) { r.Upstream = nil }), here, Stay, controlapi.ReasonInvalid},
		{"a short replid is no replid", nil, masterGrant(1, "abc", here), here, Stay, controlapi.ReasonInvalid},
	} {
		t.Run(row.why, func(t *testing.T) {
			g := loaded(t)
			for _, step := range row.before {
				step(g)
			}
			move, refusal := g.Grant(row.req, row.own)
			var reason controlapi.Reason
			if refusal != nil {
				reason = refusal.Reason
			}
			if move != row.move || reason != row.reason {
				t.Errorf("got move %v, refusal %v; want move %v, reason %q", move, refusal, row.move, row.reason)
			}
		})
	}
}

func TestQuarantineEndsByAGrantOnly(t *testing.T) {
	g := New(run, "")
	if _, r := g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: 1}); r == nil || r.Reason != controlapi.ReasonLoading {
		t.Fatalf("a loading node promised: %v", r)
	}
	if err := g.Loaded("g1", 0); err != nil {
		t.Fatal(err)
	}
	if g.Serving() || g.Writable(0) {
		t.Fatal("a node serves without a grant")
	}
	if r := g.Renew(controlapi.RenewRequest{GroupID: "g1", Epoch: 1, RunID: run}, 0); r == nil || g.Serving() {
		t.Fatalf("a renewal gave a role: %v", r)
	}
	if _, r := g.Grant(masterGrant(1, idA, controlapi.Position{}), controlapi.Position{}); r != nil {
		t.Fatal(r)
	}
	if !g.Serving() || g.Writable(0) {
		t.Fatal("a granted master serves reads and waits for its renewal")
	}
	if r := g.Renew(controlapi.RenewRequest{GroupID: "g1", Epoch: 1, RunID: run}, 0); r != nil || !g.Writable(0) {
		t.Fatalf("renewed, yet not writable: %v", r)
	}
	if _, r := g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: 2}); r != nil || g.Writable(0) || !g.Frozen() {
		t.Fatalf("a master that promised a higher epoch takes writes: %v", r)
	}
	if r := g.Renew(controlapi.RenewRequest{GroupID: "g1", Epoch: 1, RunID: run}, 0); r == nil || r.Reason != controlapi.ReasonStaleEpoch {
		t.Fatalf("a deposed operator renewed a fenced master: %v", r)
	}
}

func TestPromiseOutlivesTheProcess(t *testing.T) {
	g := New(run, "")
	if err := g.Loaded("g1", 7); err != nil {
		t.Fatal(err)
	}
	if _, r := g.Grant(replicaGrant(6, idA, "up"), here); r == nil || r.Reason != controlapi.ReasonStaleEpoch {
		t.Fatalf("granted below the promise of the process before: %v", r)
	}
	if _, r := g.Grant(replicaGrant(7, idA, "up"), here); r != nil {
		t.Fatal(r)
	}
}

func TestDirectoryOfAnotherGroup(t *testing.T) {
	err := New(run, "g1").Loaded("g2", 0)
	if err == nil || !strings.Contains(err.Error(), "g2") {
		t.Fatalf("the directory of another group was taken: %v", err)
	}
}

// A random operator, sometimes deposed, sometimes repeating itself, never
// makes a node break its word.
func TestRandomRequestsKeepThePromise(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		g := loaded(t)
		granted := map[uint64]string{} // epoch → role and replid
		var promised uint64
		for step := range 200 {
			epoch := rng.Uint64N(6) + promised - min(promised, 2)
			replid := fmt.Sprintf("%040d", rng.IntN(3))
			switch rng.IntN(4) {
			case 0:
				if _, r := g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: epoch}); r == nil {
					promised = max(promised, epoch)
				}
			case 1, 2:
				req := masterGrant(epoch, replid, here)
				if rng.IntN(2) == 0 {
					req = replicaGrant(epoch, replid, "up")
				}
				if _, r := g.Grant(req, here); r == nil {
					if epoch < promised {
						t.Fatalf("seed %d step %d: granted %d below the promise %d", seed, step, epoch, promised)
					}
					what := string(req.Role) + replid
					if was, again := granted[epoch]; again && was != what {
						t.Fatalf("seed %d step %d: epoch %d granted twice: %s, %s", seed, step, epoch, was, what)
					}
					granted[epoch] = what
					promised = max(promised, epoch)
				}
			case 3:
				g.Renew(controlapi.RenewRequest{GroupID: "g1", Epoch: epoch, RunID: run}, 0)
			}
			if g.Writable(0) && g.Frozen() {
				t.Fatalf("seed %d step %d: frozen and writable", seed, step)
			}
		}
	}
}
