// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// footerSize is what follows the value in the form of DUMP: the version of the
// format and a CRC64, both little-endian.
const footerSize = 2 + 8

// ErrDumpFooter is a payload of RESTORE that another version wrote or that is
// damaged.
var ErrDumpFooter = errors.New("DUMP payload version or checksum are wrong")

// Dump is the value of an item as the DUMP command gives it.
func Dump(it *Item, compress bool) []byte {
	var out bytes.Buffer
	w := &Writer{dst: &out, opts: WriterOptions{Compress: compress, Checksum: true}}
	c := codeOf(it)
	w.op(byte(c))
	codecs[c].write(w, it)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, Version)
	w.flush()
	return binary.LittleEndian.AppendUint64(out.Bytes(), w.sum)
}

// Restore reads the value of a RESTORE command into it.Type and the field of
// that type. Errors: ErrDumpFooter, *UnsupportedError, and *FormatError for a
// value that does not fill the payload or is no value.
func Restore(payload []byte, it *Item) error {
	if len(payload) < footerSize+1 {
		return ErrDumpFooter
	}
	value, footer := payload[:len(payload)-footerSize], payload[len(payload)-footerSize:]
	version := binary.LittleEndian.Uint16(footer)
	stored := binary.LittleEndian.Uint64(footer[2:])
	if version > newestVersion || checksum(0, payload[:len(payload)-8]) != stored {
		return ErrDumpFooter
	}
	c := code(value[0])
	codec, known := codecs[c]
	if !known {
		return &UnsupportedError{DB: it.DB, Key: string(it.Key), Code: uint8(c)}
	}
	in := newInput(bytes.NewReader(value[1:]), max(smallestSize, min(inputSize, len(value))))
	if err := codec.read(in, it); err != nil {
		return err
	}
	if left := len(value) - 1 - int(in.offset()); left > 0 {
		return in.failAt(in.offset(), nil, "the end of the payload, not %d bytes more", left)
	}
	return nil
}
