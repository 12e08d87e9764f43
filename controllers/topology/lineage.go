// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import "math"

// lineage reads a ledger's history: which data sets are of one growth, and how
// far each has got. Its mainline is the newest history that was Open and
// whatever that one grew from. Offsets go on across a fork, so a place on the
// mainline is one number.
type lineage struct {
	history  []Mastership
	byReplid map[string]int
	// forks holds, for every history on the mainline, the offset at which the
	// mainline leaves it; the newest is never left.
	forks  map[string]int64
	newest int // index of the newest history that was Open, -1 without one
}

func newLineage(history []Mastership) lineage {
	l := lineage{history: history, byReplid: map[string]int{}, forks: map[string]int64{}, newest: -1}
	for i, h := range history {
		l.byReplid[h.Replid] = i
		if h.Opened {
			l.newest = i
		}
	}
	if l.newest < 0 {
		return l
	}
	leave := int64(math.MaxInt64)
	for i, ok := l.newest, true; ok; i, ok = l.parent(i) {
		h := history[i]
		if _, seen := l.forks[h.Replid]; seen {
			break // a contradictory history must not hang the planner
		}
		l.forks[h.Replid] = leave
		// A later history that began lower cut off what was between, too.
		leave = min(leave, h.ForkOffset)
	}
	return l
}

func (l lineage) parent(i int) (int, bool) {
	p, ok := l.byReplid[l.history[i].Parent]
	return p, ok && l.history[i].Parent != ""
}

// standing is what a position is worth on the mainline.
type standing struct {
	known  bool  // its history is in the ledger
	offset int64 // mainline bytes it holds
	tail   int64 // bytes it holds beside the mainline: lost with the next sync
}

// stand looks a position up. A history that left the mainline counts as far as
// it shares it; what it holds beyond is a lost tail (safety.md, "position").
func (l lineage) stand(p Position) standing {
	if p.Offset == 0 && p.Replid == "" {
		return standing{known: true}
	}
	i, ok := l.byReplid[p.Replid]
	if !ok {
		return standing{}
	}
	s := standing{known: true, offset: p.Offset}
	for range l.history {
		leave, on := l.forks[l.history[i].Replid]
		if !on {
			leave = l.history[i].ForkOffset
		}
		if s.offset > leave {
			s.tail += s.offset - leave
			s.offset = leave
		}
		if on {
			return s
		}
		if i, ok = l.parent(i); !ok {
			// It grew from an empty start that the mainline does not share.
			return standing{known: true, tail: s.tail + s.offset}
		}
	}
	return standing{}
}

// named says that a replica at p needs no permit to follow the mainline: its
// history is on it by name, and it holds nothing past the fork.
func (l lineage) named(p Position) bool {
	leave, on := l.forks[p.Replid]
	return p.IsZero() || on && p.Offset <= leave
}

// floor is the mainline offset that every later mastership began at or above:
// what a member that was never fed in the newest one holds at most.
func (l lineage) floor() int64 {
	if l.newest < 0 {
		return 0
	}
	return l.history[l.newest].ForkOffset
}

// ancestors are the histories below replid, newest first, each with the offset
// up to which replid shares it: the lowest of the forks since.
func (l lineage) ancestors(replid string) []Position {
	var out []Position
	leave := int64(math.MaxInt64)
	i, ok := l.byReplid[replid]
	for ok && len(out) < len(l.history) {
		h := l.history[i]
		if h.Parent == "" {
			break
		}
		leave = min(leave, h.ForkOffset)
		out = append(out, Position{Replid: h.Parent, Offset: leave})
		i, ok = l.parent(i)
	}
	return out
}

// opened says whether the mastership of an epoch ever took writes.
func (l lineage) opened(epoch uint64) bool {
	for _, h := range l.history {
		if h.Epoch == epoch {
			return h.Opened
		}
	}
	return false
}

// newestEpoch is the epoch of the newest history that was Open, 0 without one.
func (l lineage) newestEpoch() uint64 {
	if l.newest < 0 {
		return 0
	}
	return l.history[l.newest].Epoch
}

// of is the mastership of an epoch; the zero one if the ledger has none.
func (l lineage) of(epoch uint64) Mastership {
	for _, h := range l.history {
		if h.Epoch == epoch {
			return h
		}
	}
	return Mastership{}
}

// tookWrites says whether replid or a history that it grew from was ever Open.
func (l lineage) tookWrites(replid string) bool {
	i, ok := l.byReplid[replid]
	for range l.history {
		if !ok || l.history[i].Opened {
			break
		}
		i, ok = l.parent(i)
	}
	return ok && l.history[i].Opened
}
