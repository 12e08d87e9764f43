// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package aof keeps an append-only file as Redis 7 does: a directory with a
// manifest that names a base (the data set at one moment), the increments (what
// was executed since, in the form of the replication stream) and what is
// history and may go.
//
//	appendonlydir/
//	  appendonly.aof.manifest      file … seq … type b|i|h
//	  appendonly.aof.2.base.rdb
//	  appendonly.aof.5.incr.aof
//
// Dir is the directory with its manifest, Log the increment that is written,
// Reader takes a file of commands apart. What the commands mean is the
// engine's matter.
//
// Invariants:
//   - The manifest is replaced in one step, and only after what it names is on
//     the disk. Before it has been replaced, the files that it named stay.
//   - Bytes reach a Log's file in the order in which they were appended. A write
//     that failed half-way is cut off again, or goes on where it stopped.
//   - Under Always, Settle returns true only when all that was appended before it
//     is on the disk; one sync serves all who wait. Whoever tells the outside of
//     something executed asks Settle first.
//   - After a failed sync a file is not trusted again: the system may have thrown
//     away what it could not write, and says so only once. A new base and a new
//     increment heal it.
//   - Everything that touches the disk goes through FS, so that tests can put
//     one underneath that fails, runs full or forgets what was not synced.
//
// Lines that begin with '#' are annotations, which Redis and redis-check-aof
// pass over: #TS:<seconds> is Redis's, #EP: and #EO: are positions in the
// replication stream, ours (annotation.go).
//
// Start reading at Dir, then Log.
package aof
