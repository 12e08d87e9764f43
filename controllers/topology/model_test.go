// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestModel lets random things happen to a small world while operators act on
// it, one of which may die in the middle of its plan or perform it long after
// it was made. The world checks the invariants at every event: one master
// process an epoch (I1), no master while a better copy exists (I2), no copy
// dropped but for one that contains it (I3), no two masters that take writes
// (I6), and that every step of the ledger is a lawful one. When the trouble is
// over, the declared shape must come back.
//
// ESPALIER_MODEL_SEED plays one seed and tells its story, ESPALIER_MODEL_TIME
// bounds the search (8s).
func TestModel(t *testing.T) {
	if seed, err := strconv.ParseUint(os.Getenv("ESPALIER_MODEL_SEED"), 10, 64); err == nil {
		m := newModel(seed)
		m.play()
		t.Logf("seed %d:\n%s", seed, m.story.String())
		if m.broken != "" {
			t.Fatalf("seed %d: %s", seed, m.broken)
		}
		return
	}
	limit := 8 * time.Second
	if d, err := time.ParseDuration(os.Getenv("ESPALIER_MODEL_TIME")); err == nil {
		limit = d
	}
	began := time.Now()
	seeds := uint64(0)
	for ; time.Since(began) < limit; seeds++ {
		m := newModel(seeds)
		m.play()
		if m.broken != "" {
			t.Fatalf("seed %d: %s\nplay it with ESPALIER_MODEL_SEED=%d", seeds, m.broken, seeds)
		}
	}
	t.Logf("%d worlds", seeds)
	if seeds < 50 {
		t.Errorf("only %d worlds in %s", seeds, limit)
	}
}

type model struct {
	*world
	rng    *rand.Rand
	story  strings.Builder
	broken string
	stale  []Action // a plan that a deposed operator has yet to perform
	disks  bool
	haunts bool // a process went on unseen: if it had a role, or may have been offered one, the group stalls for good
}

func newModel(seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &model{rng: rng, disks: rng.IntN(3) == 0}
	m.world = newWorld(m.randomSpec())
	m.world.violated = func(format string, args ...any) {
		if m.broken == "" {
			m.broken = fmt.Sprintf(format, args...)
			m.tell("!!! %s", m.broken)
		}
	}
	m.world.halfSync = true
	m.world.rand = rng.IntN
	return m
}

func (m *model) randomSpec() Spec {
	s := Spec{Instances: 1 + m.rng.IntN(7), Fanout: m.rng.IntN(4), OnTotalLoss: Reinitialize}
	if m.disks {
		s.Persistence.Mode = PersistRDB
	}
	if m.rng.IntN(4) == 0 {
		relay := TreeEntry{Name: "relay", ReplicaOf: "root", Count: 1 + m.rng.IntN(3)}
		leaf := TreeEntry{Name: "leaf", ReplicaOf: "relay", Count: 1 + m.rng.IntN(4)}
		if m.rng.IntN(2) == 0 {
			relay.Persistence.Mode = PersistRDB
		}
		return Spec{Tree: []TreeEntry{{Name: "root", Persistence: s.Persistence}, relay, leaf}, OnTotalLoss: Reinitialize}
	}
	return s
}

func (m *model) tell(format string, args ...any) {
	fmt.Fprintf(&m.story, format+"\n", args...)
}

// play lets trouble happen, then peace, several times over.
func (m *model) play() {
	for range 3 {
		for range 60 {
			if m.broken != "" {
				return
			}
			m.trouble()
			m.operate()
			m.world.tick()
		}
		m.peace()
		if m.broken != "" {
			return
		}
	}
}

// operate is a pass of the operator, now and then cut short or put off.
func (m *model) operate() {
	plan := Decide(m.observe(), m.now)
	m.check(plan)
	n := math.MaxInt
	switch m.rng.IntN(12) {
	case 0:
		n = m.rng.IntN(4)
	case 1:
		m.stale = plan.Actions
		return
	case 2:
		m.tell("deposed operator:")
		m.perform(m.stale, math.MaxInt)
		return
	case 3:
		return
	}
	m.perform(plan.Actions, n)
}

func (m *model) perform(actions []Action, n int) {
	for i, a := range actions {
		if i < n {
			m.tell("  %s", a)
		}
	}
	if err := m.world.perform(actions, n); err != nil {
		m.tell("  failed: %v", err)
	}
	m.checkWritable()
}

// check holds what is true of every plan.
func (m *model) check(plan Plan) {
	disruptive := 0
	for i, a := range plan.Actions {
		if a.Disruptive() {
			disruptive++
		}
		if _, is := a.(UpdateLedger); is && i > 0 {
			m.violated("the ledger is written after something else was done")
		}
	}
	switch {
	case disruptive > 1:
		m.violated("I7: %d disruptive actions in one plan", disruptive)
	case len(plan.Actions) == 0 && plan.Wait == nil:
		m.violated("the plan neither acts nor waits")
	}
}

