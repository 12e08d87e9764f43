// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"strconv"
)

// KeyRef is one key of a call: where it stands in argv and what is done to it.
type KeyRef struct {
	Pos   int
	Flags KeyFlags
}

// KeysOf appends the places of the keys that argv names. ok is false where the
// arguments do not hold together (a count of keys beyond the end).
func (c *Command) KeysOf(dst []KeyRef, argv [][]byte) (refs []KeyRef, ok bool) {
	for i := range c.Keys {
		spec := &c.Keys[i]
		if spec.Flags&KeyNotKey != 0 || spec.Unknown {
			continue
		}
		if dst, ok = spec.find(dst, argv); !ok {
			return dst, false
		}
	}
	if c.Refine != nil {
		dst = c.Refine(argv, dst)
	}
	return dst, true
}

// begin gives the argument where the keys of the spec begin, 0 for none.
func (s *KeySpec) begin(argv [][]byte) int {
	if s.Keyword == "" {
		return s.Index
	}
	at, step := s.Index, 1
	if at < 0 {
		at, step = len(argv)+at, -1
	}
	for ; at > 0 && at < len(argv); at += step {
		if bytes.EqualFold(argv[at], []byte(s.Keyword)) {
			return at + 1
		}
	}
	return 0
}

func (s *KeySpec) find(dst []KeyRef, argv [][]byte) ([]KeyRef, bool) {
	first := s.begin(argv)
	if first == 0 || first >= len(argv) {
		return dst, s.Keyword != "" || first == 0
	}
	step := max(s.Step, 1)
	last := first + s.Last
	switch {
	case s.NumKeys:
		if first+s.NumKeysAt >= len(argv) {
			return dst, false
		}
		n, err := strconv.Atoi(string(argv[first+s.NumKeysAt]))
		if err != nil || n < 0 || n > len(argv) {
			return dst, false
		}
		first += s.FirstKeyAt
		last = first + (n-1)*step
	case s.Last < 0:
		last = len(argv) + s.Last
		if s.Limit > 1 {
			last = first + (len(argv)-first)/s.Limit + s.Last
		}
	}
	if last >= len(argv) {
		return dst, false
	}
	for at := first; at <= last; at += step {
		dst = append(dst, KeyRef{Pos: at, Flags: s.Flags})
	}
	return dst, true
}
