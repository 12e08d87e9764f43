// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import "strings"

// ReplidLen is the length of a replication id, in hex digits.
const ReplidLen = 40

// noReplid stands for an id that is not there, as INFO shows it.
var noReplid = strings.Repeat("0", ReplidLen)

// Position is a point in a replication history. Offsets of different ids say
// nothing about each other. The zero Position is that of a node that never
// held data.
type Position struct {
	Replid string
	Offset int64
}

// History is the identity of a data set: which stream produced it and how far.
// A data set may also be named by the second id, up to SecondOffset: what the
// stream was called before its last promotion.
type History struct {
	Replid string
	Offset int64 // bytes of the stream applied (master_repl_offset)

	Replid2      string // noReplid when there is none
	SecondOffset int64  // first offset that Replid2 no longer covers, -1 without one

	// Blank holds until the data set has come from somewhere: a disk, a master,
	// a client. The id of a blank history names nothing.
	Blank bool
}

// NewHistory is that of an empty data set under a fresh id.
func NewHistory(replid string) History {
	return History{Replid: replid, Replid2: noReplid, SecondOffset: -1, Blank: true}
}

// Position is where the data set stands.
func (h *History) Position() Position {
	if h.Blank {
		return Position{}
	}
	return Position{Replid: h.Replid, Offset: h.Offset}
}

// Shift begins a new history at the present offset, which remembers the old
// one as its second id: a promotion, or a master that tells of its own. The
// second offset lies one behind what was applied, since a replica asks for the
// first byte that it has not got.
func (h *History) Shift(replid string) {
	h.Replid2, h.SecondOffset = h.Replid, h.Offset+1
	h.Replid = replid
	h.Blank = false
}

// Adopt takes over the history of a data set received whole.
func (h *History) Adopt(p Position) {
	*h = History{Replid: p.Replid, Offset: p.Offset, Replid2: noReplid, SecondOffset: -1}
}

// Forget begins a new history without a past: nobody can resync from before.
func (h *History) Forget(replid string) {
	h.Replid, h.Replid2, h.SecondOffset = replid, noReplid, -1
}

// Covers tells whether a replica that stands in history replid and asks for
// the byte at offset followed the same stream as this data set. The backlog
// has still to say whether the byte is there.
func (h *History) Covers(replid string, offset int64) bool {
	return strings.EqualFold(replid, h.Replid) ||
		h.SecondOffset >= 0 && strings.EqualFold(replid, h.Replid2) && offset <= h.SecondOffset
}
