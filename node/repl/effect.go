// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import "fmt"

// Effect is something that the machine wants done. Effects are performed in
// the order in which they came; those that touch the data set (Cut, Install)
// before the execution lock is given back.
type Effect interface{ effect() }

// Level is how grave a log line is, as Redis marks it.
type Level uint8

// The levels of log lines.
const (
	Debug   Level = iota // '.'
	Notice               // '*'
	Warning              // '#'
)

// Log is a line for the log.
type Log struct {
	Level Level
	Text  string
}

// Effects on the link to the master.
type (
	// Dial a master; answer with Dialed.
	Dial struct {
		Link LinkID
		Host string
		Port int
	}
	// Hangup closes a link; no event is expected of it any more.
	Hangup struct{ Link LinkID }
	// Send writes to the master.
	Send struct {
		Link LinkID
		Data []byte
	}
	// Receive: a snapshot begins to arrive. Make room for it, in a file or, to
	// the parser, in memory. Size is -1 where it is not known beforehand.
	Receive struct {
		Link     LinkID
		Size     int64
		ToParser bool
	}
	// Payload is a piece of the snapshot. Data may be part of what Received
	// brought.
	Payload struct {
		Link LinkID
		Data []byte
	}
	// Load: the snapshot is here whole. Verify it and load it beside the served
	// data set; answer with SnapshotLoaded.
	Load struct {
		Link LinkID
		At   Position
	}
	// Discard what was received or loaded for a link; the served data set stays.
	Discard struct{ Link LinkID }
	// Install puts the loaded data set in the place of the served one.
	Install struct{ Link LinkID }
	// Follow: from here on the link carries the stream. Data are its first
	// bytes, already received; DB is the database it has selected.
	Follow struct {
		Link LinkID
		DB   int
		Data []byte
	}
)

// Effects on replicas of this node.
type (
	// Attach: the connection is a replica's from now on; nothing but what the
	// machine says is written to it.
	Attach struct{ Peer PeerID }
	// Reply is the answer to REPLCONF, PSYNC or SYNC; an error without its dash
	// where Err is set.
	Reply struct {
		Peer PeerID
		Err  string // empty: +OK
	}
	// Write puts raw bytes on a replica's connection, outside the stream.
	Write struct {
		Peer PeerID
		Data []byte
	}
	// Cut takes a snapshot of the data set as it is now. With To set it is
	// written to these replicas as it is made, between "$EOF:<Mark>\r\n" and
	// Mark, and TransferDone is due for each; otherwise to a file. In the end
	// comes SnapshotDone.
	Cut struct {
		ID   SnapshotID
		At   Position
		DB   int
		Mark string
		To   []PeerID
		// Empty asks for a snapshot without keys (rdb-filter-only).
		Empty bool
	}
	// Transfer writes the file of a finished snapshot to a replica; the length
	// in front of it is written already. Answer with TransferDone.
	Transfer struct {
		Peer PeerID
		ID   SnapshotID
	}
	// Feed a replica from the cursor from now on.
	Feed struct {
		Peer PeerID
		From *Cursor
	}
	// Forget a snapshot: nobody needs it any more. One that is still being made
	// is broken off; SnapshotDone is due then as well.
	Forget struct{ ID SnapshotID }
	// Drop closes a replica's connection, after what was written before.
	Drop struct {
		Peer   PeerID
		Reason string
	}
)

// HoldWrites: until further notice the writes of clients wait, and the node puts
// nothing of its own on the stream. Off ends it.
type HoldWrites struct{ On bool }

// RoleChanged tells that the node became a master or a replica.
type RoleChanged struct{ Role Role }

func (HoldWrites) effect()  {}
func (Log) effect()         {}
func (Dial) effect()        {}
func (Hangup) effect()      {}
func (Send) effect()        {}
func (Receive) effect()     {}
func (Payload) effect()     {}
func (Load) effect()        {}
func (Discard) effect()     {}
func (Install) effect()     {}
func (Follow) effect()      {}
func (Attach) effect()      {}
func (Reply) effect()       {}
func (Write) effect()       {}
func (Cut) effect()         {}
func (Transfer) effect()    {}
func (Feed) effect()        {}
func (Forget) effect()      {}
func (Drop) effect()        {}
func (RoleChanged) effect() {}

func (m *Machine) log(level Level, format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	m.do(Log{Level: level, Text: text})
}
