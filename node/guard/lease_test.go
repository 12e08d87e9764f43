// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
)

const leaseLength = 6 * time.Second

func runID(i int) string { return strings.Repeat(string(rune('a'+i)), 40) }

// leaseGrant makes a master of the process run with so many voters beside it.
func leaseGrant(epoch uint64, others int) controlapi.GrantRequest {
	req := masterGrant(epoch, idA, here)
	req.LeaseMillis = leaseLength.Milliseconds()
	for i := range others {
		req.Voters = append(req.Voters, controlapi.Voter{RunID: runID(i), Host: "h", Port: 1})
	}
	return req
}

// leasedMaster is open since the nonce 1 s.
func leasedMaster(t *testing.T, others int) *Guard {
	t.Helper()
	g := loaded(t)
	if _, r := g.Grant(leaseGrant(2, others), here); r != nil {
		t.Fatal(r)
	}
	if g.Writable(time.Second) {
		t.Fatal("a master takes writes before its first renewal")
	}
	renew := controlapi.RenewRequest{GroupID: "g1", Epoch: 2, RunID: run, Nonce: int64(time.Second)}
	if r := g.Renew(renew, time.Second); r != nil {
		t.Fatal(r)
	}
	return g
}

// TestVotersTable is the table of voters: how many acknowledgements beside its
// own agreement keep a master writing.
func TestVotersTable(t *testing.T) {
	for others, need := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2} {
		for acks := range others + 1 {
			t.Run(fmt.Sprintf("%d voters, %d acknowledge", others+1, acks), func(t *testing.T) {
				g := leasedMaster(t, others)
				for i := range acks {
					g.Lease().Acknowledged(controlapi.Ack{RunID: runID(i), Epoch: 2, Nonce: int64(5 * time.Second)}, 6*time.Second)
				}
				end := 1*time.Second + leaseLength // by the operator's word
				if acks >= need {
					end = 5*time.Second + leaseLength
				}
				if !g.Writable(end-1) || g.Writable(end) {
					t.Errorf("the lease ends at %v, want %v", g.Lease().End(), end)
				}
			})
		}
	}
}

func TestWhatProlongsNoLease(t *testing.T) {
	for _, row := range []struct {
		why string
		ack controlapi.Ack
	}{
		{"a process that is no voter", controlapi.Ack{RunID: runID(9), Epoch: 2, Nonce: int64(5 * time.Second)}},
		{"the answer to another epoch's question", controlapi.Ack{RunID: runID(0), Epoch: 1, Nonce: int64(5 * time.Second)}},
		{"an answer to what was not asked yet", controlapi.Ack{RunID: runID(0), Epoch: 2, Nonce: int64(7 * time.Second)}},
		{"an answer from long ago", controlapi.Ack{RunID: runID(0), Epoch: 2, Nonce: 1}},
	} {
		t.Run(row.why, func(t *testing.T) {
			g := leasedMaster(t, 1)
			g.Lease().Acknowledged(row.ack, 6*time.Second)
			if end := g.Lease().End(); end != time.Second+leaseLength {
				t.Errorf("the lease ends at %v", end)
			}
		})
	}
	t.Run("a renewal without its nonce", func(t *testing.T) {
		g := leasedMaster(t, 1)
		for _, nonce := range []int64{0, -1, int64(3 * time.Second)} {
			r := g.Renew(controlapi.RenewRequest{GroupID: "g1", Epoch: 2, RunID: run, Nonce: nonce}, 2*time.Second)
			if r == nil || r.Reason != controlapi.ReasonInvalid {
				t.Errorf("nonce %d: %v", nonce, r)
			}
		}
	})
	t.Run("anything, once a higher epoch is promised", func(t *testing.T) {
		g := leasedMaster(t, 1)
		g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: 3})
		if g.Lease() != nil || g.Writable(2*time.Second) {
			t.Error("a fenced master keeps its lease")
		}
	})
}

