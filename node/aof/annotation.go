// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
)

// Position is where in the replication stream a data set stands.
type Position struct {
	Replid string // 40 hex digits; "" for none
	Offset int64
	DB     int  // that the stream has selected there
	Local  bool // the data set holds changes that are not of that history
}

// A position is written behind what it covers, in one write with it:
//
//	#EP:<replid>:<offset>:<db>[:local]:<length>:<checksum>
//	#EO:<offset>:<db>[:local]:<length>:<checksum>    with the replid of the last #EP
//
// It holds for the place where it stands, and no further: what follows without
// a position of its own was written by somebody else, or not to its end. The
// checksum, CRC-32C in hex, is that of so many bytes before the annotation, and
// of its line up to there: a machine that crashes can leave a later page of a
// write on the disk and zeros in an earlier one, within a value where nobody
// else would notice.
//
// A writer whose data set stands nowhere any more says so before what it writes
// from then on:
//
//	#EN
//
// Commands without a position behind that are no torn write.
const (
	fullMark     = "#EP:"
	shortMark    = "#EO:"
	unplacedMark = "#EN"
	localMark    = "local"
)

// AppendUnplaced appends the annotation that no positions follow.
func AppendUnplaced(dst []byte) []byte { return append(dst, unplacedMark+"\r\n"...) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendPosition appends the annotation of a position, which covers the bytes
// data right before it; before is the one that was written last into the same
// file, the zero Position if there is none.
func AppendPosition(dst []byte, p, before Position, data []byte) []byte {
	start := len(dst)
	sum := crc32.Update(0, castagnoli, data)
	if p.Replid != before.Replid {
		dst = append(append(append(dst, fullMark...), p.Replid...), ':')
	} else {
		dst = append(dst, shortMark...)
	}
	dst = append(strconv.AppendInt(dst, p.Offset, 10), ':')
	dst = append(strconv.AppendInt(dst, int64(p.DB), 10), ':')
	if p.Local {
		dst = append(append(dst, localMark...), ':')
	}
	dst = append(strconv.AppendInt(dst, int64(len(data)), 10), ':')
	sum = crc32.Update(sum, castagnoli, dst[start:])
	dst = strconv.AppendUint(dst, uint64(sum), 16)
	return append(dst, "\r\n"...)
}

// ErrDamaged is a position that does not fit what it covers.
var ErrDamaged = errors.New("the bytes before a position are not those that it was written behind")

// Tracker follows the positions of one file. The zero Tracker is at its begin.
type Tracker struct {
	last  Position
	bytes int64  // since the last position
	sum   uint32 // of those
}

// See takes the next record, and gives a position where that is one. The error
// is ErrDamaged.
func (t *Tracker) See(rec Record) (p Position, ok bool, err error) {
	if rec.Argv == nil {
		if p, ok, err = t.position(rec.Note); ok || err != nil {
			t.bytes, t.sum = 0, 0
			if ok {
				t.last = p
			}
			return p, ok, err
		}
	}
	t.bytes += int64(len(rec.Raw))
	t.sum = crc32.Update(t.sum, castagnoli, rec.Raw)
	return p, false, nil
}

// position reads an annotation that may be one.
func (t *Tracker) position(line []byte) (p Position, ok bool, err error) {
	text := string(line)
	end := strings.LastIndexByte(text, ':') + 1
	words := strings.Split(text, ":")
	switch {
	case strings.HasPrefix(text, fullMark) && len(words) >= 6 && len(words[1]) == 40:
		p.Replid, words = words[1], words[2:]
	case strings.HasPrefix(text, shortMark) && len(words) >= 5 && t.last.Replid != "":
		p.Replid, words = t.last.Replid, words[1:]
	default:
		return p, false, nil
	}
	if len(words) == 5 && words[2] == localMark {
		p.Local = true
		words = append(words[:2:2], words[3:]...)
	}
	if len(words) != 4 {
		return p, false, nil
	}
	var length int64
	var sum uint64
	var errs [4]error
	p.Offset, errs[0] = strconv.ParseInt(words[0], 10, 64)
	p.DB, errs[1] = strconv.Atoi(words[1])
	length, errs[2] = strconv.ParseInt(words[2], 10, 64)
	sum, errs[3] = strconv.ParseUint(words[3], 16, 32)
	if errors.Join(errs[:]...) != nil || p.Offset < 0 || p.DB < 0 || length < 0 {
		return Position{}, false, nil
	}
	switch {
	case length > t.bytes:
		return p, false, ErrDamaged
	case length < t.bytes:
		return p, true, nil // what is before that was not counted, and can't be checked
	case crc32.Update(t.sum, castagnoli, line[:end]) != uint32(sum):
		return p, false, ErrDamaged
	}
	return p, true, nil
}

// AppendTime appends Redis's annotation of the time, in Unix seconds
// (aof-timestamp-enabled).
func AppendTime(dst []byte, seconds int64) []byte {
	dst = strconv.AppendInt(append(dst, "#TS:"...), seconds, 10)
	return append(dst, "\r\n"...)
}
