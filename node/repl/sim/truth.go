// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"sort"

	"github.com/espalier-io/espalier/node/repl"
)

// truth is what really happened: every history with the one process that
// originated it, the place where it forked off another one, and what the data
// set was at each of its offsets. No node can see it.
type truth struct {
	histories map[string]*history
	drawnBy   map[string]*Process // who may originate a history of this name
}

type history struct {
	owner  *Process
	parent string // "" without one
	fork   int64  // offset at which it left its parent
	marks  []mark // ascending
	end    int64  // offset up to which it was originated
}

// mark says that from this offset on, up to the next mark, the data set's hash
// is sum.
type mark struct {
	offset int64
	sum    uint64
}

// canonical names a position by the oldest history that it lies on, so that one
// point of one stream has one name.
func (t *truth) canonical(at repl.Position) repl.Position {
	for {
		h := t.histories[at.Replid]
		if h == nil || h.parent == "" || at.Offset > h.fork {
			return at
		}
		at.Replid = h.parent
	}
}

// sum is the hash of the data set at a position, if that was ever reached.
func (t *truth) sum(at repl.Position) (sum uint64, reached bool) {
	at = t.canonical(at)
	h := t.histories[at.Replid]
	if h == nil || at.Offset > h.end {
		return 0, false
	}
	i := sort.Search(len(h.marks), func(i int) bool { return h.marks[i].offset > at.Offset })
	if i == 0 {
		return 0, false
	}
	return h.marks[i-1].sum, true
}

// contains tells whether the data set at later grew out of the one at earlier.
func (t *truth) contains(later, earlier repl.Position) bool {
	return earlier.Offset <= later.Offset &&
		t.canonical(earlier) == t.canonical(repl.Position{Replid: later.Replid, Offset: earlier.Offset})
}

// note holds the position and the data of a process against the record, or
// enters it where the process is the originator. what is wrong is told.
func (t *truth) note(p *Process, h repl.History, sum uint64) (wrong string) {
	at := repl.Position{Replid: h.Replid, Offset: h.Offset}
	known := t.histories[h.Replid]
	if known == nil {
		if t.drawnBy[h.Replid] != p {
			return "stands in a history that nobody began"
		}
		t.begin(p, h, sum)
		return ""
	}
	if known.owner != p || at.Offset < known.end {
		there, reached := t.sum(at)
		switch {
		case !reached:
			return "stands at an offset that its history has not"
		case there != sum:
			return "holds other data than its history had there"
		}
		return ""
	}
	last := &known.marks[len(known.marks)-1]
	switch {
	case at.Offset == known.end && last.sum != sum:
		return "changed its data without moving its offset"
	case last.sum != sum:
		known.marks = append(known.marks, mark{at.Offset, sum})
	}
	known.end = at.Offset
	return ""
}

// begin enters a new history. Its second id is its parent where the data set at
// the fork bears that out; where it does not, nobody must resume by it, which
// is for the audit to see.
func (t *truth) begin(p *Process, h repl.History, sum uint64) {
	begun := &history{owner: p, marks: []mark{{h.Offset, sum}}, end: h.Offset}
	if h.SecondOffset >= 0 {
		fork := repl.Position{Replid: h.Replid2, Offset: h.SecondOffset - 1}
		if there, reached := t.sum(fork); reached && (h.Offset > fork.Offset || there == sum) {
			begun.parent, begun.fork = fork.Replid, fork.Offset
		}
	}
	t.histories[h.Replid] = begun
}
