// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"

	"github.com/espalier-io/espalier/node/listpack"
)

// checkPairs says whether a blob is a listpack of pairs none of which has a name
// that another has, and how many there are.
func checkPairs(lp []byte, seen *names) (pairs int, reason error) {
	if err := listpack.Validate(lp, true); err != nil {
		return 0, err
	}
	n := listpack.Len(lp)
	if n%2 != 0 {
		return 0, fmt.Errorf("%d elements are no pairs", n)
	}
	seen.begin(n / 2)
	for at := listpack.First(lp); at >= 0; at = listpack.Next(lp, listpack.Next(lp, at)) {
		if other := seen.add(lp, at); other >= 0 {
			name := listpack.Get(lp, at).Append(nil)
			return 0, fmt.Errorf("%q is there at offset %d and again at %d", clip(string(name)), other, at)
		}
	}
	return n / 2, nil
}

// checkScores says whether the second of each pair is a score, and whether they
// are in order: by score, then by name.
func checkScores(lp []byte, scratch *names) error {
	before := math.Inf(-1)
	name, last := scratch.text, scratch.other[:0]
	defer func() { scratch.text, scratch.other = name, last }()
	for at := listpack.First(lp); at >= 0; at = listpack.Next(lp, at) {
		name = listpack.Get(lp, at).Append(name[:0])
		at = listpack.Next(lp, at)
		score, ok := elementScore(listpack.Get(lp, at))
		if !ok {
			return fmt.Errorf("the score at offset %d is no number", at)
		}
		if score < before || score == before && bytes.Compare(name, last) < 0 {
			return fmt.Errorf("%q with score %v is out of order", clip(string(name)), score)
		}
		before, name, last = score, last, name
	}
	return nil
}

func elementScore(e listpack.Element) (float64, bool) {
	if e.IsInt {
		return float64(e.Int), true
	}
	return parseScore(e.Str)
}

// names finds out which names of a listpack are there twice. It holds their
// offsets in a table of open addressing, in memory that is used again.
type names struct {
	slots []nameSlot // a power of two of them; offset 0 is an empty one
	few   []int      // offsets, while a table is not worth it
	text  []byte
	other []byte // scratch of checkScores, with text
}

type nameSlot struct{ hash, offset uint32 }

// nameSeed keeps who makes a dump from choosing names that collide.
var nameSeed = maphash.MakeSeed()

const (
	fewNames  = 8
	keepSlots = keepBuffer / 8
)

// begin makes room for n names, which a listpack of known size has room for.
func (s *names) begin(n int) {
	s.few = s.few[:0]
	if n <= fewNames {
		s.slots = s.slots[:0]
		return
	}
	size := 4 * fewNames
	for size < 2*n {
		size *= 2
	}
	if cap(s.slots) < size {
		s.slots = make([]nameSlot, size)
		return
	}
	s.slots = s.slots[:size]
	clear(s.slots)
}

// add takes the name at an offset; it returns that of an equal one before, or
// -1.
func (s *names) add(lp []byte, at int) (other int) {
	s.text = listpack.Get(lp, at).Append(s.text[:0])
	if len(s.slots) == 0 {
		for _, before := range s.few {
			if listpack.Get(lp, before).Equal(s.text) {
				return before
			}
		}
		s.few = append(s.few, at)
		return -1
	}
	sum := maphash.Bytes(nameSeed, s.text)
	slot := nameSlot{uint32(sum >> 32), uint32(at)}
	for i := int(sum) & (len(s.slots) - 1); ; i = (i + 1) & (len(s.slots) - 1) {
		switch held := s.slots[i]; {
		case held.offset == 0:
			s.slots[i] = slot
			return -1
		case held.hash == slot.hash && listpack.Get(lp, int(held.offset)).Equal(s.text):
			return int(held.offset)
		}
	}
}

func (s *names) forget() {
	if cap(s.slots) > keepSlots {
		s.slots = nil
	}
	if cap(s.text) > keepBuffer {
		s.text, s.other = nil, nil
	}
}
