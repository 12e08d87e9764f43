// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of Espalier: the ReplicationGroup, which a user
// writes, and the ReplicationLedger, which only the operator writes.
//
// Rules of this package:
//   - No field is without effect: a field enters the schema together with the
//     code that obeys it.
//   - The API server validates everything that can be known from the object
//     alone (schema and CEL); validation_test.go runs every rule against a real
//     one. The operator may rely on what passed.
//   - No schema defaults: what a user did not write stays unwritten, so that
//     applying the same manifest twice changes nothing. Defaults live in the
//     accessors of defaults.go.
//   - The operator never writes to a ReplicationGroup's spec.
//
// Start reading at ReplicationGroupSpec; the words of the ledger (epoch,
// replid, grant, fork) are explained at ReplicationLedgerSpec.
//
// +kubebuilder:object:generate=true
// +groupName=espalier.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: "espalier.io", Version: "v1alpha1"}

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the types of this package.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&ReplicationGroup{}, &ReplicationGroupList{},
		&ReplicationLedger{}, &ReplicationLedgerList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
