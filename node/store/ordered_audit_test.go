// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math"

	"github.com/espalier-io/espalier/node/listpack"
)

// zset checks the two trees of a sorted set, and that they hold the same.
func (a *auditor) zset(h handle, count int) error {
	r := &a.arena.reader
	if kindOf(r.ptr(h)) != kindPair {
		return fmt.Errorf("block %x is no pair", h)
	}
	p := zpair{r.ptr(h)}
	n, err := a.mapTree(p.byMember(), 0, orderEnd)
	if err != nil {
		return err
	}
	ordered, err := a.orderedTree(p.byScore(), 0, math.MaxUint64)
	if err != nil {
		return err
	}
	if n != count || ordered != count {
		return fmt.Errorf("%d members by name and %d by score counted as %d", n, ordered, count)
	}
	z := ZSet{collection{r: r, root: h, count: count}}
	rank := 0
	var last scored
	for member, score := range z.Ascend(0) {
		m := scored{string(member), score}
		if rank > 0 && compareScored(last, m) >= 0 {
			return fmt.Errorf("%v comes before %v", last, m)
		}
		l, i := r.mapGet(p.byMember(), member)
		if i < 0 || math.Float64bits(l.score(i)) != math.Float64bits(score) {
			return fmt.Errorf("%v is not there by name, or has another score", m)
		}
		if at, got, ok := z.Rank(member); !ok || at != rank || got != score {
			return fmt.Errorf("%v of rank %d is found with rank %d, score %v, %t", m, rank, at, got, ok)
		}
		last = m
		rank++
	}
	return nil
}

// orderedTree checks the part of a tree by score between two bounds.
func (a *auditor) orderedTree(h handle, low, high uint64) (int, error) {
	if kindOf(a.arena.ptr(h)) != kindInner {
		return a.orderedLeaf(h, low, high)
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
		if from < low || from > to || to > high {
			return 0, fmt.Errorf("node %x, child %d: bounds %x to %x in %x to %x", h, i, from, to, low, high)
		}
		return a.orderedTree(child, from, to)
	})
}

func (a *auditor) orderedLeaf(h handle, low, high uint64) (int, error) {
	p := a.arena.ptr(h)
	l := orderedLeaf{p}
	if kindOf(p) != kindOrderedLeaf || l.len() == 0 || l.size() > a.arena.sizeOf(h) || l.size() > orderedLeafMax {
		return 0, fmt.Errorf("leaf %x of kind %d: %d members, %d of %d bytes", h, kindOf(p), l.len(), l.size(), a.arena.sizeOf(h))
	}
	if a.arena.sizeOf(h) > 2*l.size() && a.arena.sizeOf(h) > 64 {
		return 0, fmt.Errorf("leaf %x: %d of %d bytes", h, l.size(), a.arena.sizeOf(h))
	}
	for i := range l.len() {
		if key := scoreKey(l.score(i)); key < low || key > high {
			return 0, fmt.Errorf("leaf %x: score %v out of bounds %x to %x", h, l.score(i), low, high)
		}
		if raw, long := l.raw(i); long && (len(raw) != longRef || len(l.member(&a.arena.reader, i)) <= longMember) {
			return 0, fmt.Errorf("leaf %x: member %d has a reference of %d bytes", h, i, len(raw))
		}
	}
	return l.len(), nil
}

// list checks a list.
func (a *auditor) list(h handle, count int) error {
	n, err := a.listTree(h)
	if err == nil && n != count {
		err = fmt.Errorf("%d elements counted as %d", n, count)
	}
	return err
}

func (a *auditor) listTree(h handle) (int, error) {
	p := a.arena.ptr(h)
	switch kindOf(p) {
	case kindInner:
		return a.inner(h, func(_ int, child handle) (int, error) { return a.listTree(child) })
	case kindListPlain:
		if n := plainHeader + len(listLeaf{p}.bytes()); n > a.arena.sizeOf(h) {
			return 0, fmt.Errorf("leaf %x: %d of %d bytes", h, n, a.arena.sizeOf(h))
		}
		return 1, nil
	case kindListLeaf:
		lp := listLeaf{p}.bytes()
		if err := listpack.Validate(lp, true); err != nil {
			return 0, fmt.Errorf("leaf %x: %w", h, err)
		}
		if n, have := valueHeader+len(lp), a.arena.sizeOf(h); n > have || have > 64 && have > 2*n {
			return 0, fmt.Errorf("leaf %x: %d of %d bytes", h, n, have)
		}
		return listpack.Len(lp), nil
	}
	return 0, fmt.Errorf("leaf %x is of kind %d", h, kindOf(p))
}
