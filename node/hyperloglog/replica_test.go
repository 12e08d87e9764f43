// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestReplica counts on a replica: it keeps the result for itself, and what has
// expired does not count.
func TestReplica(t *testing.T) {
	pair := difftest.NewPair(t, families)
	pair.Compare(t, `
		DEBUG SET-ACTIVE-EXPIRE 0
		PFADD h a b c d
		PFADD gone a b c d
		PFADD fresh e f
		PEXPIRE gone 1
		DEBUG SLEEP 0.02
		REPLICAOF 127.0.0.1 1
		GET h
		PFCOUNT h
		GET h
		PFCOUNT gone
		PFCOUNT gone h
		PFADD h x
		PFMERGE h gone
		PFDEBUG TODENSE h
		DBSIZE
		CONFIG SET replica-read-only no
		PFCOUNT gone
		DBSIZE
		PFMERGE h gone fresh
		DBSIZE
		PFADD gone z
		PTTL gone
		PFCOUNT gone
		DBSIZE
		DEBUG DIGEST
	`)
}

// TestCountIsNoLocalWrite: a replica expires by itself only what its clients
// wrote, and what PFCOUNT leaves in a value is not of that kind.
func TestCountIsNoLocalWrite(t *testing.T) {
	node := difftest.StartNode(t, families, "--enable-debug-command", "yes", "--hz", "500")
	for _, argv := range [][]string{
		{"PFADD", "h", "a", "b", "c"},
		{"PEXPIRE", "h", "1000"},
		{"REPLICAOF", "127.0.0.1", "1"},
	} {
		if v := node.Do(t, argv...); v.Err() != nil {
			t.Fatalf("%q: %s", argv, v.Text())
		}
	}
	if v := node.Do(t, "PFCOUNT", "h"); v.Int != 3 {
		t.Fatalf("PFCOUNT is answered %s before the key expires", v.Text())
	}
	node.Do(t, "DEBUG", "SLEEP", "1.05")
	if v := node.Do(t, "PFCOUNT", "h"); v.Int != 0 {
		t.Errorf("PFCOUNT counts an expired key: %s", v.Text())
	}
	node.Do(t, "DEBUG", "SLEEP", "0.01") // a few turns of the cycle
	if v := node.Do(t, "DBSIZE"); v.Int != 1 {
		t.Errorf("the replica has removed the key by itself")
	}
}
