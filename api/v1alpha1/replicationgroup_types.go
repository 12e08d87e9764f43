// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ReplicationGroup describes one replication tree: a master, its replicas and
// their replicas. The operator grows it, keeps it alive, and never lets a
// restart empty it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.instances,statuspath=.status.instances,selectorpath=.status.selector
// +kubebuilder:resource:shortName=rg,categories=espalier
// +kubebuilder:printcolumn:name="Master",type=string,JSONPath=`.status.master`,description="The pod that holds the master role"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.ready`,description="Members with a complete copy and their link up, of those declared"
// +kubebuilder:printcolumn:name="Epoch",type=integer,JSONPath=`.status.epoch`,description="Raised with every attempt to give the master role"
// +kubebuilder:printcolumn:name="Restart-safe",type=string,JSONPath=`.status.conditions[?(@.type=="RestartSafe")].status`,description="Whether any one member may stop without loss"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 57 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name must be a DNS label of at most 57 characters that begins with a letter: Services and pods are named after it"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.tree) || self.spec.tree.all(m, self.metadata.name.size() + m.name.size() <= 59)",fieldPath=".spec.tree",message="the group's name and a member's name may have 59 characters together: pods are named after both, and numbered"
type ReplicationGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ReplicationGroupSpec `json:"spec"`
	// +optional
	Status ReplicationGroupStatus `json:"status,omitempty"`
}

// ReplicationGroupSpec is the declared shape and the settings of its members.
// The shape has two forms, of which exactly one is used: `instances` with
// `fanout` lets the operator compute a balanced tree, `tree` spells it out.
//
// The scale subresource writes `instances`. A group in the tree form has none:
// reading its scale is an error, and scaling it is refused, because only its
// author knows which entry should grow.
//
// +kubebuilder:validation:XValidation:rule="has(self.instances) || has(self.tree)",message="the shape is missing: set instances (with fanout, if replicas shall feed from replicas) or tree"
// +kubebuilder:validation:XValidation:rule="!(has(self.instances) && has(self.tree))",fieldPath=".tree",reason=FieldValueForbidden,message="instances and tree exclude each other: in the tree form each entry's count says how many members there are"
// +kubebuilder:validation:XValidation:rule="!has(self.fanout) || has(self.instances)",fieldPath=".fanout",reason=FieldValueForbidden,message="fanout goes with instances: in the tree form replicaOf says who feeds from whom"
type ReplicationGroupSpec struct {
	// instances is the number of members, the master included.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Instances *int32 `json:"instances,omitempty"`

	// fanout is the most replicas that feed from one member: 1 makes a chain,
	// 2 a binary tree. Without it every replica feeds from the master.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=63
	Fanout *int32 `json:"fanout,omitempty"`

	// tree spells the shape out, parents before children. The one entry without
	// replicaOf is the root, where the master stands at first; after a failover
	// another member may hold the role.
	// +optional
	Tree Tree `json:"tree,omitempty"`

	// image of members that are created from now on, with the node at /node.
	// Without it the operator's own image is used; the one in use is told in
	// status.image.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// persistence of every member whose tree entry has none of its own. Without
	// it members keep their data in memory only.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.volume) || !has(oldSelf.volume) || (quantity(self.volume.size).compareTo(quantity(oldSelf.volume.size)) == 0 && has(self.volume.storageClassName) == has(oldSelf.volume.storageClassName) && (!has(self.volume.storageClassName) || self.volume.storageClassName == oldSelf.volume.storageClassName))",fieldPath=".volume",message="size and storageClassName of the volume cannot change: claims are not expanded or moved yet"
	// +kubebuilder:validation:XValidation:rule="!has(self.volume) || !has(oldSelf.volume) || (has(self.volume.reclaim) ? self.volume.reclaim : 'Retain') == (has(oldSelf.volume.reclaim) ? oldSelf.volume.reclaim : 'Retain')",fieldPath=".volume",message="reclaim of the volume cannot change: the claims that are there would keep the policy that they were made with"
	Persistence *Persistence `json:"persistence,omitempty"`

	// config holds redis.conf directives for every member, name to value; several
	// arguments are separated by blanks, as in redis.conf. Directives that the
	// operator owns are refused by name. A member reads them when it starts.
	// +optional
	Config Config `json:"config,omitempty"`

	// auth says where the password comes from. Without it the operator makes one
	// and keeps it in the Secret <group>-auth, key "password".
	// +optional
	Auth *Auth `json:"auth,omitempty"`

	// failover says what happens when members are lost.
	// +optional
	Failover *Failover `json:"failover,omitempty"`

	// service shapes the Services that clients use: <group> (the master),
	// <group>-ro (replicas) and <group>-any (every ready member).
	// +optional
	Service *Service `json:"service,omitempty"`

	// template shapes the members' pods.
	// +optional
	Template *Template `json:"template,omitempty"`
}

// TreeMember is an entry of the tree form: one member, or `count` equal ones.
//
// +kubebuilder:validation:XValidation:rule="!has(self.replicaOf) || self.replicaOf != self.name",fieldPath=".replicaOf",message="a member cannot be its own parent"
// +kubebuilder:validation:XValidation:rule="has(self.replicaOf) || !has(self.count) || self.count == 1",fieldPath=".count",message="the root is one member: there is one master"
type TreeMember struct {
	// name of the entry and of its one member; of several members it is the
	// beginning: <name>-0 and so on. Their pods are <group>-<member>.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=58
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// replicaOf names the entry whose members this one's members feed from.
	// Only the root has none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=58
	ReplicaOf string `json:"replicaOf,omitempty"`

	// count of members, in all and not per parent: they are spread evenly over
	// the parents. 1 when absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=63
	Count *int32 `json:"count,omitempty"`

	// persistence of these members, in place of spec.persistence as a whole.
	// +optional
	Persistence *Persistence `json:"persistence,omitempty"`

	// zone binds these members to Kubernetes nodes whose label
	// topology.kubernetes.io/zone has this value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Zone string `json:"zone,omitempty"`
}

