// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"unsafe"
)

// entry is one key with its value, a block in the arena:
//
//	0  access, 24 bits (see access.go), and flags, 8 bits
//	4  type << 4 | encoding
//	5  length of the key, unless flagLongKey
//	   flagTTL:     time of expiry, 8 bytes; place in the expiry index, 4 bytes
//	   flagLongKey: length of the key, 4 bytes
//	   length of the payload: 1 byte, with flagWide 2
//	   key
//	   payload
//
// The payload is the value itself if it is small, for EncInt the fewest of
// 1, 2, 4 or 8 bytes that hold the number, and with flagBlock the handle
// (5 bytes) and length (4 bytes) of a value block or, with EncHT, EncSkiplist
// and EncQuicklist, the root and the number of elements of a tree. So a key of
// 16 bytes with a value of 32 takes 55 bytes.
type entry struct{ p unsafe.Pointer }

const (
	flagTTL = 1 << iota
	flagLongKey
	flagWide
	flagBlock

	shapeFlags = flagTTL | flagLongKey | flagWide

	accessBits = 24
	accessMask = 1<<accessBits - 1

	fixedSize = 6
	ttlSize   = 12
	blockRef  = 9 // bytes of a payload that names a value block

	// inlineMax is the longest value kept beside its key. It bounds what a
	// snapshot copies when it sets a bucket aside.
	inlineMax = 1024
)

// headerSize is the size of what comes before the key, by the shape flags.
var headerSize = func() (sizes [shapeFlags + 1]uint8) {
	for f := range sizes {
		n := fixedSize + 1
		if f&flagTTL != 0 {
			n += ttlSize
		}
		if f&flagLongKey != 0 {
			n += 4
		}
		if f&flagWide != 0 {
			n++
		}
		sizes[f] = uint8(n)
	}
	return sizes
}()

func load16(p unsafe.Pointer) uint16     { return binary.LittleEndian.Uint16((*[2]byte)(p)[:]) }
func load32(p unsafe.Pointer) uint32     { return binary.LittleEndian.Uint32((*[4]byte)(p)[:]) }
func load64(p unsafe.Pointer) uint64     { return binary.LittleEndian.Uint64((*[8]byte)(p)[:]) }
func store16(p unsafe.Pointer, v uint16) { binary.LittleEndian.PutUint16((*[2]byte)(p)[:], v) }
func store32(p unsafe.Pointer, v uint32) { binary.LittleEndian.PutUint32((*[4]byte)(p)[:], v) }
func store64(p unsafe.Pointer, v uint64) { binary.LittleEndian.PutUint64((*[8]byte)(p)[:], v) }

// load40 and store40 keep handles in 5 bytes.
func load40(p unsafe.Pointer) handle {
	return handle(load32(p)) | handle(*(*byte)(unsafe.Add(p, 4)))<<32
}

func store40(p unsafe.Pointer, h handle) {
	store32(p, uint32(h))
	*(*byte)(unsafe.Add(p, 4)) = byte(h >> 32)
}

func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

func (e entry) flags() uint8 { return *(*uint8)(unsafe.Add(e.p, 3)) }

func (e entry) access() uint32 { return load32(e.p) & accessMask }

func (e entry) setAccess(v uint32) {
	store32(e.p, load32(e.p)&^uint32(accessMask)|v&accessMask)
}

func (e entry) typeEncoding() uint8 { return *(*uint8)(unsafe.Add(e.p, 4)) }
func (e entry) encoding() Encoding  { return Encoding(e.typeEncoding() & 0xf) }
func (e entry) setEncoding(c Encoding) {
	*(*uint8)(unsafe.Add(e.p, 4)) = e.typeEncoding()&0xf0 | uint8(c)
}

func (e entry) header() int { return int(headerSize[e.flags()&shapeFlags]) }

func (e entry) keyLen() int {
	f := e.flags()
	if f&flagLongKey == 0 {
		return int(*(*uint8)(unsafe.Add(e.p, 5)))
	}
	at := fixedSize
	if f&flagTTL != 0 {
		at += ttlSize
	}
	return int(load32(unsafe.Add(e.p, at)))
}

func (e entry) key() []byte { return bytesAt(unsafe.Add(e.p, e.header()), e.keyLen()) }

// payload returns the place and the length of the payload.
func (e entry) payload() (unsafe.Pointer, int) {
	f := e.flags()
	n := int(headerSize[f&shapeFlags])
	var size int
	if f&flagWide != 0 {
		size = int(load16(unsafe.Add(e.p, n-2)))
	} else {
		size = int(*(*uint8)(unsafe.Add(e.p, n-1)))
	}
	return unsafe.Add(e.p, n+e.keyLen()), size
}

func (e entry) setPayloadLen(n int) {
	head := e.header()
	if e.flags()&flagWide != 0 {
		store16(unsafe.Add(e.p, head-2), uint16(n))
	} else {
		*(*uint8)(unsafe.Add(e.p, head-1)) = uint8(n)
	}
}

