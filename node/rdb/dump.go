// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// footerSize is what follows the value in the form of DUMP: the version of the
// format and a CRC64, both little-endian.
const footerSize = 2 + 8

// ErrDumpFooter is a payload of RESTORE that another version wrote or that is
// damaged.
var ErrDumpFooter = errors.New("DUMP payload version or checksum are wrong")

// compressors are kept from dump to dump, as each has a large table.
var compressors = sync.Pool{New: func() any { return new(lzfCompressor) }}

// Dump is the value of an item as the DUMP command gives it. It panics if a
// collection does not have Item.Count parts.
func Dump(it *Item, compress bool) []byte {
	var out bytes.Buffer
	w := &Writer{dst: &out, opts: WriterOptions{Compress: compress, Checksum: true}}
	if compress {
		w.lzf = compressors.Get().(*lzfCompressor)
		defer compressors.Put(w.lzf)
	}
	w.op(byte(codeOf(it)))
	w.value(it)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, Version)
	w.flush()
	if w.err != nil {
		panic(w.err)
	}
	return binary.LittleEndian.AppendUint64(out.Bytes(), w.sum)
}

// Restore reads the value of a RESTORE command into it.Type and a field of that
// type, the parts of a collection being had from the payload, which must stay as
// it is, any number of times. The value is whole and sound if there is no error:
// ErrDumpFooter, *UnsupportedError, or *FormatError for a value that does not
// fill the payload, is no value or, as with Redis, one without elements. Offsets
// are those in the payload. skipChecksum accepts any checksum.
func Restore(payload []byte, it *Item, skipChecksum bool) error {
	if len(payload) < footerSize+1 {
		return ErrDumpFooter
	}
	body, footer := payload[:len(payload)-footerSize], payload[len(payload)-footerSize:]
	version := binary.LittleEndian.Uint16(footer)
	stored := binary.LittleEndian.Uint64(footer[2:])
	if version > newestVersion && version != valkeyVersion {
		return ErrDumpFooter
	}
	if !skipChecksum && checksum(0, payload[:len(payload)-8]) != stored {
		return ErrDumpFooter
	}
	c := code(body[0])
	if readers[c] == nil {
		return &UnsupportedError{DB: it.DB, Key: string(it.Key), Code: uint8(c), Valkey: version == valkeyVersion}
	}
	v := valueOf(body)
	if err := v.read(c, it); err != nil {
		if errors.Is(err, errNoElements) {
			err = v.in.failAt(1, nil, "a collection with elements")
		}
		return err
	}
	if err := v.unique(it); err != nil {
		return err
	}
	if left := int64(len(body)) - v.in.offset(); left > 0 {
		return v.in.failAt(v.in.offset(), nil, "the end of the payload, not %d bytes more", left)
	}
	it.again(func() *value {
		v := valueOf(body)
		_ = v.read(c, new(Item)) // it was whole the first time
		return v
	})
	return nil
}

// valueOf is for reading the value behind a code.
func valueOf(body []byte) *value {
	in := newInput(bytes.NewReader(body[1:]), max(smallestSize, min(inputSize, len(body))))
	in.base = 1
	return newValue(in)
}

// duplicates is how Redis calls what is there twice.
var duplicates = map[Type]string{
	TypeSet: "Duplicate set members detected", TypeZSet: "Duplicate zset fields detected", TypeHash: "Duplicate hash fields detected",
}

// duplicate is the error of a name that was there before.
func (v *value) duplicate(t Type) error {
	name := clip(string(v.name))
	if v.form.title != "" {
		return unsound(v.in.offset(), v.form, fmt.Errorf("%q is there twice", name))
	}
	return damaged(v.in.offset(), "%s: %q", duplicates[t], name)
}

// unique reads all parts of a value, counts them, and makes sure that none is
// named twice.
func (v *value) unique(it *Item) error {
	if it.Type == TypeString || it.Packed != nil {
		return nil
	}
	it.Count = 0
	seen := map[string]struct{}{}
	for v.next() {
		it.Count++
		if it.Type == TypeList {
			continue
		}
		if _, twice := seen[string(v.name)]; twice {
			return v.duplicate(it.Type)
		}
		seen[string(v.name)] = struct{}{}
	}
	return v.err
}

// again makes an item's parts come from the beginning whenever they are asked
// for.
func (it *Item) again(open func() *value) {
	switch {
	case it.Elements != nil:
		it.Elements = func(yield func([]byte) bool) { open().elements(yield) }
	case it.Fields != nil:
		it.Fields = func(yield func(field, val []byte) bool) { open().fields(yield) }
	case it.Scores != nil:
		it.Scores = func(yield func(member []byte, score float64) bool) { open().scores(yield) }
	case it.Nodes != nil:
		it.Nodes = func(yield func(ListNode) bool) { open().nodes(yield) }
	}
}
