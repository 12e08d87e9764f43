// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package glob matches Redis's patterns, those of KEYS, SCAN MATCH, CONFIG GET
// and PSUBSCRIBE: ? is any byte, * any bytes, [a-c] and [^a-c] one byte of a
// class, \ takes the next byte literally. Patterns and subjects are bytes, not
// text; every pattern means something, an unclosed class too.
//
// The corners are those of Redis 7.0 on x86-64 and tested against it: a range
// compares signed bytes; an escaped byte in a class is compared exactly even
// when case is folded; and no pattern but the empty one matches the empty
// subject, not even "*". (KEYS and SCAN treat a lone "*" as "no pattern".)
//
// The time is bounded by the product of the two lengths and no memory is
// taken, whatever the pattern.
package glob

type bytes interface{ ~string | ~[]byte }

// Match reports whether all of subject matches the pattern.
func Match[P, S bytes](pattern P, subject S) bool { return match(pattern, subject, false) }

// MatchFold is Match without regard to the case of ASCII letters.
func MatchFold[P, S bytes](pattern P, subject S) bool { return match(pattern, subject, true) }

// match remembers the last "*": on a mismatch it takes one more byte. Earlier
// ones need never be tried again, as what they could still give was not enough
// for the last one either.
func match[P, S bytes](pattern P, subject S, fold bool) bool {
	p, s := 0, 0
	star, from := -1, 0 // behind the last "*", and the subject from where it gave up
	for p < len(pattern) && s < len(subject) {
		if pattern[p] == '*' {
			for p < len(pattern) && pattern[p] == '*' {
				p++
			}
			if p == len(pattern) {
				return true
			}
			star, from = p, s
			continue
		}
		if next, ok := matchOne(pattern, p, subject[s], fold); ok {
			p, s = next, s+1
			for s == len(subject) && p < len(pattern) && pattern[p] == '*' {
				p++
			}
			if p == len(pattern) && s == len(subject) {
				return true
			}
			if p < len(pattern) && s < len(subject) {
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, s = star, from
	}
	return len(pattern) == 0 && len(subject) == 0
}

// matchOne matches one byte against the element of the pattern at p, which is
// no "*", and returns where the next element begins.
func matchOne[P bytes](pattern P, p int, c byte, fold bool) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchClass(pattern, p+1, c, fold)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, same(pattern[p], c, fold)
}

// matchClass matches one byte against the class whose inside begins at p.
func matchClass[P bytes](pattern P, p int, c byte, fold bool) (next int, ok bool) {
	negated := p < len(pattern) && pattern[p] == '^'
	if negated {
		p++
	}
	found := false
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch left := len(pattern) - p; {
		case pattern[p] == '\\' && left >= 2:
			p++
			found = found || pattern[p] == c
		case left >= 3 && pattern[p+1] == '-':
			found = found || inRange(pattern[p], pattern[p+2], c, fold)
			p += 2
		default:
			found = found || same(pattern[p], c, fold)
		}
	}
	return min(p+1, len(pattern)), found != negated
}

func inRange(lo, hi, c byte, fold bool) bool {
	if int8(lo) > int8(hi) {
		lo, hi = hi, lo
	}
	if fold {
		lo, hi, c = lower(lo), lower(hi), lower(c)
	}
	return int8(c) >= int8(lo) && int8(c) <= int8(hi)
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
