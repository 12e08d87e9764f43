// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import "time"

// Reason is one word for conditions, events, logs and documents alike.
type Reason string

// The reasons of waits, refusals and conditions. Those of conditions are the
// ones that the API declares.
const (
	// Well, or on the way.
	ReasonHealthy         Reason = "Healthy"         // as declared
	ReasonSettled         Reason = "Settled"         // nothing to do
	ReasonNotStalled      Reason = "Progressing"     // nothing needs help from outside
	ReasonStarting        Reason = "Starting"        // a first or a cold start
	ReasonFirstStart      Reason = "FirstStart"      // every member must be up and empty before the first grant
	ReasonFailingOver     Reason = "FailingOver"     // the master is being replaced
	ReasonDegraded        Reason = "Degraded"        // the master serves; others are missing, syncing or cut off
	ReasonReshaping       Reason = "Reshaping"       // all serve, not yet in the declared shape
	ReasonNoMaster        Reason = "NoMaster"        // nobody takes writes, and nothing is under way
	ReasonHalted          Reason = "Halted"          // every copy was lost, and onTotalLoss is Halt
	ReasonDeleting        Reason = "Deleting"        // the group is going away
	ReasonDeleted         Reason = "Deleted"         // no pod is left: the group's finalizer may go
	ReasonCreatingMembers Reason = "CreatingMembers" // pods and claims are being made
	ReasonWaitingForNodes Reason = "WaitingForNodes" // members are starting or reading their disk
	ReasonFencing         Reason = "Fencing"         // promises are being collected
	ReasonPromises        Reason = "Promises"        // one that still comes in
	ReasonGranting        Reason = "Granting"        // a master was chosen and has yet to take the role
	ReasonMasterSuspected Reason = "MasterSuspected" // no answer from the master, not for long yet
	ReasonSyncing         Reason = "Syncing"         // replicas are being granted or are syncing
	ReasonReparenting     Reason = "Reparenting"     // replicas move to the upstream that the shape gives them
	ReasonRemovingMembers Reason = "RemovingMembers" // members beyond the declared shape are being removed
	ReasonReplacing       Reason = "ReplacingMember" // a member whose process ended is being started again
	ReasonStopping        Reason = "Stopping"        // a pod is being deleted
	ReasonUnschedulable   Reason = "Unschedulable"   // a pod has no Kubernetes node yet

	// Not without a change from outside.
	ReasonInvalidShape      Reason = "InvalidShape"      // the declared shape contradicts itself
	ReasonMemberUnreachable Reason = "MemberUnreachable" // a member that may be master or hold the best copy does not answer and is not proven dead
	ReasonClaimSilent       Reason = "ClaimSilent"       // a claim may hold the best copy and cannot be read
	ReasonNoCandidate       Reason = "NoCandidate"       // those that hold data may not lead
	ReasonForeignData       Reason = "ForeignData"       // data of another group, or of no history that the ledger knows
	ReasonLedgerMissing     Reason = "LedgerMissing"     // data may be there, a ledger is not
	ReasonLedgerBehind      Reason = "LedgerBehind"      // restored ledger and nodes do not fit together
	ReasonLinkRefused       Reason = "LinkRefused"       // a replica's shield refuses what its upstream has, and no permit is due
	ReasonUnmanaged         Reason = "Unmanaged"         // a process that takes no grants
	ReasonNameTaken         Reason = "NameTaken"         // an object of somebody else bears a name of the group's
	ReasonDataLost          Reason = "DataLost"          // every copy is gone

	// Of gates.
	ReasonNotPromised  Reason = "MemberNotPromised" // it has not promised the epoch
	ReasonDeclaredDead Reason = "DeclaredDead"      // it answers, and the ledger has it dead
	ReasonEmpty        Reason = "Empty"             // it holds no data set
	ReasonIncomplete   Reason = "Incomplete"        // it holds no complete copy
	ReasonLocalWrites  Reason = "LocalWrites"       // it wrote on its own: barred from election
	ReasonMasterFirst  Reason = "MasterFirst"       // a new master is made before
	ReasonOneInHand    Reason = "OneInHand"         // another planned step is under way
	ReasonFeedsOthers  Reason = "FeedsOthers"       // members feed from it
	ReasonTooFewCopies Reason = "TooFewCopies"      // fewer complete copies would be left than are declared

	// Of RestartSafe and DataLost.
	ReasonReplicaCanTakeOver Reason = "ReplicaCanTakeOver" // a complete, close replica can take over
	ReasonDurable            Reason = "Durable"            // the master's own disk suffices
	ReasonNothingToLose      Reason = "NothingToLose"      // no master was ever open
	ReasonOnlyCopy           Reason = "OnlyCopy"           // the master has the only complete copy, and it is not durable
	ReasonReplicasBehind     Reason = "ReplicasBehind"     // there are replicas, and none is complete and close
	ReasonNoMasterNow        Reason = "NoMasterNow"        // no master serves
	ReasonDataPresent        Reason = "DataPresent"
	ReasonAllCopiesEmpty     Reason = "AllCopiesEmpty"   // every member reported, and none holds the data
	ReasonNotYetDetermined   Reason = "NotYetDetermined" // members have yet to report
)

// Health is what the group's status has to tell; volatile figures included,
// the status writer thins them out.
type Health struct {
	Ready       Fact
	Reconciling Fact
	Stalled     Fact
	RestartSafe Fact // any one member may stop now, the master too
	DataLost    Fact

	Epoch      uint64
	Master     string // logical name of the master of an open epoch, "" without one
	Declared   int    // members declared
	ReadyCount int    // of those, members that serve with a complete copy and a link up
	Decision   string // the last decision that is in the ledger
	Members    []MemberHealth
}

// Fact is a condition's content.
type Fact struct {
	Status  Truth
	Reason  Reason
	Message string
}

// Truth is a condition's status as Kubernetes spells it.
type Truth string

// The three of them.
const (
	True    Truth = "True"
	False   Truth = "False"
	Unknown Truth = "Unknown"
)

// MemberHealth is one row of the status, in the order of the tree; members
// that are not declared come last.
type MemberHealth struct {
	Name        string
	Role        Role
	Phase       string        // Missing, Unreachable, Dead, or the node's own: Loading, Quarantined, Serving
	Upstream    string        // logical name of the member that it was told to feed from, "" if none
	Lineage     string        // replid, shortened, and the epoch it is of: "5f2a9c01@3"; "foreign"; "" when empty
	OnMainline  bool          // its data set is known and has no lost tail
	Offset      int64         // bytes of the stream applied
	Lag         int64         // bytes behind the master; -1 if unknown
	Idle        time.Duration // replica: since the last byte from its upstream
	Link        Link
	Persistence string // as observed: "None", "RDB", "AOF everysec", with "failing" after it
	Ready       bool   // serves with a complete copy and, a replica, its link up
	RestartSafe bool   // may stop now, and nothing is lost
	Reason      string // why it is not ready or not restart-safe, for people; "" if it is both
}
