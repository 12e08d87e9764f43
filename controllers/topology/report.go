// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import "time"

// Reason is one word for conditions, events, logs and documents alike.
type Reason string

// The reasons of waits, refusals, conditions and member rows.
const (
	// Going well.
	ReasonSettled   Reason = "Settled"   // the declared shape stands and everyone is in it
	ReasonProceed   Reason = "Proceed"   // the actions of this pass come first
	ReasonDeleting  Reason = "Deleting"  // the group is going away
	ReasonDeleted   Reason = "Deleted"   // nothing is left but claims and ledger
	ReasonMaster    Reason = "Master"    // member row: serves as master
	ReasonInLine    Reason = "InLine"    // member row: complete, link up, where it belongs
	ReasonAllSafe   Reason = "AllSafe"   // every member could be restarted
	ReasonNoLoss    Reason = "NoLoss"    // DataLost is false
	ReasonServing   Reason = "Serving"   // Ready is true
	ReasonNoTrouble Reason = "NoTrouble" // Stalled is false

	// On the way.
	ReasonStarting        Reason = "Starting"        // pods that have yet to come up
	ReasonFirstStart      Reason = "FirstStart"      // every member must be up and empty before the first grant
	ReasonFailover        Reason = "Failover"        // a new master is being made
	ReasonSyncing         Reason = "Syncing"         // replicas that are not complete or not linked yet
	ReasonReshaping       Reason = "Reshaping"       // the tree is moved to the declared shape
	ReasonScalingDown     Reason = "ScalingDown"     // a surplus member is being removed
	ReasonMasterSuspected Reason = "MasterSuspected" // no answer from the master, not for long yet
	ReasonMasterStopping  Reason = "MasterStopping"  // its pod is being deleted; its death will be acted on
	ReasonPromises        Reason = "Promises"        // promises still come in
	ReasonQuarantined     Reason = "Quarantined"     // member row: up, has no role yet
	ReasonLoading         Reason = "Loading"         // member row: reads its disk
	ReasonNoPod           Reason = "NoPod"           // member row: nothing runs
	ReasonPodStarting     Reason = "PodStarting"     // member row: no process answers yet
	ReasonTerminated      Reason = "Terminated"      // member row: its process is proven dead
	ReasonLinkDown        Reason = "LinkDown"        // member row: no working upstream
	ReasonInterimUpstream Reason = "InterimUpstream" // member row: feeds from another than its place says
	ReasonStopping        Reason = "Stopping"        // member row: its pod is being deleted
	ReasonFrozen          Reason = "Frozen"          // member row: promised, stands still

	// Cannot be decided without a change from outside.
	ReasonInvalidSpec         Reason = "InvalidSpec"         // the declared shape cannot be read
	ReasonMasterUnreachable   Reason = "MasterUnreachable"   // and not proven dead
	ReasonMemberUnreachable   Reason = "MemberUnreachable"   // and not proven dead
	ReasonMayHoldMore         Reason = "MayHoldMore"         // a member that cannot be asked may hold the better copy
	ReasonClaimCannotReport   Reason = "ClaimCannotReport"   // a claim whose data cannot be read
	ReasonClaimLost           Reason = "ClaimLost"           // its volume is gone from the API
	ReasonNoCandidate         Reason = "NoCandidate"         // nobody may become master
	ReasonLocalWrites         Reason = "LocalWrites"         // wrote on its own: barred from election
	ReasonNotComplete         Reason = "NotComplete"         // no complete copy
	ReasonForeignData         Reason = "ForeignData"         // a data set of no history that the ledger knows
	ReasonWrongGroup          Reason = "WrongGroup"          // the process or directory of another group
	ReasonUnmanaged           Reason = "Unmanaged"           // the process takes no orders
	ReasonDataLost            Reason = "DataLost"            // every copy is gone: halted
	ReasonAdoptionUndecided   Reason = "AdoptionUndecided"   // claims without a ledger that do not tell one story
	ReasonMasterNotDeclared   Reason = "MasterNotDeclared"   // the master is no longer in the declared tree
	ReasonShieldRefuses       Reason = "ShieldRefuses"       // a replica refuses the offered data set
	ReasonHistoryContradicted Reason = "HistoryContradicted" // restored ledger and nodes do not fit together

	// Gates that are not reasons by themselves.
	ReasonDeathUnproven  Reason = "DeathUnproven"  // the old process may be running
	ReasonDeathNotNoted  Reason = "DeathNotNoted"  // the ledger does not say so yet
	ReasonMasterFirst    Reason = "MasterFirst"    // a new master is made before the old one comes back
	ReasonOneInHand      Reason = "OneInHand"      // another disruptive step is under way
	ReasonFeedsOthers    Reason = "FeedsOthers"    // living members feed from it
	ReasonLastCopy       Reason = "LastCopy"       // no other complete copy beside the master's
	ReasonWouldCycle     Reason = "WouldCycle"     // the new upstream feeds from the member itself
	ReasonNotDurable     Reason = "NotDurable"     // a restart loses its copy
	ReasonNobodyTakeover Reason = "NobodyTakeover" // and nobody else is in line
)

// Health is what the group's status has to tell; volatile figures included,
// the status writer thins them out.
type Health struct {
	Ready       Fact
	Reconciling Fact
	Stalled     Fact
	RestartSafe Fact // every member could be restarted; if not, whom not and why
	DataLost    Fact

	Master     string // logical name of the master that the ledger has Open, "" without one
	Epoch      uint64
	ReadyCount int // members that serve with a complete copy
	Desired    int // members declared
	Decision   string
	Members    []MemberHealth // in the order of the tree, who leaves last
}

// Fact is a condition's content.
type Fact struct {
	True    bool
	Reason  Reason
	Message string
}

// MemberHealth is one row of the status.
type MemberHealth struct {
	Name        string
	Role        Role
	Upstream    string // logical name of the member it really feeds from, "" if none
	Lineage     bool   // its data set lies on the mainline, nothing foreign and no lost tail
	Offset      int64
	Lag         int64 // bytes behind the master; -1 if unknown
	Link        Link
	Persistence string // what it really does: "none", "aof everysec", "rdb", with "(failing)" where it fails
	Ready       bool   // serves with a complete copy
	RestartSafe bool
	Reason      Reason
	Message     string
	Idle        time.Duration // replica: since the last byte from its upstream
}
