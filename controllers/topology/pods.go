// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"slices"
	"time"
)

// Pods and claims: what stopped is cleared away, what is declared is created
// behind the restart gate, what is no longer declared is drained and removed.

func (p *pass) pods() {
	for _, m := range p.members {
		switch {
		case m.seen.Pod == nil:
			p.raise(m)
		case m.stopped():
			if pause := p.pause(m); pause > 0 {
				p.wait(ReasonReplacing, pause, "%s %s soon after its start, and is started again after a pause.", m.name, m.ending())
				continue
			}
			p.clear(m, "its process ended, as the ledger has it")
		case m.risen():
			p.bury(m)
		case p.leaves(m):
		default:
			if m.placed() {
				p.claim(m, p.led.GroupID, "its pod needs it")
			}
			p.tend(m)
		}
	}
	for _, m := range slices.Backward(p.members) { // the last by name first
		if m.seen.Pod != nil && !m.stopped() && !m.risen() && p.leaves(m) {
			p.drain(m)
		}
	}
}

// crashPause is how long a process must have lived for its pod to be replaced
// at once, and how long the pod of any other is left as it ended.
const crashPause = 10 * time.Second

// pause is how long the pod of a process that ended soon after its start is
// still left, so that one that cannot run is not created again in every pass.
// No election waits so for a claim, unless nobody ever led: then there is
// nothing to be late for. A clock that is ahead of ours holds nothing up.
func (p *pass) pause(m *member) time.Duration {
	pod := m.seen.Pod
	c := pod.Container
	if !m.placed() || p.needed[m.name] && p.led.EverOpen || pod.Terminating || !pod.Held || pod.Host.OutOfService ||
		c.StartedAt.IsZero() || c.FinishedAt.IsZero() || c.FinishedAt.After(p.now) || c.FinishedAt.Sub(c.StartedAt) >= crashPause {
		return 0
	}
	return max(c.FinishedAt.Add(crashPause).Sub(p.now), 0)
}

// leaves says that m works and is no longer declared.
func (p *pass) leaves(m *member) bool {
	return !m.placed() && p.led.Phase == PhaseOpen && !m.seen.Pod.Terminating && !p.ended(m)
}

// ended says that nothing more will come of the pod, proof or not.
func (p *pass) ended(m *member) bool {
	pod := m.seen.Pod
	if m.seen.Answer.Reached || pod.Container.State == ContainerRunning {
		return false
	}
	return pod.Container.State == ContainerTerminated || pod.Phase == PodFailed || pod.Phase == PodSucceeded ||
		pod.Terminating && m.roleless()
}

// tend looks after a pod whose process is not proven dead. One that never had
// a role may go with its pod; one that had waits for proof, or for a master
// that makes up for it.
func (p *pass) tend(m *member) {
	pod := m.seen.Pod
	if !p.ended(m) {
		if pod.Terminating {
			p.wait(ReasonStopping, 0, "%s is being stopped.", m.name)
		} else if !m.seen.Answer.Reached && m.placed() {
			p.missing(m)
		}
		return
	}
	if m.roleless() {
		p.giveUp(m, "it never had a role")
		return
	}
	if p.passes(releaseGates, m) {
		p.giveUp(m, "the serving master makes up for its copy")
		return
	}
	p.stall(ReasonMemberUnreachable, m.name, "%s %s.", m.name, m.silence())
}

// missing tells about a member that should answer and does not.
func (p *pass) missing(m *member) {
	switch pod := m.seen.Pod; {
	case m.rec != nil && p.led.Grant != nil && p.led.Grant.Node == m.name && p.led.Phase != PhaseFencing:
		// open and offered tell about the master
	case pod.Host.Name == "" && pod.Container.State == ContainerNone:
		p.wait(ReasonUnschedulable, 0, "The pod of %s has no Kubernetes node yet.", m.name)
	case !m.roleless() && p.overdue(m):
		p.stall(ReasonMemberUnreachable, m.name, "%s %s, and is not proven dead. If its Kubernetes node is gone for good, taint it node.kubernetes.io/out-of-service.", m.name, m.silence())
	default:
		p.wait(ReasonWaitingForNodes, 0, "%s %s.", m.name, m.silence())
	}
}

// clear takes a pod away whose process will not be missed: first it is deleted,
// then, as seen by the next pass, the finalizer lets it go.
func (p *pass) clear(m *member, why string) {
	pod := m.seen.Pod
	if !pod.Terminating {
		p.do(DeletePod{Name: m.name, PodUID: pod.UID, Restarts: pod.Container.Restarts, Why: why})
	} else if pod.Held {
		p.do(ReleasePod{Name: m.name, PodUID: pod.UID, Restarts: pod.Container.Restarts, Why: why})
	}
}