func TestTermsOfALease(t *testing.T) {
	change := func(others int, do func(*controlapi.GrantRequest)) controlapi.GrantRequest {
		req := leaseGrant(2, others)
		do(&req)
		return req
	}
	for _, row := range []struct {
		why string
		req controlapi.GrantRequest
	}{
		{"no voters", leaseGrant(2, 0)},
		{"more than four", leaseGrant(2, 5)},
		{"voters and no lease", change(1, func(r *controlapi.GrantRequest) { r.LeaseMillis = 0 })},
		{"the master itself", change(1, func(r *controlapi.GrantRequest) { r.Voters[0].RunID = run })},
		{"one voter twice", change(2, func(r *controlapi.GrantRequest) { r.Voters[1] = r.Voters[0] })},
		{"a voter without a name", change(1, func(r *controlapi.GrantRequest) { r.Voters[0].RunID = "" })},
	} {
		if _, r := loaded(t).Grant(row.req, here); r == nil || r.Reason != controlapi.ReasonInvalid {
			t.Errorf("%s: %v", row.why, r)
		}
	}
	g := leasedMaster(t, 2)
	if _, r := g.Grant(leaseGrant(2, 2), here); r != nil {
		t.Errorf("the same grant again: %v", r)
	}
	if _, r := g.Grant(leaseGrant(2, 3), here); r == nil || r.Reason != controlapi.ReasonReplidClash {
		t.Errorf("other voters under the same epoch: %v", r)
	}
}

func TestVotes(t *testing.T) {
	ask := controlapi.AckRequest{GroupID: "g1", Epoch: 2, Replid: idA, Nonce: 5}
	follow := func(g *Guard) { g.Grant(replicaGrant(2, idA, "up"), here) }
	for _, row := range []struct {
		why    string
		before func(*Guard)
		ask    controlapi.AckRequest
		reason controlapi.Reason
	}{
		{"a replica of that mastership", follow, ask, ""},
		{"a node without a role", func(*Guard) {}, ask, controlapi.ReasonWrongGroup},
		{"a process that was started anew", func(g *Guard) { g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: 2}) }, ask, controlapi.ReasonNotGranted},
		{"one that promised a higher epoch", func(g *Guard) {
			follow(g)
			g.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: 3})
		}, ask, controlapi.ReasonStaleEpoch},
		{"one that follows another history", func(g *Guard) { g.Grant(replicaGrant(2, idB, "up"), here) }, ask, controlapi.ReasonNotGranted},
		{"one that follows a later master", func(g *Guard) { g.Grant(replicaGrant(3, idB, "up"), here) }, ask, controlapi.ReasonStaleEpoch},
		{"a master", func(g *Guard) { g.Grant(masterGrant(2, idA, here), here) }, ask, controlapi.ReasonNotGranted},
		{"another group's", follow, controlapi.AckRequest{GroupID: "g2", Epoch: 2, Replid: idA}, controlapi.ReasonWrongGroup},
	} {
		t.Run(row.why, func(t *testing.T) {
			g := loaded(t)
			g.groupID = "" // it learns its group by what it is told
			row.before(g)
			ack, refusal := g.Vote().Answer(row.ask)
			var reason controlapi.Reason
			if refusal != nil {
				reason = refusal.Reason
			}
			if reason != row.reason || reason == "" && (ack != controlapi.Ack{RunID: run, Epoch: 2, Nonce: 5}) {
				t.Errorf("got %v, %v; want reason %q", ack, refusal, row.reason)
			}
		})
	}
}

// TestFencedByVoters plays masters under a lease on a network that delays and
// loses, voters that crash and forget, operators of which one is deposed in the
// middle. Once half of the other voters have promised the next epoch, and the
// length of the lease has gone by since, the old master takes no write.
func TestFencedByVoters(t *testing.T) {
	fenced := 0
	for seed := range uint64(2000) {
		w := newLeaseWorld(t, seed)
		for w.now < 60*time.Second && !t.Failed() {
			w.step()
		}
		if w.fencedAt != 0 {
			fenced++
		}
	}
	if fenced < 1000 {
		t.Errorf("only %d of 2000 worlds ever fenced their master", fenced)
	}
}

