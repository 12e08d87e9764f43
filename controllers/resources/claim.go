// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// NeedsClaim says whether a member keeps its data on a claim.
func NeedsClaim(group *v1alpha1.ReplicationGroup, member Member) bool {
	return member.Claimed || group.Spec.EntryPersistence(member.Entry).DeclaredMode() != v1alpha1.PersistenceNone
}

// Claim is the claim of a member that needs one, and bears the group id by
// which its data is known as ours. It outlives the group, unless the spec says
// reclaim Delete: only then does the group own it.
func Claim(group *v1alpha1.ReplicationGroup, member Member, groupID string) *corev1.PersistentVolumeClaim {
	persistence := group.Spec.EntryPersistence(member.Entry)
	meta := objectMeta(group, PodName(group.Name, member.Name))
	meta.Labels = memberLabels(group, member)
	meta.Annotations = map[string]string{AnnotationGroupID: groupID}
	if persistence.ReclaimPolicy() != v1alpha1.ReclaimDelete {
		meta.OwnerReferences = nil
	}
	return &corev1.PersistentVolumeClaim{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
		ObjectMeta: meta,
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: persistence.Volume.StorageClassName,
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: persistence.Volume.Size},
			},
		},
	}
}
