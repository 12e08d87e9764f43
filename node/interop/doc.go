// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package interop holds the tests of replication between processes: nodes and
// real redis-servers, in any place of a mixed tree, over links that are cut
// and with processes that are killed in the middle of everything. It has no
// code of its own.
//
// Start reading at server_test.go (a server of either kind) and
// topology_test.go. A machine without redis-server skips what needs one and
// says so.
package interop