// size is what the entry takes of its block.
func (e entry) size() int {
	_, n := e.payload()
	return e.header() + e.keyLen() + n
}

func (e entry) hasTTL() bool            { return e.flags()&flagTTL != 0 }
func (e entry) expireAt() int64         { return int64(load64(unsafe.Add(e.p, fixedSize))) }
func (e entry) setExpireAt(at int64)    { store64(unsafe.Add(e.p, fixedSize), uint64(at)) }
func (e entry) expiryIndex() uint32     { return load32(unsafe.Add(e.p, fixedSize+8)) }
func (e entry) setExpiryIndex(i uint32) { store32(unsafe.Add(e.p, fixedSize+8), i) }

// isTree says that the block which the payload names is the root of a tree.
func (e entry) isTree() bool { return treeEncodings>>e.encoding()&1 != 0 }

// block returns the value block or root that the payload names, 0 if there is
// none.
func (e entry) block() handle {
	if e.flags()&flagBlock == 0 {
		return 0
	}
	p, _ := e.payload()
	return load40(p)
}

// blockLen is the length of the value in the value block or, of a tree, the
// number of elements.
func (e entry) blockLen() int {
	p, _ := e.payload()
	return int(load32(unsafe.Add(p, 5)))
}

func (e entry) setBlock(h handle, n int) {
	p, _ := e.payload()
	store40(p, h)
	store32(unsafe.Add(p, 5), uint32(n))
}

// dropBlock makes the entry forget the block that it names.
func (e entry) dropBlock() {
	store32(e.p, load32(e.p)&^(flagBlock<<accessBits))
}

// intWidth returns the fewest of 1, 2, 4 and 8 bytes that hold n.
func intWidth(n int64) int {
	switch {
	case n == int64(int8(n)):
		return 1
	case n == int64(int16(n)):
		return 2
	case n == int64(int32(n)):
		return 4
	}
	return 8
}

func (e entry) int() int64 {
	p, n := e.payload()
	switch n {
	case 1:
		return int64(*(*int8)(p))
	case 2:
		return int64(int16(load16(p)))
	case 4:
		return int64(int32(load32(p)))
	}
	return int64(load64(p))
}

func putInt(p unsafe.Pointer, n int64, width int) {
	switch width {
	case 1:
		*(*int8)(p) = int8(n)
	case 2:
		store16(p, uint16(n))
	case 4:
		store32(p, uint32(n))
	default:
		store64(p, uint64(n))
	}
}

// content is a value on its way into an entry.
type content struct {
	typ   Type
	enc   Encoding
	n     int64  // the number, for EncInt
	text  []byte // the value, or a first part of it
	size  int    // the length of the value: at least that of text; the rest is zeros
	room  int    // the length that it is expected to grow to
	block handle // a value block that already holds it, or a root; size is its count
}

// inBlock says that the value goes, or is, into a block of its own.
func (c *content) inBlock() bool { return c.block != 0 || c.size > inlineMax }

func (c *content) payloadLen() int {
	switch {
	case c.inBlock():
		return blockRef
	case c.enc == EncInt:
		return intWidth(c.n)
	}
	return c.size
}

// entryShape returns the flags and the size of an entry.
func entryShape(keyLen int, payloadLen int, ttl bool) (flags uint8, size int) {
	if ttl {
		flags |= flagTTL
	}
	if keyLen > 0xff {
		flags |= flagLongKey
	}
	if payloadLen > 0xff {
		flags |= flagWide
	}
	return flags, int(headerSize[flags]) + keyLen + payloadLen
}

// write fills a block with an entry of the given shape. The fields of a time to
// live, if the shape has them, are the caller's to set.
func (e entry) write(a *arena, flags uint8, access uint32, key []byte, c *content) {
	n := c.payloadLen()
	if c.inBlock() {
		flags |= flagBlock
	}
	store32(e.p, access&accessMask|uint32(flags)<<accessBits)
	*(*uint8)(unsafe.Add(e.p, 4)) = uint8(c.typ)<<4 | uint8(c.enc)
	*(*uint8)(unsafe.Add(e.p, 5)) = uint8(len(key))
	if flags&flagLongKey != 0 {
		at := fixedSize
		if flags&flagTTL != 0 {
			at += ttlSize
		}
		store32(unsafe.Add(e.p, at), uint32(len(key)))
	}
	e.setPayloadLen(n)
	head := e.header()
	copy(bytesAt(unsafe.Add(e.p, head), len(key)), key)
	p := unsafe.Add(e.p, head+len(key))
	switch {
	case flags&flagBlock != 0:
		h := c.block
		if h == 0 {
			h = newValueBlock(a, c)
		}
		store40(p, h)
		store32(unsafe.Add(p, 5), uint32(c.size))
	case c.enc == EncInt:
		putInt(p, c.n, n)
	default:
		fill(bytesAt(p, n), c.text)
	}
}

// fill copies text to the front of dst and zeros the rest.
func fill(dst, text []byte) {
	n := copy(dst, text)
	clear(dst[n:])
}
