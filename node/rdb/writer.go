// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// WriterOptions say how a dump is written.
type WriterOptions struct {
	Compress bool // LZF for strings of more than 20 bytes (rdbcompression)
	Checksum bool // otherwise the checksum is 0, which means "none" (rdbchecksum)

	// Sizes tells how many keys a database has, and how many of them expire:
	// a hint for the reader, which lets it make room. It may be nil.
	Sizes func(db int) (keys, expires uint64)
}

const (
	writeSize      = 64 << 10
	compressBeyond = 20 // LZF can't make less of shorter texts
	compressSaves  = 4  // bytes at least, or it isn't worth it
)

// Writer writes one dump: Header, then Items, then Close. It buffers 64 KiB.
// The first error of the writer below ends it; every later call returns that
// error.
type Writer struct {
	dst     io.Writer
	opts    WriterOptions
	buf     []byte
	sum     uint64
	written int64
	db      int // selected, -1 before the first
	lzf     *lzfCompressor
	packed  []byte
	err     error
}

// NewWriter begins a dump. Nothing is written before Header.
func NewWriter(dst io.Writer, opts WriterOptions) *Writer {
	return &Writer{dst: dst, opts: opts, buf: make([]byte, 0, writeSize+writeSize/4), db: -1}
}

// Header writes the magic and the header's fields. It comes first, once.
func (w *Writer) Header(h Header) error {
	w.buf = fmt.Appendf(w.buf, "%s%04d", magicRedis, Version)
	w.aux("redis-ver", h.RedisVersion)
	w.aux("redis-bits", "64")
	w.aux("ctime", strconv.FormatInt(h.CreatedAt, 10))
	w.aux("used-mem", strconv.FormatUint(h.UsedMemory, 10))
	if r := h.Replication; r != nil {
		w.aux("repl-stream-db", strconv.Itoa(r.StreamDB))
		w.aux("repl-id", r.ID)
		w.aux("repl-offset", strconv.FormatInt(r.Offset, 10))
	}
	base := "0"
	if h.AOFBase {
		base = "1"
	}
	w.aux("aof-base", base)
	for _, a := range h.Extra {
		w.aux(a.Name, a.Value)
	}
	return w.flushIfFull()
}

func (w *Writer) aux(name, value string) {
	w.op(opAux)
	w.text([]byte(name))
	w.text([]byte(value))
}

// Item writes one key. Keys of a database belong together: each change of
// Item.DB costs a few bytes. A collection that does not have Item.Count parts
// ends the dump, as does an error of the writer below.
func (w *Writer) Item(it *Item) error {
	if w.err != nil {
		return w.err
	}
	if it.DB != w.db {
		w.selectDB(it.DB)
	}
	if it.ExpireAt != NoExpiry {
		w.op(opExpireTimeMS)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(it.ExpireAt))
	}
	switch it.Usage.Kind {
	case UsageIdle:
		w.op(opIdle)
		w.length(it.Usage.Value)
	case UsageFrequency:
		w.op(opFreq)
		w.buf = append(w.buf, byte(min(it.Usage.Value, 255)))
	}
	w.op(byte(codeOf(it)))
	w.text(it.Key)
	w.value(it)
	return w.flushIfFull()
}

func (w *Writer) selectDB(db int) {
	w.db = db
	w.op(opSelectDB)
	w.length(uint64(db))
	if w.opts.Sizes != nil {
		keys, expires := w.opts.Sizes(db)
		w.op(opResizeDB)
		w.length(keys)
		w.length(expires)
	}
}

// Close writes the end and the checksum, and what is buffered. It does not
// close the writer below.
func (w *Writer) Close() error {
	w.op(opEOF)
	w.flush()
	var sum [8]byte
	if w.opts.Checksum {
		binary.LittleEndian.PutUint64(sum[:], w.sum)
	}
	w.pass(sum[:])
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("rdb: the dump is closed")
	return nil
}

// Written is the number of bytes that the writer below has taken.
func (w *Writer) Written() int64 { return w.written }

// Flush passes on what is buffered.
func (w *Writer) Flush() error {
	w.flush()
	return w.err
}

func (w *Writer) op(op byte) { w.buf = append(w.buf, op) }

func (w *Writer) length(n uint64) { w.buf = appendLength(w.buf, n) }

// text writes a string in its shortest encoding.
func (w *Writer) text(s []byte) {
	if len(s) <= longestInt {
		if b, ok := appendInt(w.buf, s); ok {
			w.buf = b
			return
		}
	}
	if w.opts.Compress && len(s) > compressBeyond && w.compressed(s) {
		return
	}
	w.length(uint64(len(s)))
	w.raw(s)
}

func (w *Writer) compressed(s []byte) bool {
	if w.lzf == nil {
		w.lzf = new(lzfCompressor)
	}
	packed, ok := w.lzf.compress(w.packed[:0], s, len(s)-compressSaves)
	w.packed = packed[:0]
	if !ok {
		return false
	}
	w.buf = append(w.buf, lenEncoded|encLZF)
	w.length(uint64(len(packed)))
	w.length(uint64(len(s)))
	w.raw(packed)
	return true
}

// raw writes bytes as they are; long ones do not go through the buffer.
func (w *Writer) raw(p []byte) {
	if len(p) < writeSize {
		w.buf = append(w.buf, p...)
		return
	}
	w.flush()
	if w.opts.Checksum {
		w.sum = checksum(w.sum, p)
	}
	w.pass(p)
}

func (w *Writer) flushIfFull() error {
	if len(w.buf) >= writeSize {
		w.flush()
	}
	return w.err
}

func (w *Writer) flush() {
	if w.opts.Checksum {
		w.sum = checksum(w.sum, w.buf)
	}
	w.pass(w.buf)
	w.buf = w.buf[:0]
}

func (w *Writer) pass(p []byte) {
	if w.err != nil {
		return
	}
	n, err := w.dst.Write(p)
	w.written += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("rdb: writing at offset %d: %w", w.written, err)
	}
}
