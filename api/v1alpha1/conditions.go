// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The conditions of a ReplicationGroup. Ready, Reconciling and Stalled follow
// kstatus (cli-utils), which Argo CD, Flux and kubectl wait read.
const (
	// ConditionReady: the declared shape stands, and every member in it serves.
	// Its reason is the Status column of kubectl get.
	ConditionReady = "Ready"
	// ConditionReconciling: the operator is on the way to the declared shape and
	// needs nobody's help.
	ConditionReconciling = "Reconciling"
	// ConditionStalled: the operator will not go on before something outside of
	// it changes. It leaves alone whatever still serves.
	ConditionStalled = "Stalled"
	// ConditionRestartSafe: any one member may stop now, the master too, and no
	// data is lost beyond the declared bound.
	ConditionRestartSafe = "RestartSafe"
	// ConditionDataLost: the group held data, and every copy of it is gone.
	ConditionDataLost = "DataLost"
)

// The reasons of conditions, and of the refusals that their messages name. The
// planner (package topology) uses the same words; a test compares the lists.
const (
	// Well, or on the way: Ready and Reconciling.
	ReasonHealthy         = "Healthy"         // as declared
	ReasonSettled         = "Settled"         // nothing to do
	ReasonNotStalled      = "Progressing"     // nothing needs help from outside
	ReasonStarting        = "Starting"        // a first start, or a cold start of all members
	ReasonFirstStart      = "FirstStart"      // every member must be up and empty before the first grant
	ReasonFailingOver     = "FailingOver"     // the master is being replaced
	ReasonDegraded        = "Degraded"        // the master serves; other members are missing, syncing or cut off
	ReasonReshaping       = "Reshaping"       // all serve, not yet in the declared shape
	ReasonNoMaster        = "NoMaster"        // nobody takes writes, and nothing is under way
	ReasonHalted          = "Halted"          // every copy was lost, and onTotalLoss is Halt
	ReasonDeleting        = "Deleting"        // the group is being deleted
	ReasonDeleted         = "Deleted"         // no pod is left
	ReasonCreatingMembers = "CreatingMembers" // pods and claims are being made
	ReasonWaitingForNodes = "WaitingForNodes" // members are starting or reading their disk
	ReasonFencing         = "Fencing"         // promises are being collected
	ReasonPromises        = "Promises"        // a promise still comes in
	ReasonGranting        = "Granting"        // a master was chosen and has yet to take the role
	ReasonMasterSuspected = "MasterSuspected" // no answer from the master, not for long yet
	ReasonSyncing         = "Syncing"         // replicas are being granted or are syncing
	ReasonReparenting     = "Reparenting"     // replicas move to the upstream that the shape gives them
	ReasonRemovingMembers = "RemovingMembers" // members beyond the declared shape are being removed
	ReasonReplacing       = "ReplacingMember" // a member whose process ended is being started again
	ReasonStopping        = "Stopping"        // a pod is being deleted
	ReasonUnschedulable   = "Unschedulable"   // a pod has no Kubernetes node yet

	// Not without a change from outside: Stalled.
	ReasonInvalidShape      = "InvalidShape"      // the declared shape contradicts itself
	ReasonMemberUnreachable = "MemberUnreachable" // a member that may be master or hold the best copy does not answer and is not proven dead
	ReasonClaimSilent       = "ClaimSilent"       // a claim may hold the best copy and cannot be read
	ReasonNoCandidate       = "NoCandidate"       // those that hold data may not lead
	ReasonForeignData       = "ForeignData"       // data of another group, or of no history that the ledger knows
	ReasonLedgerMissing     = "LedgerMissing"     // data may be there, a ledger is not
	ReasonLedgerBehind      = "LedgerBehind"      // restored ledger and nodes do not fit together
	ReasonLinkRefused       = "LinkRefused"       // a replica's shield refuses what its upstream has, and no permit is due
	ReasonUnmanaged         = "Unmanaged"         // a process that takes no grants
	ReasonNameTaken         = "NameTaken"         // an object of somebody else bears a name of the group's
	ReasonDataLost          = "DataLost"          // every copy is gone, and onTotalLoss is Halt

	// Of gates: why a step is not taken now.
	ReasonNotPromised  = "MemberNotPromised" // it has not promised the epoch
	ReasonDeclaredDead = "DeclaredDead"      // it answers, and the ledger has it dead
	ReasonEmpty        = "Empty"             // it holds no data set
	ReasonIncomplete   = "Incomplete"        // it holds no complete copy
	ReasonLocalWrites  = "LocalWrites"       // it wrote on its own: barred from election
	ReasonMasterFirst  = "MasterFirst"       // a new master is made before
	ReasonOneInHand    = "OneInHand"         // another planned step is under way
	ReasonFeedsOthers  = "FeedsOthers"       // members feed from it
	ReasonTooFewCopies = "TooFewCopies"      // fewer complete copies would be left than are declared

	// RestartSafe and DataLost.
	ReasonReplicaCanTakeOver = "ReplicaCanTakeOver" // a complete, close replica can take over
	ReasonDurable            = "Durable"            // the master's own disk suffices
	ReasonNothingToLose      = "NothingToLose"      // no master was ever open
	ReasonOnlyCopy           = "OnlyCopy"           // the master has the only complete copy, and it is not durable
	ReasonReplicasBehind     = "ReplicasBehind"     // there are replicas, and none is complete and close
	ReasonNoMasterNow        = "NoMasterNow"        // no master serves
	ReasonDataPresent        = "DataPresent"
	ReasonAllCopiesEmpty     = "AllCopiesEmpty"   // every member reported, and none holds the data
	ReasonNotYetDetermined   = "NotYetDetermined" // members have yet to report
)
