// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// member is everything known under one name in this pass: what was seen, what
// the ledger remembers, what the spec says of the name.
type member struct {
	name  string
	seen  Member        // the zero Member (but for the name) where nothing was seen
	rec   *MemberRecord // in the working ledger; nil for a name that is not in the roster
	entry entry         // the declared properties of the name
}

// node is the process's own word, nil without an answer.
func (m *member) node() *NodeState {
	if m.seen.Answer.Reached {
		return &m.seen.Answer.Node
	}
	return nil
}

// elsewhere says that the process started on another data directory than the
// one that its claim had: what it tells is not what that directory holds.
func (m *member) elsewhere() bool {
	n, c, r := m.node(), m.seen.Claim, m.rec
	return n != nil && n.Phase != NodeLoading && c != nil && r != nil && r.ClaimUID == c.UID && r.DirID != "" &&
		n.Disk.DirID != r.DirID && !m.alive(r.PodUID, r.RunID)
}

func (m *member) target() Target {
	t := Target{Name: m.name}
	if m.seen.Pod != nil {
		t.PodUID, t.PodIP = m.seen.Pod.UID, m.seen.Pod.IP
	}
	if n := m.node(); n != nil {
		t.RunID = n.RunID
	}
	return t
}

// placed says that the member is part of the declared shape.
func (m *member) placed() bool { return m.rec != nil && m.rec.Place != "" }

// stopped says that the kubelet, or the out-of-service taint, proves every
// process of the pod dead. A process that answers is alive, whatever the API
// server says.
func (m *member) stopped() bool {
	pod := m.seen.Pod
	return pod != nil && !m.seen.Answer.Reached && pod.dead()
}

func (p *Pod) dead() bool {
	return p.Host.OutOfService ||
		p.Container.State == ContainerTerminated && p.Container.Reason != ReasonStatusUnknown
}

// goesNow says that clearing the pod away in this pass makes the object go.
func (p *Pod) goesNow() bool { return p.Held == p.Terminating }

// roleless says that no process of the present pod was ever given a role, so
// that it holds nothing but what it loaded from its own claim.
func (m *member) roleless() bool {
	return m.seen.Pod != nil && (m.rec == nil || m.rec.PodUID != m.seen.Pod.UID)
}

// death says whether the process is proven dead, and by what (safety.md,
// "dead"). No answer is no proof.
func (m *member) death(podUID, runID string) (proof string, dead bool) {
	if n := m.node(); n != nil && m.has(podUID) {
		if n.RunID == runID {
			return "", false
		}
		return fmt.Sprintf("restarted in place as process %s", short(n.RunID)), true
	}
	if m.has(podUID) && m.seen.Pod.dead() {
		return m.ending(), true
	}
	if m.rec != nil && m.rec.Dead && m.rec.PodUID == podUID && m.rec.RunID == runID {
		return "ended, as recorded", true
	}
	return "", false
}

// ending tells how the pod's container came to its end.
func (m *member) ending() string {
	pod := m.seen.Pod
	if c := pod.Container; c.State == ContainerTerminated && c.Reason != ReasonStatusUnknown {
		return fmt.Sprintf("ended with exit code %d (%s)", c.ExitCode, cmp.Or(c.Reason, "no reason given"))
	}
	return fmt.Sprintf("is on Kubernetes node %s, which is out of service", pod.Host.Name)
}

// risen says that the very process answers that the ledger has dead: the proof
// was a person's word (the out-of-service taint). It gets no role again, since
// its next silence would be taken for its death.
func (m *member) risen() bool {
	return m.rec != nil && m.rec.Dead && m.alive(m.rec.PodUID, m.rec.RunID)
}

// alive says that exactly this process answers.
func (m *member) alive(podUID, runID string) bool {
	n := m.node()
	return n != nil && m.has(podUID) && n.RunID == runID
}

// has says that the pod is the one with this UID.
func (m *member) has(podUID string) bool {
	return m.seen.Pod != nil && m.seen.Pod.UID == podUID
}