// PersistenceMode says what a member keeps on disk.
//
// +kubebuilder:validation:Enum=None;RDB
type PersistenceMode string

// The persistence modes.
const (
	// PersistenceNone keeps data in memory only. Such a member never comes back
	// as master: another complete copy is promoted first.
	PersistenceNone PersistenceMode = "None"
	// PersistenceRDB writes a snapshot at the save points and at shutdown.
	PersistenceRDB PersistenceMode = "RDB"
)

// Persistence says what a member keeps on disk, and where.
//
// +kubebuilder:validation:XValidation:rule="self.mode == 'None' || has(self.volume)",fieldPath=".volume",reason=FieldValueRequired,message="this persistence mode needs a volume: a directory that dies with its pod keeps nothing"
// +kubebuilder:validation:XValidation:rule="self.mode != 'None' || !has(self.volume)",fieldPath=".volume",reason=FieldValueForbidden,message="mode None keeps nothing on disk: remove the volume or choose another mode"
// +kubebuilder:validation:XValidation:rule="self.mode == 'RDB' || !has(self.save)",fieldPath=".save",reason=FieldValueForbidden,message="save points go with mode RDB"
type Persistence struct {
	// mode: None (memory only) or RDB (snapshots).
	// +required
	Mode PersistenceMode `json:"mode"`

	// save points as in redis.conf: pairs of seconds and changes. A snapshot is
	// taken when one pair is met. "3600 1 300 100 60 10000" when absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,8} [0-9]{1,9}( [1-9][0-9]{0,8} [0-9]{1,9})*$`
	Save string `json:"save,omitempty"`

	// volume that holds the data directory; one claim per member.
	// +optional
	Volume *Volume `json:"volume,omitempty"`
}

// ReclaimPolicy says what becomes of a claim when its group is deleted.
//
// +kubebuilder:validation:Enum=Retain;Delete
type ReclaimPolicy string

// The reclaim policies.
const (
	ReclaimRetain ReclaimPolicy = "Retain"
	ReclaimDelete ReclaimPolicy = "Delete"
)

// Volume describes the claims of members with persistence.
type Volume struct {
	// size of each claim, such as 8Gi.
	// +required
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[1-9][0-9]*([.][0-9]+)?([kMGTPE]i?)?$`
	Size resource.Quantity `json:"size"`

	// storageClassName of the claims; the cluster's default class when absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`

	// reclaim: Retain (when absent) keeps the claims when the group is deleted,
	// so that the same manifest finds its data again; Delete removes them.
	// +optional
	Reclaim ReclaimPolicy `json:"reclaim,omitempty"`
}

// Auth says where the group's password comes from.
type Auth struct {
	// secretRef names a Secret in the group's namespace whose key "password"
	// holds the password that clients and replicas use.
	// +required
	SecretRef SecretReference `json:"secretRef"`
}

// SecretReference names a Secret in the group's namespace.
type SecretReference struct {
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`
}

// TotalLossPolicy says what to do when every copy of the data is gone.
//
// +kubebuilder:validation:Enum=Halt;Reinitialize
type TotalLossPolicy string

// The policies for total loss.
const (
	// TotalLossHalt stops and tells: condition DataLost.
	TotalLossHalt TotalLossPolicy = "Halt"
	// TotalLossReinitialize begins again with an empty data set, as a cache may.
	TotalLossReinitialize TotalLossPolicy = "Reinitialize"
)

// Failover says what happens when members are lost.
type Failover struct {
	// onTotalLoss: Halt (when absent) leaves a group that held data and lost
	// every copy without a master until a person decides; Reinitialize starts it
	// empty, which suits caches.
	// +optional
	OnTotalLoss TotalLossPolicy `json:"onTotalLoss,omitempty"`
}

// Service shapes the Services that clients use.
type Service struct {
	// annotations of the Services <group>, <group>-ro and <group>-any.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('espalier.io/'))",message="annotations under espalier.io/ are owned by the operator"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Template shapes the members' pods. It takes effect for pods that are created
// after the change.
type Template struct {
	// resources of the node's container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`

	// affinity replaces the operator's own preference to spread members over
	// Kubernetes nodes; a member's zone is required in any case.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// nodeSelector of the pods; a member's zone goes before it.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations of the pods.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// topologySpreadConstraints of the pods; a constraint without labelSelector
	// counts the members of this group.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// priorityClassName of the pods.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// labels added to the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('espalier.io/') && !k.startsWith('app.kubernetes.io/'))",message="labels under espalier.io/ and app.kubernetes.io/ are owned by the operator"
	Labels map[string]string `json:"labels,omitempty"`

	// annotations added to the pods.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('espalier.io/'))",message="annotations under espalier.io/ are owned by the operator"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ReplicationGroupList is a list of groups.
//
// +kubebuilder:object:root=true
type ReplicationGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ReplicationGroup `json:"items"`
}
