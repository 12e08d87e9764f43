// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"bytes"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// parseNumber reads a decimal, hexadecimal or infinite number as strtod does
// when the whole text is one. exact is false where it is too large or too small
// for a float64; it is then infinite or zero. NaN is no number.
func parseNumber(b []byte) (f float64, exact, ok bool) {
	if n, isInt := resp.ParseInt(b); isInt {
		return float64(n), true, true
	}
	if bytes.IndexByte(b, '_') >= 0 { // a digit separator in Go only
		return 0, false, false
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil && bytes.ContainsAny(b, "xX") && !bytes.ContainsAny(b, "pP") {
		f, err = strconv.ParseFloat(string(b)+"p0", 64) // C needs no exponent
	}
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false, false
	}
	return f, err == nil && (f != 0 || isZero(b)), true
}

// isZero tells whether the text of a number has no digit but zeros before its
// exponent.
func isZero(b []byte) bool {
	hex := bytes.ContainsAny(b, "xX")
	for _, c := range b {
		switch {
		case !hex && (c == 'e' || c == 'E'), c == 'p', c == 'P':
			return true
		case '1' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			return false
		}
	}
	return true
}

// parseScore reads a score, a weight or a coordinate.
func parseScore(b []byte) (score float64, ok bool) {
	score, exact, ok := parseNumber(b)
	return score, ok && exact
}

// scoreBound is one end of a range of scores.
type scoreBound struct {
	score float64
	open  bool // the score itself is outside
}

// parseScoreBound is more lenient than parseScore, as C's strtod is: blanks may
// stand in front, nothing is zero, what is too large is infinite, and a NUL byte
// ends the text.
func parseScoreBound(b []byte) (bound scoreBound, ok bool) {
	b, bound.open = bytes.CutPrefix(b, []byte("("))
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	if len(b) == 0 {
		return bound, true
	}
	bound.score, _, ok = parseNumber(bytes.TrimLeft(b, " \t\n\v\f\r"))
	return bound, ok
}

// scoreRange is a range of scores.
type scoreRange struct{ min, max scoreBound }

func parseScoreRange(low, high []byte) (r scoreRange, ok bool) {
	low1, ok1 := parseScoreBound(low)
	high1, ok2 := parseScoreBound(high)
	return scoreRange{low1, high1}, ok1 && ok2
}

// ranks gives the ranks from lo to below hi.
func (r scoreRange) ranks(z store.ZSet) (lo, hi int) {
	lo = z.CountBelow(r.min.score, r.min.open)
	hi = z.CountBelow(r.max.score, !r.max.open)
	return lo, max(lo, hi)
}

// lexBound is one end of a range of members.
type lexBound struct {
	member []byte
	open   bool // the member itself is outside
	end    int  // -1 or 1: before or behind every member
}

func parseLexBound(b []byte) (bound lexBound, ok bool) {
	if len(b) == 0 {
		return bound, false
	}
	switch b[0] {
	case '-', '+':
		bound.end = 1
		if b[0] == '-' {
			bound.end = -1
		}
		return bound, len(b) == 1 || b[1] == 0
	case '(', '[':
		bound.member, bound.open = b[1:], b[0] == '('
		return bound, true
	}
	return bound, false
}

// rank gives the number of members before the bound, with the one that is equal
// to it if that is asked for.
func (b lexBound) rank(z store.ZSet, withEqual bool) int {
	switch {
	case b.end < 0:
		return 0
	case b.end > 0:
		return z.Len()
	}
	return z.CountLexBelow(b.member, withEqual)
}

// lexRange is a range of members; it means something only where all scores are
// the same.
type lexRange struct{ min, max lexBound }

func parseLexRange(low, high []byte) (r lexRange, ok bool) {
	low1, ok1 := parseLexBound(low)
	high1, ok2 := parseLexBound(high)
	return lexRange{low1, high1}, ok1 && ok2
}

// ranks gives the ranks from lo to below hi.
func (r lexRange) ranks(z store.ZSet) (lo, hi int) {
	lo = r.min.rank(z, r.min.open)
	hi = r.max.rank(z, !r.max.open)
	return lo, max(lo, hi)
}

// rankRange is a range of ranks, both ends included; negative ones count from
// the end.
type rankRange struct{ start, stop int64 }

// ranks gives the ranks from lo to below hi.
func (r rankRange) ranks(z store.ZSet) (lo, hi int) {
	n := int64(z.Len())
	start, stop := r.start, r.stop
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop) + 1
}