// silence tells why nobody answers, for people.
func (m *member) silence() string {
	switch pod := m.seen.Pod; {
	case pod == nil:
		return "has no pod"
	case m.seen.Answer.Reached:
		return "is another pod now"
	case pod.Host.Name == "":
		return "is not scheduled"
	case pod.Container.State == ContainerWaiting:
		return "waits to start: " + cmp.Or(pod.Container.Reason, "no reason given")
	case pod.Container.Reason == ReasonStatusUnknown:
		return "was lost sight of by the kubelet (ContainerStatusUnknown), which proves nothing"
	case m.seen.Answer.Error == "":
		return "has not answered yet"
	}
	s := "does not answer"
	if since := m.seen.Answer.Since; !since.IsZero() {
		s += " since " + since.UTC().Format("15:04:05Z") // a duration would change the message with every pass
	}
	s += " (" + m.seen.Answer.Error + ")"
	if !m.seen.Pod.Host.Ready {
		s += "; Kubernetes node " + m.seen.Pod.Host.Name + " is not ready"
	}
	return s
}

// overdue says that the silence has lasted longer than suspicion takes, or that
// nobody is there to end it.
func (p *pass) overdue(m *member) bool {
	after := p.state.Spec.SuspectAfter
	if after == 0 {
		after = DefaultSuspectAfter
	}
	a := m.seen.Answer
	return !a.Reached && (m.seen.Pod == nil || p.ended(m) || !a.Since.IsZero() && p.now.Sub(a.Since) >= after)
}

// foreign says that the process or its claim belongs to another group.
func (p *pass) foreign(m *member) bool {
	if p.led == nil || p.led.GroupID == "" {
		return false
	}
	n := m.node()
	return n != nil && n.GroupID != "" && n.GroupID != p.led.GroupID ||
		m.seen.Claim != nil && m.seen.Claim.GroupID != "" && m.seen.Claim.GroupID != p.led.GroupID
}

// obeys says that the process answers, is ours, and is done with loading: it
// can be told what to be.
func (p *pass) obeys(m *member) bool {
	n := m.node()
	return n != nil && n.Managed && n.Phase != NodeLoading && !p.foreign(m)
}

// empty says that the process holds no data set at all. A flushed data set is
// not empty: it has a place in the history (I8).
func (p *pass) empty(n *NodeState) bool {
	if n.Keys > 0 || n.Offset > 0 {
		return false
	}
	return !p.line.tookWrites(n.Replid)
}

// stray says that it holds data of no history that the ledger knows.
func (p *pass) stray(n *NodeState) bool {
	return !p.empty(n) && (n.Replid == "" || !p.line.stand(n.Position).known)
}

// inLine says that m serves and is linked up, process by process, to the open
// master; past is a member that may not be on the way, nil for none.
func (p *pass) inLine(m, past *member) bool {
	for range p.members {
		if m == nil || m == past || !p.serving(m) {
			return false
		}
		if m.node().Role == RoleMaster {
			return true
		}
		m = p.byRun[m.node().Upstream]
	}
	return false // a ring
}

// serving says that the process serves what it was granted in this epoch: the
// master open, a replica complete and linked up, wherever its upstream leads.
func (p *pass) serving(m *member) bool {
	n := m.node()
	if n == nil || p.foreign(m) || n.Epoch != p.led.Epoch || n.Frozen {
		return false
	}
	if n.Role == RoleMaster {
		return n.Open && p.led.Phase == PhaseOpen && n.RunID == p.led.Grant.RunID
	}
	return n.Role == RoleReplica && n.Complete && n.Link == LinkUp
}

// upstream is the member that m was told to feed from in the current epoch,
// nil if that process is gone or there is none.
func (p *pass) upstream(m *member) *member {
	n := m.node()
	if n == nil || n.Role != RoleReplica || n.Epoch != p.led.Epoch || n.Upstream == "" {
		return nil
	}
	return p.byRun[n.Upstream]
}

// byName orders logical names as people count: 2 before 10, leaf-2 before
// leaf-10.
func byName(a, b string) int {
	pa, na := splitName(a)
	pb, nb := splitName(b)
	return cmp.Or(strings.Compare(pa, pb), cmp.Compare(na, nb), strings.Compare(a, b))
}

// splitName cuts a name into what stands before its number, and the number; -1
// without one.
func splitName(name string) (string, int) {
	head := strings.TrimRight(name, "0123456789")
	n, err := strconv.Atoi(name[len(head):])
	if err != nil {
		return name, -1
	}
	return head, n
}

// short is enough of a 40-digit id for people to tell it from others.
func short(id string) string { return id[:min(8, len(id))] }

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, byName)
	return names
}
