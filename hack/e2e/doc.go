// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tries Espalier out on a real Kubernetes, the way it is used: the
// operator installed by Helm, groups applied by kubectl, clients that write
// through the Service while members are killed under them. Its tests have the
// build tag e2e; hack/e2e.sh prepares the cluster and runs them.
//
// The tests ask the members themselves who feeds from whom (package livetree),
// and count a write as acknowledged as package writer does. They wait for what
// the API server tells; where a process tells nothing, they look again and
// again, for a bounded time.
//
// Start reading at group (group_test.go).
package e2e
