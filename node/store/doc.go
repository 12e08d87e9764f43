// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store is the data set of a node: databases of keys and values that
// live outside the Go heap, with expiry, cursors, and snapshots that need no
// fork.
//
// Start at Store (store.go), then DB (db.go, strings.go, expiry.go) and the
// collections (hash.go, set.go, zset.go, list.go) for what a command does, and
// Snapshot (snapshot.go) for what a save or a replica's first sync does. Below
// them lie, bottom up: the slabs (pages_*.go, sizeclass.go, arena.go), vectors of
// words in them (vector.go), the layout of one key with its value (entry.go),
// the hash table (table.go, scan.go) and the keyspace that joins table, expiry
// index and snapshot hook (keyspace.go).
//
// # Collections
//
// A collection has one of two forms. A small one is packed: bytes like those of a
// string, a listpack or an intset as Redis has them. Everything else, and every
// list, is a tree: the entry names the root block and the number of elements.
// Where Redis goes from one form to the other, so does the store, and never
// back.
//
// Blocks of values and trees count their references (block.go). A tree is edited
// by copying, of the blocks from the root to one leaf, those that others hold,
// too (tree.go). So a snapshot, a copy of a key or a batch keeps a whole
// collection as it is by one reference to its root, and an edit never copies
// more than one leaf and the few nodes above it. Inner nodes are the same for
// all types (inner.go): they have for each child the number of elements below
// it, for access by rank, and a lower bound. Leaves are of three sorts: of names
// ordered by a hash of them (mapleaf.go, maptree.go: hashes, sets, and the
// members of sorted sets), of members by score (ordered_*.go), and of elements by
// position (list_*.go). Editors (editor.go) find the entry, change either form
// and write back.
//
// # Contract
//
// The store has no locks. Every call, Snapshot.Next, Snapshot.Close and
// Batch.Release included, happens under the engine's one execution lock. The
// one thing that may be used outside of it are the items of a Batch, and the looks
// at their collections, until that batch is passed to Next again or released: a
// batch has a reader of its own (block.go).
//
// What a read returns (Value, the bytes behind it, the keys that an iteration
// yields) points into the slabs and is valid until the next mutation of the
// store. What a write is given (keys, values) must not point into the slabs;
// it is copied before the call returns. While an editor is open, the key that it
// was opened with must stay as it is, and nothing else may change the store.
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
//   - A block with more than one reference is never written, nor is what can be
//     reached through it only: a writer makes its own copy first. So the items of
//     a batch can be read without the lock. A block of one reference may be
//     written only by who comes to it through blocks of one reference.
//   - An inner node has at least one child, the root of a tree at least two
//     unless it is a leaf, and no leaf is empty. The counts of a node's children
//     are those of the elements below them.
//   - No operation on one key costs more than work proportional to that key and
//     its value plus one bucket: the table grows and shrinks a bucket at a time,
//     with each insertion and deletion. The worst that follows from it is the
//     first change in place (Append, SetRange, Grow) of a large value that a
//     snapshot still needs: it copies the value, about 0.1 ms per MiB. An edit
//     of a tree costs the way to a leaf for each element; deleting one leaves
//     all but a few leaves to Reclaim.
package store
