// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestWritableReplica writes to expired keys on a replica that may be written
// to: they begin anew, while those that are only read stay hidden.
func TestWritableReplica(t *testing.T) {
	pair := difftest.NewPair(t, families)
	pair.Compare(t, `
		DEBUG SET-ACTIVE-EXPIRE 0
		MSET a text b text c 5 d text e text f text
		PEXPIRE a 1
		PEXPIRE b 1
		PEXPIRE c 1
		PEXPIRE d 1
		PEXPIRE e 1
		PEXPIRE f 1
		DEBUG SLEEP 0.02
		REPLICAOF 127.0.0.1 1
		SETBIT a 0 1
		GETBIT a 1
		DBSIZE
		CONFIG SET replica-read-only no
		GETBIT a 1
		BITCOUNT a
		DBSIZE
		SETBIT a 0 1
		PTTL a
		GET a
		BITFIELD b SET u8 0 65
		PTTL b
		GET b
		INCR c
		PTTL c
		GET c
		BITOP OR x d a
		GET x
		DBSIZE
		BITOP XOR d d a
		PTTL d
		GET d
		BITOP OR e f
		EXISTS e
		DBSIZE
		APPEND f x
		GET f
		DEBUG DIGEST
	`)
}
