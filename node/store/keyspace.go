// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

// keyspace is the content of a database: what SWAPDB swaps and what FLUSHDB
// throws away. All that changes entries goes through here, because here are
// kept in step the table, the expiry index and a running snapshot.
type keyspace struct {
	table
	st      *Store
	expires expiryIndex

	// snap is set while a snapshot has not been through the keyspace yet.
	snap *space
}

func newKeyspace(st *Store) *keyspace {
	return &keyspace{
		table:   newTable(st.a, st.seed),
		st:      st,
		expires: expiryIndex{origin: st.origin},
	}
}

// beforeChange must be called before anything that a bucket holds changes.
func (ks *keyspace) beforeChange(bucket uint64) {
	if ks.snap != nil {
		ks.snap.setAside(bucket)
	}
}

// lookup finds a key.
func (ks *keyspace) lookup(key []byte) slot { return ks.find(ks.hash(key), key) }

// add puts in a key that is not there.
func (ks *keyspace) add(hash uint64, key []byte, c *content, access uint32) {
	if ks.dir.len > 0 {
		ks.beforeChange(ks.bucketOf(hash))
	}
	flags, size := entryShape(len(key), c.payloadLen(), false)
	if !c.inBlock() {
		size += max(0, c.room-c.size)
	}
	h, p := ks.a.alloc(size)
	entry{p}.write(ks.a, flags, access, key, c)
	ks.insert(hash, h)
}

// put sets the value of a key, whether it is there or not (s says so), and
// with keepTTL keeps the time to live that it may have.
func (ks *keyspace) put(hash uint64, s slot, key []byte, c *content, keepTTL bool) {
	if s.e.p == nil {
		ks.add(hash, key, c, ks.st.access.fresh())
		return
	}
	ks.beforeChange(s.bucket)
	old := s.e.block()
	if old != 0 && c.block == 0 && c.inBlock() && ks.reuse(old, c) {
		c.block, old = old, 0
	}
	if !keepTTL && s.e.hasTTL() {
		ks.expires.remove(ks.a, s.e)
		ks.rewrite(s, key, c, false)
	} else {
		ks.rewrite(s, key, c, s.e.hasTTL())
	}
	if old != 0 && old != c.block {
		releaseValue(ks.a, old)
	}
}

// reuse writes a value into the block of the one before, if that fits without
// much waste and nobody else reads the block.
func (ks *keyspace) reuse(block handle, c *content) bool {
	if kindOf(ks.a.ptr(block)) != kindBytes {
		return false
	}
	need := valueHeader + max(c.size, c.room)
	if have := ks.a.sizeOf(block); valueRefs(ks.a, block) > 1 || need > have || wasteful(need, have) {
		return false
	}
	fill(ks.a.valueBytes(block, c.size), c.text)
	return true
}

// wasteful says that a block of have bytes is too good for need bytes.
func wasteful(need, have int) bool { return have > 64 && need*2 < have }

// rewrite writes an entry anew, in its block if it fits there. A value block
// that the old payload named is the caller's.
func (ks *keyspace) rewrite(s slot, key []byte, c *content, ttl bool) {
	var at int64
	var index uint32
	if ttl {
		at, index = s.e.expireAt(), s.e.expiryIndex()
	}
	access := ks.st.access.overwritten(s.e.access())
	flags, size := entryShape(len(key), c.payloadLen(), ttl)
	if !c.inBlock() {
		size += max(0, c.room-c.size)
	}
	e := s.e
	if have := ks.a.sizeOf(s.h); size <= have && !wasteful(size, have) {
		e.write(ks.a, flags, access, key, c)
	} else {
		h, p := ks.a.alloc(size)
		e = entry{p}
		e.write(ks.a, flags, access, key, c)
		ks.replace(s, h)
		ks.a.free(s.h)
		if ttl {
			ks.expires.moved(index, h)
		}
	}
	if ttl {
		e.setExpireAt(at)
		e.setExpiryIndex(index)
	}
}

// unlink takes an entry out of table and index; the entry itself stays.
func (ks *keyspace) unlink(s slot) {
	ks.beforeChange(s.bucket)
	if s.e.hasTTL() {
		ks.expires.remove(ks.a, s.e)
	}
	ks.table.remove(s)
	if ks.sparse() {
		ks.shrink()
	}
}

// shrink merges the last bucket into the one that it came from. A snapshot
// must have dealt with both or with neither, for they become one.
func (ks *keyspace) shrink() {
	if ks.snap != nil {
		last, into := ks.lastPair()
		if ks.snap.seen(last) != ks.snap.seen(into) {
			ks.snap.setAside(last)
			ks.snap.setAside(into)
		}
	}
	ks.merge()
}

// delete removes an entry and frees what it takes.
func (ks *keyspace) delete(s slot) {
	ks.unlink(s)
	ks.discard(s.h, s.e)
}

func (ks *keyspace) discard(h handle, e entry) {
	if block := e.block(); block != 0 {
		releaseValue(ks.a, block)
	}
	ks.a.free(h)
}

// setTTL gives an entry a time of expiry, or takes it away with NoExpiry.
func (ks *keyspace) setTTL(s slot, at int64) {
	ks.beforeChange(s.bucket)
	switch had := s.e.hasTTL(); {
	case had && at != NoExpiry:
		ks.expires.change(s.e, s.h, at)
	case had:
		ks.expires.remove(ks.a, s.e)
		ks.reshape(s, false)
	case at != NoExpiry:
		h, e := ks.reshape(s, true)
		ks.expires.add(ks.a, e, h, at)
	}
}

// reshape adds to an entry the fields of a time to live, or takes them out.
func (ks *keyspace) reshape(s slot, ttl bool) (handle, entry) {
	flags, from, to := s.e.flags()|flagTTL, fixedSize, fixedSize+ttlSize
	if !ttl {
		flags, from, to = flags&^flagTTL, to, from
	}
	tail := s.e.size() - from
	h, e := s.h, s.e
	if to+tail > ks.a.sizeOf(s.h) {
		var p = s.e.p
		h, p = ks.a.alloc(to + tail)
		e = entry{p}
		copy(bytesAt(p, fixedSize), bytesAt(s.e.p, fixedSize))
		ks.replace(s, h)
	}
	copy(bytesAt(e.p, to+tail)[to:], bytesAt(s.e.p, from+tail)[from:])
	store32(e.p, uint32(flags)<<accessBits|e.access())
	if h != s.h {
		ks.a.free(s.h)
	}
	return h, e
}

// link puts an entry in that exists already, under a key that is not there.
func (ks *keyspace) link(hash uint64, h handle, e entry) {
	if ks.dir.len > 0 {
		ks.beforeChange(ks.bucketOf(hash))
	}
	ks.insert(hash, h)
	if e.hasTTL() {
		ks.expires.add(ks.a, e, h, e.expireAt())
	}
}

// teardown frees what the keyspace holds, bucket by bucket from the last, for
// as long as more says so, and reports whether all is gone.
func (ks *keyspace) teardown(more func() bool) bool {
	for ks.dir.len > 0 {
		b := ks.dir.len - 1
		ks.each(b, func(h handle, e entry) bool {
			ks.discard(h, e)
			ks.count--
			return true
		})
		if block := handle(*ks.dir.at(b) & handleMask); block != 0 {
			ks.a.free(block)
		}
		ks.dir.pop(ks.a)
		if !more() {
			return false
		}
	}
	for _, v := range []*vector{&ks.dir, &ks.expires.words} {
		for len(v.pages) > 0 {
			v.dropPage(ks.a)
			if !more() {
				return false
			}
		}
	}
	return true
}
