// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "unsafe"

// asideQueue keeps entries as they were at the cut, first in, first out, in
// blocks of the arena. Small values are copied with their entries; value blocks
// get one more reference instead, and whoever wants to write one makes a copy of
// its own.
type asideQueue struct {
	pages []asidePage
	read  int // offset in the first page
}

type asidePage struct {
	h     handle
	p     unsafe.Pointer
	size  int
	write int
}

const (
	asidePageSize = 32 << 10
	// asideHead is the size of an entry, before each entry.
	asideHead = 8
)

func (q *asideQueue) empty() bool { return len(q.pages) == 0 }

func (q *asideQueue) put(sn *Snapshot, e entry) {
	size := e.size()
	need := asideHead + (size+7)&^7
	n := len(q.pages)
	if n == 0 || q.pages[n-1].write+need > q.pages[n-1].size {
		h, p := sn.a.alloc(max(asidePageSize, need))
		q.pages = append(q.pages, asidePage{h: h, p: p, size: sn.a.sizeOf(h)})
		sn.aside += q.pages[n].size
		n++
	}
	pg := &q.pages[n-1]
	store64(unsafe.Add(pg.p, pg.write), uint64(need))
	copy(bytesAt(unsafe.Add(pg.p, pg.write+asideHead), size), bytesAt(e.p, size))
	pg.write += need
	if block := e.block(); block != 0 {
		retainValue(sn.a, block)
		sn.aside += sn.a.sizeOf(block)
	}
}

// take hands the first entry to use, which also gets its reference to the value
// block, and removes it.
func (q *asideQueue) take(sn *Snapshot, use func(entry)) {
	pg := &q.pages[0]
	at := unsafe.Add(pg.p, q.read)
	e := entry{unsafe.Add(at, asideHead)}
	q.read += int(load64(at))
	if block := e.block(); block != 0 {
		sn.aside -= sn.a.sizeOf(block)
	}
	use(e)
	if q.read == pg.write {
		sn.aside -= pg.size
		sn.a.free(pg.h)
		q.pages[0] = asidePage{}
		q.pages = q.pages[1:]
		q.read = 0
	}
}

func (q *asideQueue) free(sn *Snapshot) {
	for !q.empty() {
		q.take(sn, func(e entry) {
			if block := e.block(); block != 0 {
				releaseValue(sn.a, block)
			}
		})
	}
}
