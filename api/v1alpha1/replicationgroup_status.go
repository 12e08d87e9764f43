// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReplicationGroupStatus mirrors and explains what the operator observes. No
// decision is taken from it: what must outlive an observation is in the ledger.
type ReplicationGroupStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// epoch of the ledger: raised by one with every attempt to give the master
	// role.
	// +optional
	Epoch int64 `json:"epoch,omitempty"`

	// master is the pod that holds the master role; empty while none does.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Master string `json:"master,omitempty"`

	// instances is the number of members that exist, in whichever state.
	// +optional
	Instances int32 `json:"instances"`

	// ready as "4/5": members that serve with a complete copy and, if replicas,
	// with their link up, of those that the spec declares.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Ready string `json:"ready,omitempty"`

	// selector finds the members' pods; the scale subresource hands it out.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Selector string `json:"selector,omitempty"`

	// image that new members run.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// conditions: Ready, Reconciling, Stalled (read as kstatus does), RestartSafe
	// and DataLost.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// nodes tells what each member said last. Roles and links are fresh; offset
	// and lag are written at most every 30 seconds (metrics have them live).
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Nodes []NodeStatus `json:"nodes,omitempty"`

	// sampledAt is when the offsets and lags in nodes were taken.
	// +optional
	SampledAt *metav1.Time `json:"sampledAt,omitempty"`

	// lastDecision is the last step that the operator took on its own, and why.
	// +optional
	LastDecision *Decision `json:"lastDecision,omitempty"`
}

// NodeStatus is one member as observed.
type NodeStatus struct {
	// name of the member's pod.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// role: master, replica, or empty while the member has none.
	// +optional
	// +kubebuilder:validation:Enum="";master;replica
	Role string `json:"role,omitempty"`

	// phase: Missing (no pod), Unreachable (a pod that does not answer), Dead
	// (its process has ended for certain), or the node's own word: Loading,
	// Quarantined, Serving.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Phase string `json:"phase,omitempty"`

	// upstream is the pod that this replica was told to feed from.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Upstream string `json:"upstream,omitempty"`

	// lineage of its data set: the replid, shortened, and the epoch that the
	// ledger's history knows it by, as "5f2a9c01@3"; "foreign" if it knows none;
	// empty for a member that holds no data.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Lineage string `json:"lineage,omitempty"`

	// offset: bytes of the replication stream applied.
	// +optional
	Offset int64 `json:"offset,omitempty"`

	// lag: bytes of the stream behind the master; absent if unknown.
	// +optional
	Lag *int64 `json:"lag,omitempty"`

	// link of a replica to its upstream: down, sync, up, or refused (it would
	// lose data that nobody allowed it to lose).
	// +optional
	// +kubebuilder:validation:Enum="";down;sync;up;refused
	Link string `json:"link,omitempty"`

	// persistence as observed on the node, never as declared: None, RDB and so
	// on, with "failing" after it if the last write to disk did not succeed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Persistence string `json:"persistence,omitempty"`

	// ready: it serves with a complete copy.
	// +optional
	Ready bool `json:"ready"`

	// restartSafe: this member may stop now and nothing is lost.
	// +optional
	RestartSafe bool `json:"restartSafe"`

	// reason why it is not ready or not restart-safe, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// Decision is a step that the operator took on its own.
type Decision struct {
	// time of the decision.
	// +required
	Time metav1.Time `json:"time"`

	// epoch in which it was taken.
	// +required
	Epoch int64 `json:"epoch"`

	// text says what was done and why, for people.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Text string `json:"text"`
}
