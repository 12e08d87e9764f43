// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// DisruptionBudgets keep evictions from taking the master, or more than one
// replica at a time. They count pods by role, so no pod is in both. They say
// minAvailable, which needs no scale subresource: a group in the tree form has
// none that could be read.
func DisruptionBudgets(group *v1alpha1.ReplicationGroup) []*policyv1.PodDisruptionBudget {
	replicas := int(group.Spec.DeclaredInstances()) - 1
	budgets := []*policyv1.PodDisruptionBudget{budget(group, RoleMaster, 1)}
	if replicas > 0 {
		budgets = append(budgets, budget(group, RoleReplica, replicas-1))
	}
	return budgets
}

func budget(group *v1alpha1.ReplicationGroup, role string, minAvailable int) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: objectMeta(group, group.Name+"-"+role),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: new(intstr.FromInt(minAvailable)),
			Selector:     &metav1.LabelSelector{MatchLabels: roleSelector(group.Name, role)},
		},
	}
}
