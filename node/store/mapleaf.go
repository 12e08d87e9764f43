// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"math/bits"
	"unsafe"
)

// mapLeaf is a leaf of a map tree: elements with a name, in no order.
//
//	 0  references, kindMapLeaf
//	 5  form: what an element has beside its name
//	 6  number of elements, 2 bytes
//	 8  size of the block in units of 8 bytes, 2 bytes
//	10  bytes of elements at the block's end, 2 bytes
//	12  how many of those are of no use any more, 2 bytes
//	14  references to other blocks, 2 bytes
//	16  groups of 24 bytes, each of 8 fingerprints (the lowest byte of the hash)
//	    and 8 places, in bytes from the block's end
//	    room
//	    elements
//
// An element is its name, and by the form nothing more, its value, or a score
// of 8 bytes. Names and values are a byte for their length and so many bytes,
// or, above partMax, a byte of 255 and the handle (5 bytes) and length (4 bytes)
// of a block of their own.
type mapLeaf struct{ p unsafe.Pointer }

type mapForm uint8

const (
	formSet    mapForm = iota // names
	formHash                  // names with values
	formScores                // names with scores
)

const (
	mapHeader  = 16
	mapGroup   = 24
	mapLeafMax = 4096 // size of a block above which a leaf is divided
	mapLeafMin = 1024 // bytes in use below which a leaf is joined with another
	mapElsMax  = mapLeafMax / 4

	partMax  = 253
	partOut  = 255
	outSize  = 1 + 5 + 4
	scoreLen = 8
)

// mapElement is an element on its way into a leaf.
type mapElement struct {
	form mapForm
	hash uint64
	name []byte
	// block holds the name already, with a reference that passes over if the
	// name is new.
	block handle
	value []byte
	score float64
}

func partSize(b []byte) int {
	if len(b) > partMax {
		return outSize
	}
	return 1 + len(b)
}

func (el *mapElement) size() int {
	n := partSize(el.name)
	if el.block != 0 {
		n = outSize
	}
	switch el.form {
	case formHash:
		return n + partSize(el.value)
	case formScores:
		return n + scoreLen
	default:
		return n
	}
}

func (r *reader) mapLeaf(h handle) mapLeaf { return mapLeaf{r.ptr(h)} }

func newMapLeaf(a *arena, form mapForm, need int) (handle, mapLeaf) {
	h, p := a.alloc(need)
	setHeader(p, kindMapLeaf)
	l := mapLeaf{p}
	*(*mapForm)(unsafe.Add(p, 5)) = form
	store16(unsafe.Add(p, 8), uint16(a.sizeOf(h)>>3))
	store32(unsafe.Add(p, 10), 0)
	l.setOuts(0)
	return h, l
}

func (l mapLeaf) form() mapForm { return *(*mapForm)(unsafe.Add(l.p, 5)) }
func (l mapLeaf) len() int      { return int(load16(unsafe.Add(l.p, 6))) }
func (l mapLeaf) size() int     { return int(load16(unsafe.Add(l.p, 8))) << 3 }
func (l mapLeaf) top() int      { return int(load16(unsafe.Add(l.p, 10))) }
func (l mapLeaf) dead() int     { return int(load16(unsafe.Add(l.p, 12))) }
func (l mapLeaf) outs() int     { return int(load16(unsafe.Add(l.p, 14))) }
func (l mapLeaf) setLen(n int)  { store16(unsafe.Add(l.p, 6), uint16(n)) }
func (l mapLeaf) setTop(n int)  { store16(unsafe.Add(l.p, 10), uint16(n)) }
func (l mapLeaf) setDead(n int) { store16(unsafe.Add(l.p, 12), uint16(n)) }
func (l mapLeaf) setOuts(n int) { store16(unsafe.Add(l.p, 14), uint16(n)) }
func (l mapLeaf) addDead(n int) { l.setDead(l.dead() + n) }
func (l mapLeaf) group(i int) unsafe.Pointer {
	return unsafe.Add(l.p, mapHeader+i>>3*mapGroup)
}
func (l mapLeaf) printAt(i int) *byte { return (*byte)(unsafe.Add(l.group(i), i&7)) }
func (l mapLeaf) placeAt(i int) unsafe.Pointer {
	return unsafe.Add(l.group(i), 8+i&7*2)
}
func (l mapLeaf) place(i int) int { return int(load16(l.placeAt(i))) }

