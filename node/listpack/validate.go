// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"encoding/binary"
	"fmt"
)

// Fault is what is wrong with bytes that should be a listpack.
type Fault struct {
	Offset int // in bytes from the start of the listpack
	Reason string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("listpack: offset %d: %s", f.Offset, f.Reason)
}

// Validate says what is wrong with a blob, nil if it is a listpack, always a
// *Fault. Without deep it looks at the header and the end only, which makes
// nothing safe but Len's header and further tests. With deep it walks all
// entries and is as strict as Redis's own test (lpValidateIntegrity); no
// function of this package fails on what passes it.
func Validate(blob []byte, deep bool) error {
	if len(blob) < Empty {
		return &Fault{len(blob), "shorter than an empty listpack"}
	}
	if size := binary.LittleEndian.Uint32(blob); uint64(size) != uint64(len(blob)) {
		return &Fault{0, fmt.Sprintf("says %d bytes and has %d", size, len(blob))}
	}
	if blob[len(blob)-1] != endByte {
		return &Fault{len(blob) - 1, "has no end"}
	}
	if !deep {
		return nil
	}
	n, off := 0, headerSize
	for ; blob[off] != endByte; n++ {
		size, reason := checkEntry(blob, off)
		if reason != "" {
			return &Fault{off, reason}
		}
		off += size
	}
	if off != End(blob) {
		return &Fault{off, "ends before its end"}
	}
	if told := count(blob); told != unknownCount && told != n {
		return &Fault{4, fmt.Sprintf("says %d elements and has %d", told, n)}
	}
	return nil
}

// checkEntry returns the size of the entry at an offset before the last byte, or
// what is wrong with it.
func checkEntry(blob []byte, off int) (size int, reason string) {
	end := End(blob)
	head := headSize(blob[off])
	if head == 0 {
		return 0, fmt.Sprintf("byte %#x is no encoding", blob[off])
	}
	if off+head > end {
		return 0, "the length of an entry is cut off"
	}
	_, data := prefix(blob, off)
	size = data + backLengthSize(data)
	if size > end-off {
		return 0, fmt.Sprintf("an entry of %d bytes does not fit before the end at %d", size, end)
	}
	if back := backLength(blob, off+size-1); back != data {
		return 0, fmt.Sprintf("an entry of %d bytes is told as %d from behind", data, back)
	}
	return size, ""
}

// headSize returns how many bytes tell the size of an entry with this first
// byte, 0 if there is no such entry.
func headSize(c byte) int {
	switch {
	case c == tag32Str:
		return 5
	case c&0xf0 == tag12Str:
		return 2
	case c > tag64Int:
		return 0
	}
	return 1
}
