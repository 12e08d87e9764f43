// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// notation is how a number is written.
type notation uint8

const (
	decimal         notation = iota
	memory                   // bytes, with units
	memoryOrPercent          // the same, or n%, kept as -n
	octal
)

// number is an integer in a range. It is carried as int64; where unsigned is
// set, the bits are a uint64.
type number struct {
	load     func(*Values) int64
	store    func(*Values, int64)
	lo, hi   int64
	def      int64
	written  notation
	unsigned bool
	fix      func(int64) int64 // quietly brings a value into a narrower range; may be nil
	check    func(int64) error // may be nil
}

type integer interface {
	~int | ~int64 | ~uint64
}

func num[T integer](name string, lo, hi, def int64, at func(*Values) *T) directive {
	return directive{name: name, kind: &number{
		load:  func(v *Values) int64 { return int64(*at(v)) },
		store: func(v *Values, n int64) { *at(v) = T(n) },
		lo:    lo, hi: hi, def: def,
	}}
}

func heldNum(name string, lo, hi, def int64) directive {
	return directive{name: name, kind: &number{lo: lo, hi: hi, def: def}}
}

// period is a duration, written as a number of units. What exceeds the range
// of time.Duration (292 years) is cut down to it.
func period(name string, unit time.Duration, lo, hi, def int64, at func(*Values) *time.Duration) directive {
	most := math.MaxInt64 / int64(unit)
	return directive{name: name, kind: &number{
		load:  func(v *Values) int64 { return int64(*at(v) / unit) },
		store: func(v *Values, n int64) { *at(v) = time.Duration(n) * unit },
		lo:    lo, hi: hi, def: def,
		fix: func(n int64) int64 { return max(min(n, most), -most) },
	}}
}

// in sets the notation of a row whose kind is number.
func (d directive) in(n notation) directive {
	d.kind.(*number).written = n
	return d
}

func (d directive) asUnsigned() directive {
	d.kind.(*number).unsigned = true
	return d
}

func (n *number) hold(s *heldSlots) {
	if n.load != nil {
		return
	}
	at := s.number()
	n.load = func(v *Values) int64 { return *at(v) }
	n.store = func(v *Values, x int64) { *at(v) = x }
}

func (n *number) init(v *Values) { n.store(v, n.def) }

func (n *number) set(v *Values, args []string, _ *loadState) error {
	x, err := n.parse(args[0])
	if err != nil {
		return err
	}
	if err := n.inRange(x); err != nil {
		return err
	}
	if n.check != nil {
		if err := n.check(x); err != nil {
			return err
		}
	}
	if n.fix != nil {
		x = n.fix(x)
	}
	n.store(v, x)
	return nil
}

func (n *number) parse(s string) (int64, error) {
	switch n.written {
	case memory, memoryOrPercent:
		if x, ok := ParseMemory(s); ok {
			return int64(x), nil
		}
		if n.written == memory {
			return 0, refusal("argument must be a memory value")
		}
		if digits, ok := strings.CutSuffix(s, "%"); ok {
			if x, ok := resp.ParseInt([]byte(digits)); ok && x >= 0 {
				return -x, nil
			}
		}
		return 0, refusal("argument must be a memory or percent value")
	case octal:
		x, err := strconv.ParseInt(s, 8, 64)
		if err != nil {
			return 0, refusal("argument couldn't be parsed as an octal number")
		}
		return x, nil
	}
	x, ok := resp.ParseInt([]byte(s))
	if !ok {
		return 0, refusal("argument couldn't be parsed into an integer")
	}
	return x, nil
}

func (n *number) inRange(x int64) error {
	switch {
	case n.unsigned:
		if uint64(x) >= uint64(n.lo) && uint64(x) <= uint64(n.hi) {
			return nil
		}
		if n.written == octal {
			return fmt.Errorf("argument must be between %o and %o inclusive", uint64(n.lo), uint64(n.hi))
		}
		return fmt.Errorf("argument must be between %d and %d inclusive", uint64(n.lo), uint64(n.hi))
	case n.written == memoryOrPercent && x < 0:
		if x < n.lo {
			return fmt.Errorf("percentage argument must be less or equal to %d", -n.lo)
		}
	case x < n.lo || x > n.hi:
		return fmt.Errorf("argument must be between %d and %d inclusive", n.lo, n.hi)
	}
	return nil
}

func (n *number) get(v *Values) string {
	x := n.load(v)
	switch {
	case n.written == memoryOrPercent && x < 0:
		return strconv.FormatInt(-x, 10) + "%"
	case n.written == memory || n.written == memoryOrPercent:
		return strconv.FormatUint(uint64(x), 10)
	case n.written == octal:
		return strconv.FormatInt(x, 8)
	}
	return strconv.FormatInt(x, 10)
}

func (n *number) lines(v, _ *Values) []fileLine {
	x := n.load(v)
	args := n.get(v)
	if n.written == memory || n.written == memoryOrPercent && x >= 0 {
		args = formatMemory(uint64(x))
	}
	return []fileLine{{args, x != n.def}}
}

// ParseMemory reads an amount of memory in bytes: digits and one of the units
// b, k, kb, m, mb, g, gb in any case; those with a b are powers of 1024, those
// without powers of 1000. No digits at all are zero, as Redis has it.
func ParseMemory(s string) (uint64, bool) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	var unit uint64
	switch strings.ToLower(s[digits:]) {
	case "", "b":
		unit = 1
	case "k":
		unit = 1000
	case "kb":
		unit = 1 << 10
	case "m":
		unit = 1000 * 1000
	case "mb":
		unit = 1 << 20
	case "g":
		unit = 1000 * 1000 * 1000
	case "gb":
		unit = 1 << 30
	default:
		return 0, false
	}
	if digits == 0 {
		return 0, true
	}
	n, err := strconv.ParseUint(s[:digits], 10, 64)
	if err != nil || n > math.MaxUint64/unit {
		return 0, false
	}
	return n * unit, true
}

// formatMemory writes bytes in the largest unit that divides them.
func formatMemory(n uint64) string {
	for _, u := range []struct {
		size uint64
		name string
	}{{1 << 30, "gb"}, {1 << 20, "mb"}, {1 << 10, "kb"}} {
		if n != 0 && n%u.size == 0 {
			return strconv.FormatUint(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}
