// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

// DB is one database of a store.
type DB struct {
	st    *Store
	ks    *keyspace
	index int
}

// Index returns the database's number.
func (db *DB) Index() int { return db.index }

// Len returns the number of keys.
func (db *DB) Len() int { return db.ks.count }

// Get looks a key up and counts as an access to it.
func (db *DB) Get(key []byte) (Value, bool) {
	ks := db.ks
	s := ks.lookup(key)
	if s.e.p == nil {
		return Value{}, false
	}
	ks.st.access.touch(s.e)
	return Value{s.e, &ks.a.reader}, true
}

// Peek looks a key up and does not count as an access.
func (db *DB) Peek(key []byte) (Value, bool) {
	ks := db.ks
	s := ks.lookup(key)
	return Value{s.e, &ks.a.reader}, s.e.p != nil
}

// Has says whether a key is there. It does not count as an access.
func (db *DB) Has(key []byte) bool { return db.ks.lookup(key).e.p != nil }

// Delete removes a key and reports whether it was there. Memory of large
// values goes back to the system in the background, and large collections go bit
// by bit with Reclaim, so there is no slower and faster way (DEL and UNLINK).
func (db *DB) Delete(key []byte) bool {
	s := db.ks.lookup(key)
	if s.e.p == nil {
		return false
	}
	db.ks.delete(s)
	return true
}

// Rename gives a value with its time to live another key and reports whether it
// was there. What is under the other key is deleted.
func (db *DB) Rename(from, to []byte) bool {
	ks := db.ks
	if string(from) == string(to) {
		return ks.lookup(from).e.p != nil
	}
	if ks.lookup(from).e.p == nil {
		return false
	}
	db.Delete(to)
	s := ks.lookup(from)
	ks.unlink(s)
	h, e := ks.duplicate(s.e, to)
	ks.a.free(s.h)
	ks.link(ks.hash(to), h, e)
	return true
}

// Copy sets a key, in dst, to a copy of another one's value and time to live,
// and reports whether the other one was there. What is under the key is deleted.
// A large collection is copied only as far, and when, one of the two changes.
func (db *DB) Copy(from []byte, dst *DB, to []byte) bool {
	if db.ks == dst.ks && string(from) == string(to) {
		return db.Has(from)
	}
	if !db.Has(from) {
		return false
	}
	dst.Delete(to)
	e := db.ks.lookup(from).e
	h, copied := dst.ks.duplicate(e, to)
	if block := e.block(); e.isTree() {
		retainValue(dst.ks.a, block)
	} else if block != 0 {
		n := e.blockLen()
		own := newValueBlock(dst.ks.a, &content{text: dst.ks.a.valueBytes(block, n), size: n})
		copied.setBlock(own, n)
	}
	dst.ks.link(dst.ks.hash(to), h, copied)
	return true
}

// duplicate makes an entry like e under another key; both name the same value
// block, if there is one.
func (ks *keyspace) duplicate(e entry, key []byte) (handle, entry) {
	p, n := e.payload()
	flags, size := entryShape(len(key), n, e.hasTTL())
	h, q := ks.a.alloc(size)
	d := entry{q}
	t := e.typeEncoding()
	c := content{typ: Type(t >> 4), enc: EncRaw, text: bytesAt(p, n), size: n}
	d.write(ks.a, flags, e.access(), key, &c)
	d.setEncoding(Encoding(t & 0xf))
	store32(q, load32(q)|uint32(e.flags()&flagBlock)<<accessBits)
	if e.hasTTL() {
		d.setExpireAt(e.expireAt())
	}
	return h, d
}

// Move moves a key with its time to live to another database. It reports false,
// and does nothing, if the key is not there or the other database has it too.
func (db *DB) Move(key []byte, dst *DB) bool {
	hash := db.ks.hash(key)
	s := db.ks.find(hash, key)
	if s.e.p == nil || dst.ks.find(hash, key).e.p != nil {
		return false
	}
	db.ks.unlink(s)
	dst.ks.link(hash, s.h, s.e)
	return true
}

// maxReserve bounds what Reserve believes: a damaged dump may say anything.
const maxReserve = 1 << 26

// Reserve prepares an empty database for so many keys, which spares the work
// of growing: for a load from a dump, whose RESIZEDB tells.
func (db *DB) Reserve(keys int) { db.ks.presize(min(keys, maxReserve)) }
