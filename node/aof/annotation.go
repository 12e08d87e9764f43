// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"bytes"
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
//	#EP:<replid>:<offset>:<db>[:local]
//	#EO:<offset>:<db>[:local]           with the replid of the last #EP
//
// It holds for the place where it stands, and no further: what follows without
// a position of its own was written by somebody else, or not to its end.
const (
	fullMark  = "#EP:"
	shortMark = "#EO:"
	localMark = ":local"
)

// AppendPosition appends the annotation of a position; before is the one that
// was written last into the same file, the zero Position if there is none.
func AppendPosition(dst []byte, p, before Position) []byte {
	if p.Replid != before.Replid {
		dst = append(append(dst, fullMark...), p.Replid...)
		dst = append(dst, ':')
	} else {
		dst = append(dst, shortMark...)
	}
	dst = strconv.AppendInt(dst, p.Offset, 10)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(p.DB), 10)
	if p.Local {
		dst = append(dst, localMark...)
	}
	return append(dst, "\r\n"...)
}

// ParsePosition reads an annotation, without its line end, that may be a
// position; before is the last one of the same file. What is no position gives
// false.
func ParsePosition(line []byte, before Position) (Position, bool) {
	var p Position
	rest, full := bytes.CutPrefix(line, []byte(fullMark))
	if full {
		id, tail, ok := strings.Cut(string(rest), ":")
		if !ok || len(id) != 40 {
			return Position{}, false
		}
		p.Replid, rest = id, []byte(tail)
	} else {
		var short bool
		if rest, short = bytes.CutPrefix(line, []byte(shortMark)); !short || before.Replid == "" {
			return Position{}, false
		}
		p.Replid = before.Replid
	}
	text, local := strings.CutSuffix(string(rest), localMark)
	p.Local = local
	offset, db, ok := strings.Cut(text, ":")
	var errOffset, errDB error
	p.Offset, errOffset = strconv.ParseInt(offset, 10, 64)
	p.DB, errDB = strconv.Atoi(db)
	if !ok || errOffset != nil || errDB != nil || p.Offset < 0 || p.DB < 0 {
		return Position{}, false
	}
	return p, true
}

// AppendTime appends Redis's annotation of the time, in Unix seconds
// (aof-timestamp-enabled).
func AppendTime(dst []byte, seconds int64) []byte {
	dst = strconv.AppendInt(append(dst, "#TS:"...), seconds, 10)
	return append(dst, "\r\n"...)
}
