// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"strings"
	"time"
)

// Plan is the outcome of one pass over one group: what to do now, what is
// waited for, which gates refused, and what there is to tell. Every state
// gives at least one action or a Wait.
type Plan struct {
	// Actions are performed in order. One that is a barrier (see
	// Action.Barrier) runs alone, and if it fails the rest of the list is
	// dropped; neighbours that are no barriers may run at once, and the failure
	// of one does not stop the others. Whatever happened, the next pass begins
	// with a fresh observation; after a list with actions it begins at once.
	Actions  []Action
	Wait     *Wait // what holds the plan up, also beside actions; nil: nothing
	Refusals []Refusal
	Health   Health
}

// Wait says that nothing more can be done now, and why: "not yet" is a value.
type Wait struct {
	Reason  Reason
	Message string
	// After is when time alone can change the answer; 0: only an event can.
	After time.Duration
}

// Refusal is a gate's "no".
type Refusal struct {
	Gate    string // name of the gate, as in DESIGN.md
	Member  string // whom it concerns, "" for the group
	Reason  Reason
	Message string
}

// Action is one thing to do, with the preconditions under which it was
// decided. Whoever performs it checks them again: the API server by UID and
// resource version, the node by run id, epoch and position.
type Action interface {
	// Member is the logical name that it concerns, "" for the group.
	Member() string
	// Barrier: later actions of the list rest on its success.
	Barrier() bool
	// Disruptive: it takes something away that works; at most one in a plan.
	Disruptive() bool
	// String is the action in one line, for logs and transcripts.
	String() string
	// Because is the reason in one sentence, for events.
	Because() string
}

// Target names one process: a pod by UID and the run id that answered there.
type Target struct {
	Name   string // logical name of the member
	PodUID string
	PodIP  string
	RunID  string
}

// UpdateLedger writes Ledger whole. ResourceVersion is the precondition; ""
// creates the object, and fails if there is one.
type UpdateLedger struct {
	ResourceVersion string
	Ledger          Ledger
	What            string // what changes, for transcripts
	Why             string
}

// CreateClaim makes the claim of a member, labelled with the group id.
type CreateClaim struct {
	Name        string
	Entry       string // TreeEntry.Name whose volume it gets; "" in the instances form
	GroupID     string
	Persistence Persistence
	Why         string
}

// CreatePod makes the pod of a member, bearing the finalizer. It fails if a
// pod of that name exists.
type CreatePod struct {
	Name        string
	Entry       string // TreeEntry.Name whose template it gets; "" in the instances form
	Persistence Persistence
	Zone        string
	Why         string
}

// DeletePod asks Kubernetes to stop and delete the pod PodUID; the finalizer
// keeps the object. It is void if the container was re-run since: its restart
// count is no longer Restarts (or the pod is no longer the version observed,
// which says more).
type DeletePod struct {
	Name     string
	PodUID   string
	Restarts int
	Planned  bool // it stops a process that works: disruptive
	Why      string
}

// ReleasePod takes the finalizer off the pod PodUID. Its death is in the
// ledger, or it never had a role. Void like DeletePod: a process that came to
// life since may have been given a role.
type ReleasePod struct {
	Name     string
	PodUID   string
	Restarts int
	Why      string
}

// Promise asks a process to accept no grant below Epoch.
type Promise struct {
	Target
	GroupID string
	Epoch   uint64
	Why     string
}

// GrantMaster gives a process the master role of Epoch. The ledger says
// Offered with the same values.
type GrantMaster struct {
	Target
	GroupID string
	Epoch   uint64
	Replid  string
	From    Position
	Why     string
}

// Renew lets a granted master take writes. It is sent only after a fresh read
// of the ledger that says Open for Epoch.
type Renew struct {
	Target
	GroupID string
	Epoch   uint64
	Why     string
}

// GrantReplica makes a process a replica of Upstream. Ancestors are the
// mainline below Replid, newest first, each with the offset at which its
// successor forked off. Discard, if set, authorises the loss of the data set
// that stands exactly there.
type GrantReplica struct {
	Target
	GroupID   string
	Epoch     uint64
	Replid    string
	Upstream  Target
	Ancestors []Position
	Discard   *Position
	Moves     bool // it leaves an upstream that works: disruptive
	Why       string
}

// PublishMaster puts a process behind the master Service, alone.
type PublishMaster struct {
	Target
	Epoch uint64
	Why   string
}

// RetractMaster leaves the master Service without an endpoint.
type RetractMaster struct {
	Epoch uint64
	Why   string
}

// Member, Barrier, Disruptive and Because of each kind of action.

