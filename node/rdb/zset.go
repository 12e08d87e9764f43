// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Scores as texts begin with their length, or with one of these in its place.
const (
	textNaN      = 253
	textInf      = 254
	textMinusInf = 255
)

// readZSet reads members with their scores as binary doubles.
func readZSet(v *value, it *Item) error {
	return v.readScores(it, func(v *value) error {
		p, err := v.in.next(8, "a score")
		if err == nil {
			v.score = math.Float64frombits(binary.LittleEndian.Uint64(p))
		}
		return err
	})
}

// readZSetTexts reads members with their scores as texts.
func readZSetTexts(v *value, it *Item) error {
	return v.readScores(it, func(v *value) error {
		at := v.in.offset()
		n, err := v.in.byte("a score")
		if err != nil {
			return err
		}
		switch n {
		case textNaN:
			v.score = math.NaN()
		case textInf:
			v.score = math.Inf(1)
		case textMinusInf:
			v.score = math.Inf(-1)
		default:
			if v.val, err = v.in.appendBytes(v.val[:0], uint64(n), "a score"); err != nil {
				return err
			}
			var ok bool
			if v.score, ok = parseScore(v.val); !ok {
				return v.in.failAt(at, nil, "a score, not %q", v.val)
			}
		}
		return nil
	})
}

func (v *value) readScores(it *Item, score func(v *value) error) error {
	it.Type, it.Scores = TypeZSet, v.scores
	return v.counted(it, "the number of members of a sorted set", func(v *value) (err error) {
		if v.name, err = v.in.text(v.name[:0], "a member of a sorted set"); err != nil {
			return err
		}
		at := v.in.offset()
		if err := score(v); err != nil {
			return err
		}
		if math.IsNaN(v.score) {
			return damaged(at, "Zset with NAN score detected")
		}
		return nil
	})
}

func readZSetListpack(v *value, it *Item) error {
	it.Type = TypeZSet
	at, err := v.packed(formZSetListpack)
	if err != nil {
		return err
	}
	n, reason := checkPairs(v.blob, &v.names)
	if reason == nil {
		reason = checkScores(v.blob, &v.names)
	}
	switch {
	case reason != nil:
		return unsound(at, formZSetListpack, reason)
	case n == 0:
		return errNoElements
	}
	it.Packed = v.blob
	return nil
}

func readZSetZiplist(v *value, it *Item) error {
	it.Type, it.Scores = TypeZSet, v.scores
	at := v.in.offset()
	if err := v.ziplistPairs(it, formZSetZiplist); err != nil {
		return err
	}
	v.more = func(v *value) (ok bool, err error) {
		if v.left == 0 {
			return false, nil
		}
		v.left--
		v.name = v.ziplistEntry(v.name[:0])
		v.val = v.ziplistEntry(v.val[:0])
		if v.score, ok = parseScore(v.val); !ok {
			err = unsound(at, formZSetZiplist, fmt.Errorf("the score %q is no number", clip(string(v.val))))
		}
		return ok, err
	}
	return nil
}

// parseScore reads a score as Redis writes it.
func parseScore(text []byte) (float64, bool) {
	const longest = 128 // Redis reads no more
	if len(text) == 0 || len(text) > longest {
		return 0, false
	}
	switch string(text) {
	case "inf":
		return math.Inf(1), true
	case "-inf":
		return math.Inf(-1), true
	}
	for _, c := range text {
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	score, err := strconv.ParseFloat(string(text), 64)
	return score, err == nil
}

func (w *Writer) scores(it *Item) {
	w.length(it.Count)
	left := it.Count
	for member, score := range it.Scores {
		if left--; !w.goesOn(left) {
			break
		}
		w.text(member)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(score))
	}
	w.complete(it, left)
}
