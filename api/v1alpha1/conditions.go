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
