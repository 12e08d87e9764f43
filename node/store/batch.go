// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

// Item is a key with its value at the cut of a snapshot.
type Item struct {
	DB       int
	Key      []byte
	Type     Type
	Encoding Encoding
	Value    []byte // a string's bytes; nil for EncInt
	Int      int64  // the number, for EncInt
	ExpireAt int64  // ms since the epoch, or NoExpiry
	Access   uint32 // see Store.Idle and Store.Frequency
}

// Batch is a slice of a snapshot. It is reused from slice to slice, and may be
// read without the lock. Items are good until the batch is released or passed to
// Next again, both under the lock; small values are copies in the batch, large
// ones lie where they always were and cannot change or go as long as the batch
// has them. The zero Batch is ready for use.
type Batch struct {
	Items []Item

	size int // bytes of keys and values
	buf  []byte
	a    *arena
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
	b.a = nil
}

func (b *Batch) hold(a *arena) {
	b.a = a
	a.hold()
}

// add appends an entry. With owned, the entry brings a reference to its value
// block, which the batch keeps or gives up.
func (b *Batch) add(db int, e entry, owned bool) {
	v := Value{e, b.a}
	key := e.key()
	it := Item{
		DB: db, Type: v.Type(), Encoding: v.Encoding(),
		Key: b.copy(key), ExpireAt: v.ExpireAt(), Access: v.Access(),
	}
	b.size += len(key)
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
