// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

// Notes are what a Conn's methods leave for its owner, as bits, so that any
// number of them before the owner looks cost it one look. A Source travels
// beside them.
const (
	noteFlush uint32 = 1 << iota
	noteResume
	noteClose
	noteCloseAfterReplies
	noteAttach
	noteNoDelay
)

func closeNote(afterReplies bool) uint32 {
	if afterReplies {
		return noteCloseAfterReplies
	}
	return noteClose
}
