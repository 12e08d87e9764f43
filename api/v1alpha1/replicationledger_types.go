// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReplicationLedger is the operator's memory of one group: who may be master,
// since when, and of which history. It has the name of its ReplicationGroup but
// is not owned by it: it stays as long as the claims, so that a group that is
// deleted and applied again keeps its data and its epochs. People read it and
// never write it.
//
// Every step of a mastership is one update with the resource version, and the
// rules here make the API server refuse a step back, whoever asks.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=rl,categories=espalier
// +kubebuilder:printcolumn:name="Epoch",type=integer,JSONPath=`.spec.epoch`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.spec.phase`
// +kubebuilder:printcolumn:name="Node",type=string,JSONPath=`.spec.grant.node`
// +kubebuilder:printcolumn:name="Ever-open",type=boolean,JSONPath=`.spec.everOpen`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ReplicationLedger struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ReplicationLedgerSpec `json:"spec"`
}

// LedgerPhase is how far the attempt of the current epoch has come.
//
// +kubebuilder:validation:Enum=Fencing;Offered;Open
type LedgerPhase string

// The phases of an epoch, in their order.
const (
	// LedgerFencing: nobody renews the epochs before; promises are collected.
	LedgerFencing LedgerPhase = "Fencing"
	// LedgerOffered: the grant is decided and may have been told to its node,
	// which takes no writes yet.
	LedgerOffered LedgerPhase = "Offered"
	// LedgerOpen: the node accepted, and may be renewed and take writes.
	LedgerOpen LedgerPhase = "Open"
)

// ReplicationLedgerSpec holds the facts of the group.
//
// An *epoch* is raised by one for every attempt to give the master role and is
// never reused. A *replid* (40 hex digits) names a replication history; one is
// minted for each mastership and entered in history with its parent and the
// *fork*, the offset at which it left the parent.
//
// +kubebuilder:validation:XValidation:rule="self.epoch >= oldSelf.epoch",fieldPath=".epoch",message="the epoch never falls"
// +kubebuilder:validation:XValidation:rule="self.epoch > oldSelf.epoch || self.phase == oldSelf.phase || oldSelf.phase == 'Fencing' || (oldSelf.phase == 'Offered' && self.phase == 'Open')",fieldPath=".phase",message="within an epoch the phase goes from Fencing to Offered to Open"
// +kubebuilder:validation:XValidation:rule="!has(self.grant) || self.grant.epoch <= self.epoch",fieldPath=".grant.epoch",message="a grant cannot be of an epoch to come"
// +kubebuilder:validation:XValidation:rule="self.phase == 'Fencing' || (has(self.grant) && self.grant.epoch == self.epoch)",fieldPath=".grant",message="Offered and Open need the grant of this epoch"
// +kubebuilder:validation:XValidation:rule="!has(self.grant) || (has(self.history) && self.history.exists(h, h.epoch == self.grant.epoch && h.replid == self.grant.replid))",fieldPath=".grant.replid",message="the grant's epoch and replid must be in the history"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.grant) || (has(self.grant) && self.grant.epoch >= oldSelf.grant.epoch)",fieldPath=".grant",message="a grant is replaced by that of a later epoch, never removed"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.grant) || !has(self.grant) || self.grant.epoch != oldSelf.grant.epoch || self.grant == oldSelf.grant",fieldPath=".grant",message="the grant of an epoch never changes"
// +kubebuilder:validation:XValidation:rule="has(self.history) || !has(oldSelf.history)",fieldPath=".history",message="a history entry is never removed before 256 newer ones are there"
// +kubebuilder:validation:XValidation:rule="self.everOpen || self.phase != 'Open'",fieldPath=".everOpen",message="everOpen is set with the first Open"
type ReplicationLedgerSpec struct {
	// groupID is random, minted with the ledger, and written on every claim and
	// into every data directory: data of another group is never taken for ours.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-zA-Z-]+$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the group id never changes"
	GroupID string `json:"groupID"`

	// +required
	// +kubebuilder:validation:Minimum=1
	Epoch int64 `json:"epoch"`

	// +required
	Phase LedgerPhase `json:"phase"`

	// everOpen: a master once took writes. While it is false there is provably
	// no data, and an empty start is safe.
	// +required
	// +kubebuilder:validation:XValidation:rule="self || !oldSelf",message="everOpen never goes back"
	EverOpen bool `json:"everOpen"`

	// allMustReport: this ledger was rebuilt, or a node was seen to be ahead of
	// it. Until the next Open no member may be decided about unheard.
	// +optional
	AllMustReport bool `json:"allMustReport,omitempty"`

	// grant is the newest mastership that was decided; in phase Fencing that of
	// an earlier epoch, whose holder must be fenced first.
	// +optional
	Grant *LedgerGrant `json:"grant,omitempty"`

	// history of all masterships, oldest first; the newest 256 are kept.
	// +optional
	// +listType=map
	// +listMapKey=epoch
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:XValidation:rule="oldSelf.all(o, self.exists(n, n.epoch == o.epoch) || (self.size() >= 256 && self[0].epoch > o.epoch))",message="a history entry is never removed before 256 newer ones are there"
	// +kubebuilder:validation:XValidation:rule="oldSelf.size() == 0 || self.all(n, n.epoch > oldSelf[oldSelf.size() - 1].epoch || oldSelf.exists(o, o.epoch == n.epoch))",message="history is only added to at its end"
	History []LedgerHistory `json:"history,omitempty"`

	// members: what must be remembered of everyone that may hold data.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=512
	Members []LedgerMember `json:"members,omitempty"`

	// decision is the last decision and its reason, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Decision string `json:"decision,omitempty"`
}

