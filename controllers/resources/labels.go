// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resources builds the Kubernetes objects of a group: values from
// values, without I/O, clock or chance. What is random or observed (passwords,
// tokens, the group id, a pod's address) is passed in.
//
// Invariants:
//   - Every object carries its kind and the labels of its group, so that it can
//     be sent by server-side apply and found again.
//   - Names are functions of the group's and the member's name alone.
//   - Pods pass Pod Security `restricted`, and are never restarted by the
//     kubelet: a restart is a decision (wall 1 of the safety protocol).
//   - No label decides who is master: the master's Service has no selector.
//   - Secrets reach a node as files, never as arguments or environment.
//
// Start reading at Pod.
package resources

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// GroupKind is the kind of a group, as owner references name it.
const GroupKind = "ReplicationGroup"

// Labels, annotations and the finalizer of this project.
const (
	// LabelGroup holds the group's name, on everything that belongs to it.
	LabelGroup = "espalier.io/group"
	// LabelMember holds the member's name, on pods and claims.
	LabelMember = "espalier.io/member"
	// LabelEntry holds the name of the tree entry, on pods and claims; absent in
	// the instances form.
	LabelEntry = "espalier.io/entry"
	// LabelRole holds RoleMaster or RoleReplica, on pods that serve. It follows
	// the ledger and decides nothing.
	LabelRole = "espalier.io/role"

	// AnnotationGroupID holds the ledger's group id, on claims.
	AnnotationGroupID = "espalier.io/group-id"
	// AnnotationEpoch holds the epoch of the master, on its EndpointSlice.
	AnnotationEpoch = "espalier.io/epoch"

	// FinalizerObservedDeath keeps a pod's object until the operator has read how
	// its container ended.
	FinalizerObservedDeath = "espalier.io/observed-death"
)

// The values of LabelRole.
const (
	RoleMaster  = "master"
	RoleReplica = "replica"
)

// The ports of a member, and their names in pods and Services.
const (
	RedisPort     = 6379
	RedisPortName = "redis"
	AdminPort     = 9379
	AdminPortName = "admin"
)

// groupLabels are the labels of everything that belongs to the group.
func groupLabels(group *v1alpha1.ReplicationGroup) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":       "espalier",
		"app.kubernetes.io/instance":   group.Name,
		"app.kubernetes.io/managed-by": "espalier",
		LabelGroup:                     group.Name,
	}
}

// memberLabels are the labels of what belongs to one member.
func memberLabels(group *v1alpha1.ReplicationGroup, member Member) map[string]string {
	l := groupLabels(group)
	l[LabelMember] = member.Name
	if member.Entry != "" {
		l[LabelEntry] = member.Entry
	}
	return l
}

// GroupSelector finds the objects of a group.
func GroupSelector(group string) map[string]string {
	return map[string]string{LabelGroup: group}
}

// SelectorText is GroupSelector as status.selector has it.
func SelectorText(group string) string {
	return labels.FormatLabels(GroupSelector(group))
}

func roleSelector(group, role string) map[string]string {
	return map[string]string{LabelGroup: group, LabelRole: role}
}

// objectMeta is the metadata of an object that goes with its group.
func objectMeta(group *v1alpha1.ReplicationGroup, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:            name,
		Namespace:       group.Namespace,
		Labels:          groupLabels(group),
		OwnerReferences: []metav1.OwnerReference{ownerReference(group)},
	}
}

// ownerReference makes the group the controller of an object.
func ownerReference(group *v1alpha1.ReplicationGroup) metav1.OwnerReference {
	return *metav1.NewControllerRef(group, v1alpha1.GroupVersion.WithKind(GroupKind))
}

// merged is the union of maps; later ones win.
func merged(all ...map[string]string) map[string]string {
	union := map[string]string{}
	for _, m := range all {
		maps.Copy(union, m)
	}
	return union
}

// Member is one member as its objects need it.
type Member struct {
	Name  string // without the group's: "0", "relay-1"
	Entry string // its tree entry; "" in the instances form
	// Claimed: it has a claim although its entry declares none (any more), and
	// must go on reading it: what the claim holds may be the best copy.
	Claimed bool
}

// PodName is the name of a member's pod, and of its claim.
func PodName(group, member string) string { return group + "-" + member }

// MemberName is the member whose pod or claim bears the name.
func MemberName(group, pod string) (member string, ok bool) {
	member, ok = strings.CutPrefix(pod, group+"-")
	return member, ok && member != ""
}
