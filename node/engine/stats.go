// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "strings"

// stats are the figures of INFO stats that the engine counts; those of bytes
// and sockets are the loops'. CONFIG RESETSTAT sets them to zero.
type stats struct {
	connections         int64
	rejectedConnections int64
	commands            int64
	hits, misses        int64
	expired             int64
	expiredStale        float64 // share of keys found expired, in percent
	expireCapReached    int64   // times the active cycle ran out of its share of time
	errorReplies        int64
	errors              map[string]int64 // by code
	fullSyncs           int64
	partialSyncs        int64
	partialSyncsRefused int64
	limitDisconnects    int64 // clients closed for their output buffer
	opsPerSecond        int64
	opsAt, opsCount     int64
}

// countError counts an error reply by its first word, as INFO errorstats does;
// more than a hundred different words are a client's own and not kept.
func (s *stats) countError(text string) {
	s.errorReplies++
	code, _, _ := strings.Cut(text, " ")
	const kept = 128
	if _, known := s.errors[code]; !known && len(s.errors) >= kept {
		return
	}
	if s.errors == nil {
		s.errors = make(map[string]int64)
	}
	s.errors[code]++
}