// LedgerGrant gives the master role to one process.
type LedgerGrant struct {
	// +required
	// +kubebuilder:validation:Minimum=1
	Epoch int64 `json:"epoch"`

	// node is the member's name: its pod's, without the group's.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Node string `json:"node"`

	// +required
	// +kubebuilder:validation:MaxLength=64
	PodUID string `json:"podUID"`

	// runID of the process: 40 hex digits.
	// +required
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	RunID string `json:"runID"`

	// replid minted for this mastership: 40 hex digits.
	// +required
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	Replid string `json:"replid"`
}

// LedgerHistory is one mastership's place in the lineage.
//
// +kubebuilder:validation:XValidation:rule="!oldSelf.?opened.orValue(false) || self.?opened.orValue(false)",message="a history that was opened stays so"
// +kubebuilder:validation:XValidation:rule="self.replid == oldSelf.replid && self.forkOffset == oldSelf.forkOffset && has(self.parent) == has(oldSelf.parent) && (!has(self.parent) || self.parent == oldSelf.parent)",message="a history entry never changes"
type LedgerHistory struct {
	// +required
	// +kubebuilder:validation:Minimum=1
	Epoch int64 `json:"epoch"`

	// +required
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	Replid string `json:"replid"`

	// parent is the replid that this history continues; none for the first.
	// +optional
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	Parent string `json:"parent,omitempty"`

	// forkOffset: bytes of the parent's stream that belong to this history.
	// +required
	// +kubebuilder:validation:Minimum=0
	ForkOffset int64 `json:"forkOffset"`

	// opened: its master may have taken writes. A history that was only offered
	// holds nothing beyond its fork.
	// +optional
	Opened bool `json:"opened,omitempty"`
}

// LedgerMember is a member that may hold data.
//
// +kubebuilder:validation:XValidation:rule="!oldSelf.?dead.orValue(false) || self.?dead.orValue(false) || has(self.runID) != has(oldSelf.runID) || (has(self.runID) && has(oldSelf.runID) && self.runID != oldSelf.runID)",fieldPath=".dead",message="a dead process never lives again"
type LedgerMember struct {
	// name of the member: its pod's, without the group's.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// claimUID of its claim when it was last given a role; empty without one.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ClaimUID string `json:"claimUID,omitempty"`

	// dirID is the identity that its data directory had then.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	DirID string `json:"dirID,omitempty"`

	// place in the declared shape; empty for one that is no longer declared and
	// is drained and removed.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Place string `json:"place,omitempty"`

	// parent is the member whose place is above its own; empty for the root.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Parent string `json:"parent,omitempty"`

	// podUID and runID are the last process that was given a role, written
	// before the grant is sent.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PodUID string `json:"podUID,omitempty"`

	// +optional
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	RunID string `json:"runID,omitempty"`

	// dead: that process is proven dead; written before its pod goes.
	// +optional
	Dead bool `json:"dead,omitempty"`

	// upstreams: run ids of the processes that it was told to feed from since
	// the last Open; "*" if there were too many. One that fed from a single
	// ancestor only cannot be ahead of it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=40
	Upstreams []string `json:"upstreams,omitempty"`
}

// ReplicationLedgerList is a list of ledgers.
//
// +kubebuilder:object:root=true
type ReplicationLedgerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ReplicationLedger `json:"items"`
}