// trouble is one random event.
func (m *model) trouble() {
	if m.ledger != nil && m.rng.IntN(3) == 0 {
		for range m.rng.IntN(5) {
			m.write()
		}
	}
	names := sortedNames(m.pods)
	if len(names) == 0 || m.rng.IntN(3) > 0 {
		return
	}
	name := names[m.rng.IntN(len(names))]
	p := m.pods[name]
	event := m.rng.IntN(14)
	if !p.deafSince.IsZero() && p.node != nil && p.node.role == RoleReplica && m.rng.IntN(8) == 0 {
		m.tell("declare %s out of service, wrongly", name)
		p.host.OutOfService = true
	}
	if m.rng.IntN(40) == 0 {
		event = 14 + m.rng.IntN(2)
	}
	switch {
	case p.pending:
		if event < 7 {
			m.tell("start %s", name)
			p.pending = false
			m.boot(name)
		}
		return
	case event < 2 && p.node != nil:
		m.tell("die %s", name)
		m.stop(name, "Error", 1)
	case event < 4 && !p.terminating:
		m.tell("restart %s", name)
		m.boot(name)
		p.restarts++
	case event == 4:
		m.tell("delete %s", name)
		_ = m.do(DeletePod{Name: name, PodUID: p.uid, Restarts: p.restarts})
	case event == 5:
		m.tell("deaf %s", name)
		p.deafSince = m.now
	case event == 6:
		m.tell("hear %s", name)
		p.deafSince = time.Time{}
	case event == 7:
		m.tell("cut %s", name)
		p.cut = true
	case event == 8:
		m.tell("mend %s", name)
		p.cut = false
	case event == 9 && p.node != nil:
		m.tell("taint %s", name)
		p.node, p.host.OutOfService = nil, true
	case event == 10:
		m.tell("save %s", name)
		m.save(name)
	case event == 11 && p.node != nil && p.node.role == RoleReplica:
		m.tell("local %s", name)
		p.node.local = true
	case event == 12:
		s := m.randomSpec()
		m.tell("spec %+v", s)
		m.spec = s
	case event == 14 && p.node != nil:
		m.tell("vanish %s", name)
		m.haunts = true
		m.haunt(p)
		delete(m.pods, name)
	case event == 15 && p.node != nil && !p.terminating:
		m.tell("lost %s", name)
		m.haunts = true
		m.haunt(p)
		p.ended, p.reason = true, ReasonStatusUnknown
	case event == 13 && p.ended && !p.terminating:
		m.tell("start %s in its ended pod", name)
		m.boot(name)
		p.restarts++
	}
}

// peace ends all trouble and lets the operator finish: then the group is
// healthy, in the declared shape, and takes writes that reach everyone.
func (m *model) peace() {
	m.tell("peace")
	m.stale = nil
	for _, name := range sortedNames(m.pods) {
		p := m.pods[name]
		p.deafSince, p.cut = time.Time{}, false
		if p.pending {
			p.pending = false
			m.boot(name)
		}
	}
	var plan Plan
	for range 200 {
		plan = Decide(m.observe(), m.now)
		m.check(plan)
		if len(plan.Actions) == 0 && plan.Wait != nil && plan.Wait.Reason == ReasonSettled {
			break
		}
		m.perform(plan.Actions, math.MaxInt)
		m.world.tick()
		if m.broken != "" {
			return
		}
	}
	if h := plan.Health; h.Ready.Status != True || h.Stalled.Status != False {
		if m.haunts && h.Stalled.Reason == ReasonMemberUnreachable {
			m.tell("stalled over a ghost")
			return
		}
		// Copies that are all barred by writes of their own wait for a person.
		if h.Stalled.Reason == ReasonNoCandidate && m.allBarred() {
			m.tell("all copies have local writes")
			m.broken = ""
			for _, p := range m.pods {
				if p.node != nil {
					p.node.local = false
				}
			}
			m.peace()
			return
		}
		m.violated("no peace: ready %v, stalled %v, waiting for %v", h.Ready, h.Stalled, plan.Wait)
		return
	}
	m.checkShape()
	if !m.write() {
		m.violated("no master takes writes after all")
	}
	for range 40 {
		m.world.tick()
	}
	for _, name := range sortedNames(m.pods) {
		p := m.pods[name]
		if p.node == nil || len(p.node.log) == 0 || p.node.log[len(p.node.log)-1] != m.writes {
			m.violated("the last write does not reach %s", name)
		}
	}
}

func (m *model) allBarred() bool {
	for _, p := range m.pods {
		if p.node != nil && len(p.node.log) > 0 && p.node.complete && !p.node.local {
			return false
		}
	}
	return true
}

// checkShape compares the tree that the nodes really form with the declared
// one: as many nodes, and as many below each, level by level.
func (m *model) checkShape() {
	sh, err := declaredShape(m.spec)
	if err != nil {
		m.violated("%v", err)
		return
	}
	if len(m.pods) != len(sh) {
		m.violated("%d pods for %d members", len(m.pods), len(sh))
		return
	}
	below := map[string][]string{}
	root := ""
	for _, name := range sortedNames(m.pods) {
		n := m.pods[name].node
		if n == nil {
			m.violated("%s has no process", name)
			return
		}
		if n.role == RoleMaster {
			root = n.run
		} else {
			below[n.upstream] = append(below[n.upstream], n.run)
		}
	}
	var really, declared func(at string) string
	really = func(run string) string { return canonical(below[run], really) }
	places := map[string][]string{}
	for i, pl := range sh {
		if pl.parent >= 0 {
			at := strconv.Itoa(pl.parent)
			places[at] = append(places[at], strconv.Itoa(i))
		}
	}
	declared = func(at string) string { return canonical(places[at], declared) }
	if got, want := really(root), declared("0"); got != want {
		m.violated("the tree is %s, declared is %s", got, want)
	}
}