func (UpdateLedger) Member() string    { return "" }
func (UpdateLedger) Barrier() bool     { return true }
func (UpdateLedger) Disruptive() bool  { return false }
func (a UpdateLedger) Because() string { return a.Why }

func (a CreateClaim) Member() string  { return a.Name }
func (CreateClaim) Barrier() bool     { return false }
func (CreateClaim) Disruptive() bool  { return false }
func (a CreateClaim) Because() string { return a.Why }

func (a CreatePod) Member() string  { return a.Name }
func (CreatePod) Barrier() bool     { return false }
func (CreatePod) Disruptive() bool  { return false }
func (a CreatePod) Because() string { return a.Why }

func (a DeletePod) Member() string   { return a.Name }
func (DeletePod) Barrier() bool      { return false }
func (a DeletePod) Disruptive() bool { return a.Planned }
func (a DeletePod) Because() string  { return a.Why }

func (a ReleasePod) Member() string  { return a.Name }
func (ReleasePod) Barrier() bool     { return false }
func (ReleasePod) Disruptive() bool  { return false }
func (a ReleasePod) Because() string { return a.Why }

func (a Promise) Member() string  { return a.Name }
func (Promise) Barrier() bool     { return false }
func (Promise) Disruptive() bool  { return false }
func (a Promise) Because() string { return a.Why }

func (a GrantMaster) Member() string  { return a.Name }
func (GrantMaster) Barrier() bool     { return true }
func (GrantMaster) Disruptive() bool  { return false }
func (a GrantMaster) Because() string { return a.Why }

func (a Renew) Member() string  { return a.Name }
func (Renew) Barrier() bool     { return true }
func (Renew) Disruptive() bool  { return false }
func (a Renew) Because() string { return a.Why }

func (a GrantReplica) Member() string   { return a.Name }
func (GrantReplica) Barrier() bool      { return false }
func (a GrantReplica) Disruptive() bool { return a.Moves }
func (a GrantReplica) Because() string  { return a.Why }

func (a PublishMaster) Member() string  { return a.Name }
func (PublishMaster) Barrier() bool     { return true }
func (PublishMaster) Disruptive() bool  { return false }
func (a PublishMaster) Because() string { return a.Why }

func (RetractMaster) Member() string    { return "" }
func (RetractMaster) Barrier() bool     { return false }
func (RetractMaster) Disruptive() bool  { return false }
func (a RetractMaster) Because() string { return a.Why }

func (a UpdateLedger) String() string { return "UpdateLedger: " + a.What }

func (a CreateClaim) String() string {
	return fmt.Sprintf("CreateClaim %s%s %s", a.Name, of(a.Entry), a.Persistence.Mode)
}

func (a CreatePod) String() string {
	s := fmt.Sprintf("CreatePod %s%s", a.Name, of(a.Entry))
	if a.Persistence.NeedsClaim() {
		s += " " + string(a.Persistence.Mode)
	}
	if a.Zone != "" {
		s += " zone " + a.Zone
	}
	return s
}

func (a DeletePod) String() string  { return "DeletePod " + a.Name + " " + a.PodUID }
func (a ReleasePod) String() string { return "ReleasePod " + a.Name + " " + a.PodUID }

func (a Promise) String() string { return fmt.Sprintf("Promise %s epoch %d", a.Target, a.Epoch) }

func (a GrantMaster) String() string {
	return fmt.Sprintf("GrantMaster %s epoch %d replid %s from %s", a.Target, a.Epoch, short(a.Replid), a.From)
}

func (a Renew) String() string { return fmt.Sprintf("Renew %s epoch %d", a.Target, a.Epoch) }

func (a GrantReplica) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "GrantReplica %s epoch %d of %s replid %s", a.Target, a.Epoch, a.Upstream, short(a.Replid))
	for _, p := range a.Ancestors {
		fmt.Fprintf(&b, " ⊃ %s", p)
	}
	if a.Discard != nil {
		fmt.Fprintf(&b, ", may discard %s", *a.Discard)
	}
	if a.Moves {
		b.WriteString(", moves")
	}
	return b.String()
}

func (a PublishMaster) String() string {
	return fmt.Sprintf("PublishMaster %s ip %s epoch %d", a.Target, a.PodIP, a.Epoch)
}

func (a RetractMaster) String() string { return "RetractMaster" }

// String names a process as member(run id), the id shortened.
func (t Target) String() string { return t.Name + "(" + short(t.RunID) + ")" }

// String writes a position as replid:offset, the replid shortened.
func (p Position) String() string {
	if p.IsZero() {
		return "zero"
	}
	return fmt.Sprintf("%s:%d", short(p.Replid), p.Offset)
}

func of(entry string) string {
	if entry == "" {
		return ""
	}
	return " of " + entry
}
