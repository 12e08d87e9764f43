// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "iter"

// ZSet is a look at a sorted set, as Hash is one at a hash. Its order is by
// score, then by member as bytes; ranks count from 0 in that order.
type ZSet struct{ collection }

// ZSet returns a look at the value, which must be a sorted set.
func (v Value) ZSet() ZSet { return ZSet{v.collection()} }

// Len returns the number of members.
func (z ZSet) Len() int { panic("unfinished") }

// Score returns the score of a member.
func (z ZSet) Score(member []byte) (score float64, ok bool) { panic("unfinished") }

// Rank returns the rank and the score of a member.
func (z ZSet) Rank(member []byte) (rank int, score float64, ok bool) { panic("unfinished") }

// At returns the member of a rank, 0 <= rank < Len.
func (z ZSet) At(rank int) (member []byte, score float64) { panic("unfinished") }

// Ascend yields the members from a rank on upwards.
func (z ZSet) Ascend(rank int) iter.Seq2[[]byte, float64] { panic("unfinished") }

// Descend yields the members from a rank on downwards.
func (z ZSet) Descend(rank int) iter.Seq2[[]byte, float64] { panic("unfinished") }

// CountBelow returns how many members have a score below the given one or, with
// inclusive, at most that: the rank of the first one beyond.
func (z ZSet) CountBelow(score float64, inclusive bool) int { panic("unfinished") }

// CountLexBelow returns how many members come before the given one, or, with
// inclusive, with it. It means something only if all scores are the same.
func (z ZSet) CountLexBelow(member []byte, inclusive bool) int { panic("unfinished") }

// Scan is Hash.Scan for the members; a listpack is yielded as a whole.
func (z ZSet) Scan(cursor uint64, count int, emit func(member []byte, score float64)) (next uint64) {
	panic("unfinished")
}

// ZSetEditor changes one sorted set, as HashEditor does a hash.
type ZSetEditor struct{ editor }

// EditZSet opens the sorted set under a key, as EditHash does a hash.
func (db *DB) EditZSet(key []byte) *ZSetEditor { panic("unfinished") }

// ZSet is a look at the sorted set as it is now, valid until the next change.
func (z *ZSetEditor) ZSet() ZSet { panic("unfinished") }

// Set gives a member a score, which must be a number, and tells whether the
// member is new.
func (z *ZSetEditor) Set(member []byte, score float64) (added bool) { panic("unfinished") }

// Remove takes a member out and tells whether it was there.
func (z *ZSetEditor) Remove(member []byte) bool { panic("unfinished") }

// RemoveRanks takes n members out from a rank on.
func (z *ZSetEditor) RemoveRanks(rank, n int) { panic("unfinished") }

// Close ends the changes, see HashEditor.Close.
func (z *ZSetEditor) Close() (emptied bool) { panic("unfinished") }

// fit unpacks a sorted set from elsewhere that exceeds the limits, and closes it.
func (z *ZSetEditor) fit() { panic("unfinished") }
