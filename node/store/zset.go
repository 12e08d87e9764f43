// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "iter"

// ZSet is a look at a sorted set, as Hash is one at a hash. Its order is by
// score, then by member as bytes; ranks count from 0 in that order.
type ZSet struct{ collection }

// ZSet returns a look at the value, which must be a sorted set.
func (v Value) ZSet() ZSet { return ZSet{v.collection()} }

func (z ZSet) pair() zpair { return zpair{z.r.ptr(z.root)} }

// Len returns the number of members.
func (z ZSet) Len() int {
	if z.packed != nil {
		return packedZSet(z.packed).len()
	}
	return z.count
}

// Score returns the score of a member.
func (z ZSet) Score(member []byte) (score float64, ok bool) {
	if z.packed != nil {
		lp := packedZSet(z.packed)
		off := lp.find(member)
		if off < 0 {
			return 0, false
		}
		return lp.score(off), true
	}
	if z.count == 0 {
		return 0, false
	}
	l, i := z.r.mapGet(z.pair().byMember(), member)
	if i < 0 {
		return 0, false
	}
	return l.score(i), true
}

// Rank returns the rank and the score of a member.
func (z ZSet) Rank(member []byte) (rank int, score float64, ok bool) {
	if z.packed != nil {
		lp := packedZSet(z.packed)
		off := lp.find(member)
		if off < 0 {
			return 0, 0, false
		}
		return lp.rank(off), lp.score(off), true
	}
	score, ok = z.Score(member)
	if !ok {
		return 0, 0, false
	}
	rank, _ = z.r.orderedRank(z.pair().byScore(), score, member)
	return rank, score, true
}

// At returns the member of a rank, 0 <= rank < Len.
func (z ZSet) At(rank int) (member []byte, score float64) {
	if z.packed != nil {
		lp := packedZSet(z.packed)
		off := lp.seek(rank)
		return z.element(off, 0), lp.score(off)
	}
	l, i := z.r.orderedAt(z.pair().byScore(), rank)
	return l.member(z.r, i), l.score(i)
}

// Ascend yields the members from a rank on upwards.
func (z ZSet) Ascend(rank int) iter.Seq2[[]byte, float64] {
	return func(yield func([]byte, float64) bool) {
		switch {
		case rank >= z.Len():
		case z.packed != nil:
			lp := packedZSet(z.packed)
			for off := lp.seek(rank); off >= 0; off = lp.next(off) {
				if !yield(z.element(off, 0), lp.score(off)) {
					return
				}
			}
		default:
			t := trail{r: z.r, root: z.pair().byScore()}
			i := t.byRank(rank)
			for more := true; more; more = t.next() {
				l := z.r.orderedLeaf(t.leaf)
				for n := l.len(); i < n; i++ {
					if !yield(l.member(z.r, i), l.score(i)) {
						return
					}
				}
				i = 0
			}
		}
	}
}

// Descend yields the members from a rank on downwards.
func (z ZSet) Descend(rank int) iter.Seq2[[]byte, float64] {
	return func(yield func([]byte, float64) bool) {
		switch {
		case rank < 0 || rank >= z.Len():
		case z.packed != nil:
			lp := packedZSet(z.packed)
			for off := lp.seek(rank); off >= 0; off = lp.prev(off) {
				if !yield(z.element(off, 0), lp.score(off)) {
					return
				}
			}
		default:
			t := trail{r: z.r, root: z.pair().byScore()}
			i := t.byRank(rank)
			for l := z.r.orderedLeaf(t.leaf); ; {
				for ; i >= 0; i-- {
					if !yield(l.member(z.r, i), l.score(i)) {
						return
					}
				}
				if !t.prev() {
					return
				}
				l = z.r.orderedLeaf(t.leaf)
				i = l.len() - 1
			}
		}
	}
}

// CountBelow returns how many members have a score below the given one or, with
// inclusive, at most that: the rank of the first one beyond.
func (z ZSet) CountBelow(score float64, inclusive bool) int {
	switch {
	case z.packed != nil:
		return packedZSet(z.packed).countBelow(score, inclusive)
	case z.count == 0:
		return 0
	}
	return z.r.orderedBelow(z.pair().byScore(), score, inclusive)
}

// CountLexBelow returns how many members come before the given one, or, with
// inclusive, with it. It means something only if all scores are the same.
func (z ZSet) CountLexBelow(member []byte, inclusive bool) int {
	switch {
	case z.packed != nil:
		return packedZSet(z.packed).countLexBelow(member, inclusive)
	case z.count == 0:
		return 0
	}
	root := z.pair().byScore()
	rank, there := z.r.orderedRank(root, z.r.firstLeaf(root).score(0), member)
	if there && inclusive {
		rank++
	}
	return rank
}

// Scan is Hash.Scan for the members; a listpack is yielded as a whole.
func (z ZSet) Scan(cursor uint64, count int, emit func(member []byte, score float64)) (next uint64) {
	switch {
	case z.packed != nil:
		for member, score := range z.Ascend(0) {
			emit(member, score)
		}
		return 0
	case z.count == 0:
		return 0
	}
	return z.r.mapScan(z.pair().byMember(), cursor, count, func(l mapLeaf, i int) {
		emit(z.r.mapName(l, i), l.score(i))
	})
}