// at returns the address of an element.
func (l mapLeaf) at(i int) unsafe.Pointer { return unsafe.Add(l.p, l.size()-l.place(i)) }

func mapGroups(n int) int { return (n + 7) >> 3 * mapGroup }

// live is what a block for what the leaf holds would need.
func (l mapLeaf) live() int { return mapHeader + mapGroups(l.len()) + l.top() - l.dead() }

// fits says whether there is room for one more element of so many bytes.
func (l mapLeaf) fits(size int) bool {
	return mapHeader+mapGroups(l.len()+1)+l.top()+size <= l.size()
}

// part returns a name or a value and how many bytes it takes in the element.
func (r *reader) part(p unsafe.Pointer) (b []byte, size int) {
	n := *(*uint8)(p)
	if n == partOut {
		return r.valueBytes(load40(unsafe.Add(p, 1)), int(load32(unsafe.Add(p, 6)))), outSize
	}
	return bytesAt(unsafe.Add(p, 1), int(n)), 1 + int(n)
}

// partLen is the size of part alone.
func partLen(p unsafe.Pointer) int {
	if n := *(*uint8)(p); n != partOut {
		return 1 + int(n)
	}
	return outSize
}

func (r *reader) mapName(l mapLeaf, i int) []byte {
	b, _ := r.part(l.at(i))
	return b
}

func (r *reader) mapPair(l mapLeaf, i int) (name, value []byte) {
	p := l.at(i)
	name, n := r.part(p)
	value, _ = r.part(unsafe.Add(p, n))
	return name, value
}

func (r *reader) mapValue(l mapLeaf, i int) []byte {
	p := l.at(i)
	value, _ := r.part(unsafe.Add(p, partLen(p)))
	return value
}

// scoreAt returns the address of an element's score.
func (l mapLeaf) scoreAt(i int) unsafe.Pointer {
	p := l.at(i)
	return unsafe.Add(p, partLen(p))
}

func (l mapLeaf) score(i int) float64 { return math.Float64frombits(load64(l.scoreAt(i))) }

// elementSize returns the bytes of an element.
func (l mapLeaf) elementSize(i int) int {
	p := l.at(i)
	n := partLen(p)
	switch l.form() {
	case formHash:
		n += partLen(unsafe.Add(p, n))
	case formScores:
		n += scoreLen
	}
	return n
}

// find returns the place of a name, -1 if it is not there.
func (r *reader) mapFind(l mapLeaf, hash uint64, name []byte) int {
	n := l.len()
	end := unsafe.Add(l.p, l.size()-1)
	want := hash & 0xff * everyByte
	group := unsafe.Add(l.p, mapHeader)
	for base := 0; base < n; base += 8 {
		x := load64(group) ^ want
		for match := (x - everyByte) &^ x & highBits; match != 0; match &= match - 1 {
			i := bits.TrailingZeros64(match) >> 3
			if base+i >= n {
				break
			}
			p := unsafe.Add(end, 1-int(load16(unsafe.Add(group, 8+i*2))))
			if size := *(*uint8)(p); int(size) == len(name) && size != partOut {
				if string(bytesAt(unsafe.Add(p, 1), int(size))) == string(name) {
					return base + i
				}
			} else if size == partOut {
				if b, _ := r.part(p); string(b) == string(name) {
					return base + i
				}
			}
		}
		group = unsafe.Add(group, mapGroup)
	}
	return -1
}