// bury stops a process that the ledger has dead already.
func (p *pass) bury(m *member) {
	if pod := m.seen.Pod; !pod.Terminating {
		p.do(DeletePod{Name: m.name, PodUID: pod.UID, Restarts: pod.Container.Restarts, Why: "its process was declared dead and answers"})
	}
	p.wait(ReasonStopping, 0, "%s was declared dead, answers, and is being stopped.", m.name)
}

// raise creates what a member needs to run. A member that is not declared gets
// a pod only if its claim must be asked.
func (p *pass) raise(m *member) {
	if !m.placed() && !p.needed[m.name] {
		p.retire(m)
		return
	}
	if !p.passes(restartGates, m) {
		r := p.refusal()
		if r.Reason == ReasonMasterFirst {
			p.wait(r.Reason, 0, "%s does not come back yet: %s.", m.name, r.Message)
		} else {
			p.stall(r.Reason, m.name, "%s is not created: %s.", m.name, r.Message)
		}
		return
	}
	p.create(m, p.led.GroupID)
}

func (p *pass) create(m *member, groupID string) {
	why := "it is declared"
	switch {
	case m.rec != nil && m.rec.Dead:
		why = "its former process is dead and the ledger says so; it starts without a role"
	case !m.placed():
		why = "its claim must report before a master is made"
	}
	if p.claim(m, groupID, why) {
		return // the pod mounts the claim that bears its name, whosever that is: ours is seen first
	}
	persistence := m.entry.persistence
	if m.seen.Claim != nil && !persistence.NeedsClaim() {
		persistence.Mode = PersistRDB // its claim is from a time when it was declared so, and must be read
	}
	p.do(CreatePod{Name: m.name, Entry: m.entry.name, Persistence: persistence, Zone: m.entry.zone, Why: why})
}

// claim creates the claim of a member that is declared with one and has none,
// and tells so.
func (p *pass) claim(m *member, groupID, why string) bool {
	e := m.entry
	if !e.persistence.NeedsClaim() || m.seen.Claim != nil {
		return false
	}
	p.do(CreateClaim{Name: m.name, Entry: e.name, GroupID: groupID, Persistence: e.persistence, Why: why})
	return true
}

// drain removes a working member that is no longer declared.
func (p *pass) drain(m *member) {
	working := m.node() != nil && m.node().Link == LinkUp
	if !p.passes(removalGates, m) {
		p.wait(ReasonRemovingMembers, 0, "%s is no longer declared and stays for now: %s.", m.name, p.refusal().Message)
		return
	}
	p.do(DeletePod{Name: m.name, PodUID: m.seen.Pod.UID, Restarts: m.seen.Pod.Container.Restarts, Planned: working, Why: "it is no longer declared"})
}

// retire forgets a member that left. Where its claim was kept the record stays
// with it: should all else be lost, that claim is asked too.
func (p *pass) retire(m *member) {
	if m.rec == nil || p.led.Phase != PhaseOpen || p.led.Grant.Node == m.name {
		return
	}
	if m.rec.RunID != "" && !m.rec.Dead && !p.replaceable(m) {
		return
	}
	if m.seen.Claim != nil {
		return
	}
	name := m.name
	for i := range p.led.Members {
		if p.led.Members[i].Name == name {
			p.led.Members = append(p.led.Members[:i], p.led.Members[i+1:]...)
			break
		}
	}
	delete(p.byName, name)
	p.change(name+" leaves the roster", name+" is no longer declared, and nothing of it is left.")
}

// remove takes the pods of a deleted group away, each when its death is in the
// ledger. Who deletes the group then decides about claims and ledger.
func (p *pass) remove() {
	p.retract()
	if p.led != nil {
		p.noteDeaths()
	}
	left := 0
	for _, m := range p.members {
		pod := m.seen.Pod
		if pod == nil {
			continue
		}
		left++
		switch {
		case m.stopped():
			p.clear(m, "the group is being deleted")
		case p.ended(m) && m.roleless():
			p.giveUp(m, "the group is being deleted and it never had a role")
		case !pod.Terminating:
			p.do(DeletePod{Name: m.name, PodUID: pod.UID, Restarts: pod.Container.Restarts, Why: "the group is being deleted"})
		case p.ended(m), p.overdue(m) && !pod.Host.Ready:
			p.stall(ReasonMemberUnreachable, m.name, "%s %s; its pod goes when its process is proven dead. If the Kubernetes node is gone for good, taint it node.kubernetes.io/out-of-service.", m.name, m.silence())
		default:
			p.wait(ReasonDeleting, 0, "%s is being stopped.", m.name)
		}
	}
	if left > 0 {
		return
	}
	for _, m := range p.members {
		if m.seen.Claim != nil {
			p.wait(ReasonDeleted, 0, "Nothing is left but claims and the ledger.")
			return
		}
	}
	p.wait(ReasonDeleted, 0, "Nothing is left but the ledger, which speaks of no data any more.")
}
