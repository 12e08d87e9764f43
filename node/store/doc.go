// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store is the data set of a node: databases of keys and values that
// live outside the Go heap, with expiry, cursors, and snapshots that need no
// fork.
//
// Start at Store (store.go), then DB (db.go, strings.go, expiry.go) for what a
// command does, and Snapshot (snapshot.go) for what a save or a replica's
// first sync does. Below them lie, bottom up: the slabs (pages_*.go,
// sizeclass.go, arena.go), vectors of words in them (vector.go), the layout of
// one key with its value (entry.go), the hash table (table.go, scan.go) and
// the keyspace that joins table, expiry index and snapshot hook (keyspace.go).
//
// # Contract
//
// The store has no locks. Every call, Snapshot.Next, Snapshot.Close and
// Batch.Release included, happens under the engine's one execution lock. The
// one thing that may be used outside of it are the items of a Batch, until that
// batch is passed to Next again or released.
//
// What a read returns (Value, the bytes behind it, the keys that an iteration
// yields) points into the slabs and is valid until the next mutation of the
// store. What a write is given (keys, values) must not point into the slabs;
// it is copied before the call returns.
//
// Whether a key with a time to live has expired is the caller's decision (a
// replica hides expired keys but keeps them until its master deletes them): the
// store never looks at the clock to answer a read, it only tells the time of
// expiry.
//
// # Invariants
//
//   - A slot of the table, and for keys with a time to live the expiry index,
//     hold the handle of exactly one entry; an entry is reachable from exactly
//     one keyspace. Whoever moves an entry updates both.
//   - Before any change to what a bucket holds (its entries, their values, their
//     expiry), keyspace.beforeChange has been called for that bucket. A snapshot
//     is exact because nothing escapes this rule. Splits and merges of buckets
//     move entries without changing them and are covered in keyspace.go.
//   - A value block with more than one reference is never written: a writer
//     makes its own copy first. So the items of a batch can be read without the
//     lock.
//   - No operation on one key costs more than work proportional to that key and
//     its value plus one bucket: the table grows and shrinks a bucket at a time,
//     with each insertion and deletion. The worst that follows from it is the
//     first change in place (Append, SetRange, Grow) of a large value that a
//     snapshot still needs: it copies the value, about 0.1 ms per MiB.
package store
