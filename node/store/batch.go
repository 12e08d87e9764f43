// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

// Item is a key with its value at the cut of a snapshot.
type Item struct {
	DB       int
	Key      []byte
	Type     Type
	Encoding Encoding
	Value    []byte // a string's bytes, nil for EncInt; of a packed collection its bytes
	Int      int64  // the number, for EncInt
	ExpireAt int64  // ms since the epoch, or NoExpiry
	Access   uint32 // see Store.Idle and Store.Frequency

	tree collection // the collection, if it is not packed
}

// Hash returns a look at a hash. Bytes that it gives are valid until the next
// call of any look at an item of the same batch. So with Set, ZSet and List.
func (it *Item) Hash() Hash { return Hash{it.collection()} }

// Set returns a look at a set.
func (it *Item) Set() Set { return Set{it.collection()} }

// ZSet returns a look at a sorted set.
func (it *Item) ZSet() ZSet { return ZSet{it.collection()} }

// List returns a look at a list.
func (it *Item) List() List { return List{it.collection()} }

func (it *Item) collection() collection {
	c := it.tree
	c.packed = it.Value
	return c
}

// Batch is a slice of a snapshot. It is reused from slice to slice, and may be
// read without the lock. Items are good until the batch is released or passed to
// Next again, both under the lock; small values are copies in the batch, large
// ones and collections lie where they always were and cannot change or go as
// long as the batch has them. The zero Batch is ready for use.
type Batch struct {
	Items []Item

	size int // bytes of keys and values
	buf  []byte
	a    *arena
	r    reader
	pins []handle
}

// pinMin is the size from which on a value is not copied into a batch.
const pinMin = 8 << 10

// Bytes returns the size of the batch's keys and values.
func (b *Batch) Bytes() int { return b.size }

// Release gives up the items. A batch that has been released may be dropped.
func (b *Batch) Release() {
	b.Items, b.buf, b.size = b.Items[:0], b.buf[:0], 0
	if b.a == nil {
		return
	}
	for _, h := range b.pins {
		releaseValue(b.a, h)
	}
	b.pins = b.pins[:0]
	b.a.release()
	b.a, b.r.bases = nil, nil
}

func (b *Batch) hold(a *arena) {
	b.a = a
	b.r.bases, b.r.seed = a.bases, a.seed
	a.hold()
}

// add appends an entry. With owned, the entry brings a reference to its value
// block, which the batch keeps or gives up.
func (b *Batch) add(db int, e entry, owned bool) {
	v := Value{e, &b.a.reader}
	key := e.key()
	it := Item{
		DB: db, Type: v.Type(), Encoding: v.Encoding(),
		Key: b.copy(key), ExpireAt: v.ExpireAt(), Access: v.Access(),
	}
	b.size += len(key)
	it.tree.r = &b.r
	if e.isTree() {
		b.addTree(it, e, owned)
		return
	}
	if it.Encoding == EncInt {
		it.Int = e.int()
		b.size += 8
		b.Items = append(b.Items, it)
		return
	}
	value := v.raw()
	b.size += len(value)
	switch block := e.block(); {
	case block != 0 && len(value) >= pinMin:
		if !owned {
			retainValue(b.a, block)
		}
		b.pins = append(b.pins, block)
		it.Value = value
	default:
		it.Value = b.copy(value)
		if block != 0 && owned {
			releaseValue(b.a, block)
		}
	}
	b.Items = append(b.Items, it)
}

// addTree appends a collection that stays where it is.
func (b *Batch) addTree(it Item, e entry, owned bool) {
	root := e.block()
	if !owned {
		retainValue(b.a, root)
	}
	b.pins = append(b.pins, root)
	it.tree.root, it.tree.count = root, e.blockLen()
	b.size += b.a.estimate(root)
	b.Items = append(b.Items, it)
}

// copy keeps bytes in the batch's buffer. A full buffer is not enlarged, as items
// point into it: the next one, twice the size, is begun.
func (b *Batch) copy(p []byte) []byte {
	if cap(b.buf)-len(b.buf) < len(p) {
		b.buf = make([]byte, 0, max(64<<10, 2*cap(b.buf), 2*len(p)))
	}
	n := len(b.buf)
	b.buf = append(b.buf, p...)
	return b.buf[n:len(b.buf):len(b.buf)]
}