// push puts an element in, for which there is room.
func (l mapLeaf) push(a *arena, el *mapElement) {
	i := l.len()
	top := l.top() + el.size()
	l.setTop(top)
	l.setLen(i + 1)
	*l.printAt(i) = byte(el.hash)
	store16(l.placeAt(i), uint16(top))
	p := l.at(i)
	var n int
	if el.block != 0 {
		n = l.writeOut(p, el.block, len(el.name))
	} else {
		n = l.write(a, p, el.name)
	}
	switch el.form {
	case formHash:
		l.write(a, unsafe.Add(p, n), el.value)
	case formScores:
		store64(unsafe.Add(p, n), math.Float64bits(el.score))
	}
}

// write writes a name or a value and returns how many bytes it takes.
func (l mapLeaf) write(a *arena, p unsafe.Pointer, b []byte) int {
	if len(b) > partMax {
		return l.writeOut(p, newValueBlock(a, &content{text: b, size: len(b)}), len(b))
	}
	*(*uint8)(p) = uint8(len(b))
	return 1 + copy(bytesAt(unsafe.Add(p, 1), len(b)), b)
}

// writeOut writes the name of a block that holds n bytes.
func (l mapLeaf) writeOut(p unsafe.Pointer, h handle, n int) int {
	*(*uint8)(p) = partOut
	store40(unsafe.Add(p, 1), h)
	store32(unsafe.Add(p, 6), uint32(n))
	l.setOuts(l.outs() + 1)
	return outSize
}

// nameBlock returns the block that an element's name lies in, 0 if it is in the
// leaf.
func (l mapLeaf) nameBlock(i int) handle {
	if p := l.at(i); *(*uint8)(p) == partOut {
		return load40(unsafe.Add(p, 1))
	}
	return 0
}

// drop takes an element out, with the blocks that it names; the last one takes
// its place.
func (l mapLeaf) drop(a *arena, i int) {
	size := l.elementSize(i)
	if l.outs() > 0 {
		l.eachOut(i, func(h handle) {
			releaseValue(a, h)
			l.setOuts(l.outs() - 1)
		})
	}
	if l.place(i) == l.top() {
		l.setTop(l.top() - size)
	} else {
		l.addDead(size)
	}
	last := l.len() - 1
	*l.printAt(i) = *l.printAt(last)
	store16(l.placeAt(i), uint16(l.place(last)))
	l.setLen(last)
}

// eachOut calls visit for the blocks that an element names.
func (l mapLeaf) eachOut(i int, visit func(handle)) {
	p := l.at(i)
	if *(*uint8)(p) == partOut {
		visit(load40(unsafe.Add(p, 1)))
	}
	if l.form() != formHash {
		return
	}
	if p = unsafe.Add(p, partLen(p)); *(*uint8)(p) == partOut {
		visit(load40(unsafe.Add(p, 1)))
	}
}

// eachNamed calls visit for the blocks that the elements name.
func (l mapLeaf) eachNamed(visit func(handle)) {
	if l.outs() == 0 {
		return
	}
	for i := range l.len() {
		l.eachOut(i, visit)
	}
}

// take copies an element from another leaf, for which there is room. The
// references that it has are the caller's concern.
func (l mapLeaf) take(from mapLeaf, i int) {
	size := from.elementSize(i)
	at, top := l.len(), l.top()+size
	l.setTop(top)
	l.setLen(at + 1)
	*l.printAt(at) = *from.printAt(i)
	store16(l.placeAt(at), uint16(top))
	copy(bytesAt(l.at(at), size), bytesAt(from.at(i), size))
	if from.outs() > 0 {
		from.eachOut(i, func(handle) { l.setOuts(l.outs() + 1) })
	}
}

// takeAll copies all elements of another leaf.
func (l mapLeaf) takeAll(from mapLeaf) {
	if n := l.len(); n > 0 || from.dead() > 0 {
		for i := range from.len() {
			l.take(from, i)
		}
		return
	}
	n, top := from.len(), from.top()
	size := mapGroups(n)
	copy(bytesAt(unsafe.Add(l.p, mapHeader), size), bytesAt(unsafe.Add(from.p, mapHeader), size))
	copy(bytesAt(unsafe.Add(l.p, l.size()-top), top), bytesAt(unsafe.Add(from.p, from.size()-top), top))
	l.setLen(n)
	l.setTop(top)
	l.setOuts(from.outs())
}
