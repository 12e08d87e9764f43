// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "github.com/espalier-io/espalier/node/listpack"

// ZSetEditor changes one sorted set, as HashEditor does a hash. Of the two trees
// of one that is not packed the editor's own root is the pair that names them.
type ZSetEditor struct {
	editor
	members tree
	ordered orderedTree
}

// EditZSet opens the sorted set under a key, as EditHash does a hash.
func (db *DB) EditZSet(key []byte) *ZSetEditor {
	z := &db.st.editors.zset
	switch {
	case !z.open(db, key, TypeZSet):
		z.pack(EncListpack, emptyListpack)
	case z.packed == nil:
		p := zpair{z.a.ptr(z.root)}
		z.members.begin(z.a, p.byMember())
		z.ordered.begin(z.a, p.byScore())
	}
	return z
}

// ZSet is a look at the sorted set as it is now, valid until the next change.
func (z *ZSetEditor) ZSet() ZSet { return ZSet{z.collection()} }

// Set gives a member a score, which must be a number, and tells whether the
// member is new.
func (z *ZSetEditor) Set(member []byte, score float64) (added bool) {
	if z.packed == nil {
		return z.put(member, score)
	}
	lp := packedZSet(z.packed)
	off := lp.find(member)
	limits := &z.ks.st.limits
	switch {
	case off >= 0 && lp.score(off) == score:
		return false
	case off < 0 && (lp.len() >= limits.ZSetEntries || len(member) > limits.ZSetValue ||
		!listpack.Fits(lp, packedZSetItem(member, score))):
		z.convert()
		return z.put(member, score)
	}
	z.reserve(packedZSetItem(member, score))
	lp = z.packed
	if off >= 0 {
		lp = lp.remove(off, 1)
	}
	at, _ := lp.place(score, member)
	z.packed = lp.insert(at, member, score)
	return off < 0
}

// Expect tells a new sorted set what it is going to hold: so many members, the
// longest of so many bytes. One that will not stay packed never is: a listpack
// on the way would lose the sign of a negative zero, which Redis keeps where it
// builds a whole sorted set (ZUNIONSTORE).
func (z *ZSetEditor) Expect(members, longest int) {
	limits := &z.ks.st.limits
	if z.packed != nil && (members > limits.ZSetEntries || longest > limits.ZSetValue) {
		z.convert()
	}
}

// convert makes trees of the listpack.
func (z *ZSetEditor) convert() {
	var p zpair
	z.root, p.p = z.a.alloc(pairSize)
	setHeader(p.p, kindPair)
	p.set(0, 0)
	z.members.begin(z.a, 0)
	z.ordered.begin(z.a, 0)
	z.count = 0
	for member, score := range z.ZSet().Ascend(0) {
		z.put(member, score)
	}
	z.unpack(EncSkiplist)
}

// put is Set for the trees.
func (z *ZSetEditor) put(member []byte, score float64) (added bool) {
	z.root = z.a.unshare(z.root)
	block, old, there := z.members.mapSetScore(member, score)
	if there && old == score {
		return false
	}
	if !there {
		block = z.add(member, score)
		z.count++
	} else {
		if block != 0 {
			retainValue(z.a, block)
		}
		z.ordered.byScore(old, member)
		i, _ := z.a.orderedLeaf(z.ordered.leaf).find(z.r, old, member)
		z.ordered.cut(i, 1)
	}
	var ref [longRef]byte
	raw := member
	if block != 0 {
		raw = longReference(&ref, block, len(member))
	}
	z.ordered.insert(score, member, raw, block != 0)
	z.keepRoots()
	return !there
}

// add puts a new member into the tree by member and returns the block that it
// lies in, if it is long, with a reference for the tree by score.
func (z *ZSetEditor) add(member []byte, score float64) (block handle) {
	if len(member) > longMember {
		block = newValueBlock(z.a, &content{text: member, size: len(member)})
		retainValue(z.a, block)
	}
	z.members.mapPut(&mapElement{form: formScores, name: member, block: block, score: score})
	return block
}

func (z *ZSetEditor) keepRoots() {
	zpair{z.a.ptr(z.root)}.set(z.members.root, z.ordered.root)
}

// Remove takes a member out and tells whether it was there.
func (z *ZSetEditor) Remove(member []byte) bool {
	if z.packed != nil {
		lp := packedZSet(z.packed)
		off := lp.find(member)
		if off >= 0 {
			z.reserve(0)
			z.packed = packedZSet(z.packed).remove(off, 1)
		}
		return off >= 0
	}
	score, ok := z.ZSet().Score(member)
	if !ok {
		return false
	}
	z.root = z.a.unshare(z.root)
	z.ordered.byScore(score, member)
	i, _ := z.a.orderedLeaf(z.ordered.leaf).find(z.r, score, member)
	z.ordered.cut(i, 1)
	z.members.mapDelete(member)
	z.count--
	z.keepRoots()
	return true
}

// RemoveRanks takes n members out from a rank on.
func (z *ZSetEditor) RemoveRanks(rank, n int) {
	if n <= 0 {
		return
	}
	if z.packed != nil {
		z.reserve(0)
		lp := packedZSet(z.packed)
		z.packed = lp.remove(lp.seek(rank), n)
		return
	}
	z.root = z.a.unshare(z.root)
	if n == z.count {
		// The trees go as they are, bit by bit.
		releaseValue(z.a, z.members.root)
		releaseValue(z.a, z.ordered.root)
		z.members.root, z.ordered.root = 0, 0
		z.count, n = 0, 0
	}
	for n > 0 {
		i := z.ordered.byRank(rank)
		l := z.a.orderedLeaf(z.ordered.leaf)
		k := min(n, l.len()-i)
		for j := range k {
			z.members.mapDelete(l.member(z.r, i+j))
		}
		z.ordered.cut(i, k)
		z.count -= k
		n -= k
	}
	z.keepRoots()
}

// Close ends the changes, see HashEditor.Close.
func (z *ZSetEditor) Close() (emptied bool) {
	n := z.ZSet().Len()
	if n == 0 && z.packed == nil {
		z.a.free(z.root)
		z.root = 0
	}
	return z.close(n)
}

// fit unpacks a sorted set from elsewhere that exceeds the limits, and closes
// it. As with Redis, the lengths of members are not looked at.
func (z *ZSetEditor) fit() {
	if z.ZSet().Len() > z.ks.st.limits.ZSetEntries {
		z.convert()
	}
	z.Close()
}