// leaseWorld is one master, its voters and its operators.
type leaseWorld struct {
	t        *testing.T
	seed     uint64
	rng      *rand.Rand
	now      time.Duration
	master   *Guard
	voters   []*Guard
	messages []func()      // on their way, in no order
	deposed  bool          // the ledger says Fencing: a renewal read after it is none
	promises map[int]bool  // voters of whom the new operator has a promise
	fencedAt time.Duration // when half of them had promised
}

func newLeaseWorld(t *testing.T, seed uint64) *leaseWorld {
	w := &leaseWorld{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), now: time.Second, promises: map[int]bool{}}
	others := 1 + w.rng.IntN(4)
	w.master = leasedMaster(t, others)
	for i := range others {
		w.voters = append(w.voters, w.follower(i))
	}
	return w
}

func (w *leaseWorld) follower(i int) *Guard {
	g := New(runID(i), "g1")
	if err := g.Loaded("", 0); err != nil {
		w.t.Fatal(err)
	}
	req := replicaGrant(2, idA, "up")
	req.RunID = runID(i)
	g.Grant(req, here)
	return g
}

// send delivers a message some time, or never.
func (w *leaseWorld) send(deliver func()) {
	if w.rng.IntN(5) > 0 {
		w.messages = append(w.messages, deliver)
	}
}

func (w *leaseWorld) step() {
	w.now += time.Duration(w.rng.Int64N(int64(300 * time.Millisecond)))
	i := w.rng.IntN(len(w.voters))
	switch dice := w.rng.IntN(10); {
	case dice < 3 && w.master.Lease() != nil:
		w.ask(i)
	case dice == 3:
		w.renew()
	case dice == 4 && w.now > 20*time.Second:
		w.deposed = true
	case dice == 5 && w.deposed:
		w.promise(i)
	case dice == 6 && w.rng.IntN(10) == 0:
		// It crashes, and a deposed operator grants the new process what the old
		// one had: the process is another.
		g := New(runID(8), "g1")
		g.Loaded("", 0)
		req := replicaGrant(2, idA, "up")
		req.RunID = runID(8)
		g.Grant(req, here)
		w.voters[i] = g
	default:
		if n := len(w.messages); n > 0 {
			m := w.rng.IntN(n)
			deliver := w.messages[m]
			w.messages = append(w.messages[:m], w.messages[m+1:]...)
			deliver()
		}
	}
	if w.fencedAt != 0 && w.now >= w.fencedAt+leaseLength && w.master.Writable(w.now) {
		w.t.Errorf("seed %d: fenced at %v and writing at %v", w.seed, w.fencedAt, w.now)
	}
}

func (w *leaseWorld) ask(i int) {
	lease := w.master.Lease()
	question := lease.Question(w.now)
	w.send(func() {
		if ack, refusal := w.voters[i].Vote().Answer(question); refusal == nil {
			w.send(func() { lease.Acknowledged(ack, w.now) })
		}
	})
}

// renew is an operator that gets a nonce, then reads the ledger, then renews.
func (w *leaseWorld) renew() {
	req := controlapi.RenewRequest{GroupID: "g1", Epoch: 2, RunID: run, Nonce: int64(w.now)}
	w.send(func() {
		if !w.deposed {
			w.send(func() { w.master.Renew(req, w.now) })
		}
	})
}

func (w *leaseWorld) promise(i int) {
	voter := w.voters[i]
	w.send(func() {
		if _, refusal := voter.Promise(controlapi.PromiseRequest{GroupID: "g1", Epoch: 3}); refusal == nil {
			w.send(func() {
				w.promises[i] = true
				if w.fencedAt == 0 && len(w.promises) >= (len(w.voters)+2)/2 {
					w.fencedAt = w.now
				}
			})
		}
	})
}
