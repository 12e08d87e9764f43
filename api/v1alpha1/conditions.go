// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The conditions of a ReplicationGroup and every reason that each may give.
// Ready, Reconciling and Stalled follow kstatus (cli-utils), which Argo CD,
// Flux and kubectl wait read: Reconciling or Stalled appear with status True
// only while they hold.
const (
	// ConditionReady: the declared shape stands, and every member in it serves.
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

// Reasons of Ready, which are also the Status column of kubectl get. The first
// goes with True, the others with False.
const (
	ReasonHealthy     = "Healthy"     // as declared
	ReasonStarting    = "Starting"    // first start, or a cold start of all members
	ReasonFailingOver = "FailingOver" // the master is being replaced
	ReasonDegraded    = "Degraded"    // the master serves; other members are missing, syncing or cut off
	ReasonReshaping   = "Reshaping"   // all serve, not yet in the declared shape
	ReasonNoMaster    = "NoMaster"    // nobody takes writes, and nothing is under way
	ReasonHalted      = "Halted"      // every copy was lost, and onTotalLoss is Halt
	ReasonDeleting    = "Deleting"    // the group is being deleted
)

// Reasons of Reconciling; the first goes with False.
const (
	ReasonSettled         = "Settled"
	ReasonCreatingMembers = "CreatingMembers" // pods, claims and Services are being made
	ReasonWaitingForNodes = "WaitingForNodes" // members are starting or reading their disk
	ReasonFencing         = "Fencing"         // promises are being collected
	ReasonGranting        = "Granting"        // a master was chosen and is being granted
	ReasonSyncing         = "Syncing"         // replicas are being granted or are syncing
	ReasonReparenting     = "Reparenting"     // replicas move to the upstream that the shape gives them
	ReasonRemovingMembers = "RemovingMembers" // members beyond the declared shape are being removed
	ReasonReplacing       = "ReplacingMember" // a member whose process ended is being started again
)

// Reasons of Stalled; the first goes with False. The others are refusals: the
// gates of the plan bear the same names.
const (
	ReasonNotStalled        = "Progressing"
	ReasonNameTaken         = "NameTaken"         // an object of a name that we need belongs to someone else
	ReasonSecretMissing     = "SecretMissing"     // spec.auth.secretRef names no Secret with a password
	ReasonMemberUnreachable = "MemberUnreachable" // a member that may be master or hold the best copy does not answer, and is not known to be dead
	ReasonMemberNotPromised = "MemberNotPromised" // a member did not promise the new epoch
	ReasonNoCandidate       = "NoCandidate"       // no complete copy without local writes can take over
	ReasonForeignData       = "ForeignData"       // a member holds data that the ledger's history does not know
	ReasonClaimSilent       = "ClaimSilent"       // a claim may hold the best copy and its member cannot report
	ReasonLedgerMissing     = "LedgerMissing"     // claims of this group exist, the ledger does not
	ReasonLedgerBehind      = "LedgerBehind"      // a member knows a higher epoch than the ledger
	ReasonUnschedulable     = "Unschedulable"     // a pod finds no Kubernetes node
	ReasonDataLost          = "DataLost"          // see the condition of that name
)

// Reasons of RestartSafe; the first two go with True.
const (
	ReasonReplicaCanTakeOver = "ReplicaCanTakeOver" // a complete, close replica can take over first
	ReasonDurable            = "Durable"            // the master's own disk suffices
	ReasonNothingToLose      = "NothingToLose"      // no master was ever open: there is no data
	ReasonOnlyCopy           = "OnlyCopy"           // the master has the only complete copy, and it is not durable
	ReasonReplicasBehind     = "ReplicasBehind"     // no replica is complete and close
	ReasonNoMasterNow        = "NoMasterNow"        // a change of master is under way
)

// Reasons of DataLost; the first goes with False.
const (
	ReasonDataPresent      = "DataPresent"
	ReasonAllCopiesEmpty   = "AllCopiesEmpty"   // every member reported, and none holds the data
	ReasonReinitialized    = "Reinitialized"    // as above; onTotalLoss let the group begin again
	ReasonNotYetDetermined = "NotYetDetermined" // status Unknown: members have yet to report
)
