// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/big"
	"unsafe"
)

// audit checks the invariants that the types cannot express: every entry in its
// bucket and in its place of the expiry index, every count right, and every byte
// in use reachable from somewhere, exactly once. batch is one that may be in use.
func (s *Store) audit(batch *Batch) error {
	a := &auditor{arena: s.a, blocks: map[handle]uint32{}}
	for _, db := range s.dbs {
		if db.ks.a != s.a {
			return fmt.Errorf("db %d lies in another arena", db.index)
		}
		if err := a.keyspace(db.ks); err != nil {
			return fmt.Errorf("db %d: %w", db.index, err)
		}
	}
	for _, ks := range s.garbage {
		a.reach(ks)
	}
	if sn := s.snapshot; sn != nil && sn.a == s.a {
		for _, sp := range sn.spaces[sn.current:] {
			if sp.flushed {
				a.reach(sp.ks)
			}
			a.aside(&sp.aside)
		}
	}
	if batch.a == s.a {
		for _, h := range batch.pins {
			a.refer(h)
		}
	}
	for _, h := range s.a.doomed {
		a.refer(h)
	}
	return a.finish()
}

type auditor struct {
	arena  *arena
	used   int
	blocks map[handle]uint32 // of values, with references found
	err    error
}

func (a *auditor) keyspace(ks *keyspace) error {
	t := &ks.table
	if n := t.dir.len; n > 0 && (t.lo+1 > n || n > t.hi || t.hi != t.lo<<1|1) {
		return fmt.Errorf("%d buckets with masks %x, %x", n, t.lo, t.hi)
	}
	count, ttls := 0, 0
	sum := new(big.Int)
	for b := range t.dir.len {
		w := *t.dir.at(b)
		if h := handle(w & handleMask); (h == 0) != (wordCount(w) == 0) {
			return fmt.Errorf("bucket %d: %d entries in block %x", b, wordCount(w), h)
		}
		i := 0
		var err error
		t.each(b, func(h handle, e entry) bool {
			err = ks.auditEntry(b, i, h, e)
			if e.hasTTL() {
				ttls++
				sum.Add(sum, big.NewInt(e.expireAt()))
			}
			count++
			i++
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if count != t.count || ttls != ks.expires.len() {
		return fmt.Errorf("%d entries, %d with a time to live, counted as %d and %d", count, ttls, t.count, ks.expires.len())
	}
	if want := new(big.Int).And(sum, new(big.Int).SetUint64(1<<64-1)); want.Uint64() != ks.expires.sumLo {
		return fmt.Errorf("the times of expiry add up to %v, not %x%016x", sum, ks.expires.sumHi, ks.expires.sumLo)
	}
	a.reach(ks)
	return nil
}

func (ks *keyspace) auditEntry(b uint64, i int, h handle, e entry) error {
	hash := ks.hash(e.key())
	if ks.bucketOf(hash) != b {
		return fmt.Errorf("key %q in bucket %d, not %d", e.key(), b, ks.bucketOf(hash))
	}
	block := ks.a.ptr(handle(*ks.dir.at(b) & handleMask))
	if *fingerprintAt(block, i) != byte(hash>>56) {
		return fmt.Errorf("key %q has a wrong fingerprint", e.key())
	}
	if e.size() > ks.a.sizeOf(h) {
		return fmt.Errorf("key %q: %d bytes in a block of %d", e.key(), e.size(), ks.a.sizeOf(h))
	}
	if e.hasTTL() {
		if w := *ks.expires.words.at(uint64(e.expiryIndex())); w != ks.expires.word(h, e.expireAt()) {
			return fmt.Errorf("key %q: expiry index has %x", e.key(), w)
		}
	}
	return nil
}

// reach adds up what a keyspace takes.
func (a *auditor) reach(ks *keyspace) {
	for _, v := range []*vector{&ks.dir, &ks.expires.words} {
		for _, pg := range v.pages {
			a.used += a.arena.sizeOf(pg.h)
		}
	}
	for b := range ks.dir.len {
		if h := handle(*ks.dir.at(b) & handleMask); h != 0 {
			a.used += a.arena.sizeOf(h)
		}
		ks.each(b, func(h handle, e entry) bool {
			a.used += a.arena.sizeOf(h)
			a.entry(e)
			return true
		})
	}
}

func (a *auditor) aside(q *asideQueue) {
	read := q.read
	for _, pg := range q.pages {
		a.used += a.arena.sizeOf(pg.h)
		for read < pg.write {
			at := bytesAt(pg.p, pg.write)[read:]
			a.entry(entry{ptrOf(at[asideHead:])})
			read += int(load64(ptrOf(at)))
		}
		read = 0
	}
}

func (a *auditor) entry(e entry) {
	h := e.block()
	if h == 0 {
		return
	}
	if _, seen := a.blocks[h]; !seen && e.isTree() {
		if err := a.collection(e); err != nil {
			a.err = fmt.Errorf("key %q: %w", e.key(), err)
		}
	}
	a.refer(h)
}

// refer counts a reference to a block and, the first time, those that it has.
func (a *auditor) refer(h handle) {
	a.blocks[h]++
	if a.blocks[h] == 1 {
		eachNamed(a.arena.ptr(h), a.refer)
	}
}

// collection checks the trees of a collection.
func (a *auditor) collection(e entry) error {
	roots := []handle{e.block()}
	if p := a.arena.ptr(e.block()); kindOf(p) == kindPair {
		roots = []handle{zpair{p}.byMember(), zpair{p}.byScore()}
	}
	for _, h := range roots {
		if n := a.arena.inner(h); kindOf(n.p) == kindInner && n.len() < 2 {
			return fmt.Errorf("root %x has %d children", h, n.len())
		}
	}
	switch Type(e.typeEncoding() >> 4) {
	case TypeHash, TypeSet:
		n, err := a.mapTree(e.block(), 0, orderEnd)
		if err == nil && n != e.blockLen() {
			err = fmt.Errorf("%d elements counted as %d", n, e.blockLen())
		}
		return err
	case TypeZSet:
		return a.zset(e.block(), e.blockLen())
	case TypeList:
		return a.list(e.block(), e.blockLen())
	}
	return nil
}

// inner checks what inner nodes have in common and calls child for each child.
func (a *auditor) inner(h handle, child func(i int, h handle) (int, error)) (count int, err error) {
	n := a.arena.inner(h)
	if n.len() == 0 || n.len() > n.room() || n.room() > fanout ||
		valueHeader+n.room()*childSize > a.arena.sizeOf(h) {
		return 0, fmt.Errorf("node %x: %d children in room for %d", h, n.len(), n.room())
	}
	for i := range n.len() {
		c := a.arena.inner(n.child(i))
		if level := n.level() - 1; level > 0 && (kindOf(c.p) != kindInner || c.level() != level) ||
			level == 0 && kindOf(c.p) == kindInner {
			return 0, fmt.Errorf("node %x of level %d: child of kind %d, level %d", h, n.level(), kindOf(c.p), c.level())
		}
		got, err := child(i, n.child(i))
		if err != nil {
			return 0, err
		}
		if got != n.count(i) {
			return 0, fmt.Errorf("node %x, child %d: %d elements counted as %d", h, i, got, n.count(i))
		}
		count += got
	}
	return count, nil
}

// mapTree checks the part of a map tree for an interval of the order and returns
// the number of elements.
func (a *auditor) mapTree(h handle, low, high uint64) (int, error) {
	if kindOf(a.arena.ptr(h)) != kindInner {
		return a.mapLeaf(h, low, high)
	}
	n := a.arena.inner(h)
	return a.inner(h, func(i int, child handle) (int, error) {
		from, to := low, high
		if i > 0 {
			from = n.key(i)
		}
		if i+1 < n.len() {
			to = n.key(i + 1)
		}
		if from < low || from >= to || to > high {
			return 0, fmt.Errorf("node %x, child %d: bounds %x to %x in %x to %x", h, i, from, to, low, high)
		}
		return a.mapTree(child, from, to)
	})
}

func (a *auditor) mapLeaf(h handle, low, high uint64) (int, error) {
	l := a.arena.mapLeaf(h)
	if l.len() == 0 || l.size() != a.arena.sizeOf(h) || l.len() > 1 && l.size() > mapLeafMax ||
		mapHeader+mapGroups(l.len())+l.top() > l.size() {
		return 0, fmt.Errorf("leaf %x: %d elements, %d of %d bytes", h, l.len(), l.top(), l.size())
	}
	bytes, outs := 0, 0
	names := map[string]bool{}
	for i := range l.len() {
		name := a.arena.mapName(l, i)
		hash := a.arena.hash(name)
		if order := hash >> orderShift; order < low || order >= high || *l.printAt(i) != byte(hash) || names[string(name)] {
			return 0, fmt.Errorf("leaf %x: element %q is twice there or in the wrong place", h, name)
		}
		names[string(name)] = true
		bytes += l.elementSize(i)
		l.eachOut(i, func(handle) { outs++ })
	}
	if bytes+l.dead() != l.top() || outs != l.outs() {
		return 0, fmt.Errorf("leaf %x: %d bytes of elements, %d of nothing, %d in all; %d references counted as %d",
			h, bytes, l.dead(), l.top(), outs, l.outs())
	}
	return l.len(), nil
}

// finish compares what was reached with what is in use.
func (a *auditor) finish() error {
	if a.err != nil {
		return a.err
	}
	for h, n := range a.blocks {
		a.used += a.arena.sizeOf(h)
		if refs := valueRefs(a.arena, h); refs != n {
			return fmt.Errorf("value block %x has %d references of %d", h, refs, n)
		}
	}
	if a.used != a.arena.used {
		return fmt.Errorf("%d bytes reachable, %d in use", a.used, a.arena.used)
	}
	return a.auditChunks()
}

func (a *auditor) auditChunks() error {
	used := 0
	for id, c := range a.arena.chunks {
		if c == nil {
			continue
		}
		free := 0
		for u := c.free; u != 0; free++ {
			u = load32(ptrOf(c.mem[(u-1)*8:]))
		}
		if int(c.used)+free != int(c.fresh) {
			return fmt.Errorf("chunk %d: %d used, %d free, %d touched", id, c.used, free, c.fresh)
		}
		if full := c.used == c.capacity; c.class != 0 && full == c.listed {
			return fmt.Errorf("chunk %d: full %t, listed %t", id, full, c.listed)
		}
		used += int(c.used) * c.size
	}
	if used != a.arena.used {
		return fmt.Errorf("chunks have %d bytes in use, the arena %d", used, a.arena.used)
	}
	return nil
}

func ptrOf(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
