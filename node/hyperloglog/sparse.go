// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import "slices"

// The sparse form is runs of registers that hold the same, from the first
// register to the last:
//
//	00nnnnnn           n+1 registers of zero
//	01nnnnnn nnnnnnnn  n+1 registers of zero
//	1vvvvvnn           n+1 registers of v+1
//
// Which of the possible runs are there depends on the order in which the
// elements came, and is Redis's.
type run struct {
	value  byte
	length int // registers
	size   int // bytes
}

const (
	longZeros  = 0x40
	values     = 0x80
	zerosMost  = 64 // registers of a short run of zeros
	valueMost  = 32 // what a run can hold
	valuesMost = 4  // registers of a run that are not zero
)

// decode reads the first run of b. One that is cut off reads as if a zero
// followed, as it does in Redis.
func decode(b []byte) run {
	switch c := b[0]; {
	case c&values != 0:
		return run{value: c>>2&31 + 1, length: int(c&3) + 1, size: 1}
	case c&longZeros != 0:
		n := int(c&63) << 8
		if len(b) > 1 {
			n |= int(b[1])
		}
		return run{length: n + 1, size: 2}
	default:
		return run{length: int(c) + 1, size: 1}
	}
}

// appendRun appends the run of so many registers, none for none.
func appendRun(b []byte, value byte, length int) []byte {
	switch {
	case length == 0:
		return b
	case value != 0:
		return append(b, values|(value-1)<<2|byte(length-1))
	case length > zerosMost:
		return append(b, longZeros|byte((length-1)>>8), byte(length-1))
	}
	return append(b, byte(length-1))
}

// runs calls visit for each run, with its first register. It stops at a run
// that goes beyond the last one, and tells whether it met every register once.
func (s sketch) runs(visit func(first int, r run)) (whole bool) {
	first := 0
	for b := s[headerSize:]; len(b) > 0; {
		r := decode(b)
		if first+r.length > registers {
			return false
		}
		visit(first, r)
		first += r.length
		b = b[min(r.size, len(b)):]
	}
	return first == registers
}

// setSparse raises a register of the sparse form. A rank that it cannot hold, or
// a sketch that would become longer than limit bytes, makes it dense. ok is false
// when the sketch is corrupted.
func (s sketch) setSparse(register int, rank byte, limit int) (_ sketch, changed, ok bool) {
	if rank > valueMost {
		return s.promote(register, rank)
	}
	before, at, first := headerSize, headerSize, 0
	var r run
	for {
		if at >= len(s) {
			return s, false, false
		}
		if r = decode(s[at:]); register < first+r.length {
			break
		}
		before = at
		at += r.size
		first += r.length
	}
	if at+r.size > len(s) {
		return s, false, false
	}
	if r.value >= rank {
		return s, false, true
	}
	var room [5]byte
	parts := appendRun(room[:0], r.value, register-first)
	parts = appendRun(parts, rank, 1)
	parts = appendRun(parts, r.value, first+r.length-1-register)
	if more := len(parts) - r.size; more > 0 && len(s)+more > limit {
		return s.promote(register, rank)
	}
	s = slices.Replace(s, at, at+r.size, parts...)
	return s.join(before), true, true
}

// join joins runs of the same value, as far as Redis does: it looks at five
// runs, beginning with the one before the change.
func (s sketch) join(at int) sketch {
	for looks := 5; at < len(s) && looks > 0; looks-- {
		r := decode(s[at:])
		if r.value != 0 && at+1 < len(s) {
			next := decode(s[at+1:])
			if both := r.length + next.length; next.value == r.value && both <= valuesMost {
				appendRun(s[:at], r.value, both) // over the first of the two
				s = slices.Delete(s, at+1, at+2)
				continue
			}
		}
		at += r.size
	}
	return s
}

// promote makes a sparse sketch dense and raises a register.
func (s sketch) promote(register int, rank byte) (_ sketch, changed, ok bool) {
	dense, ok := s.dense()
	if !ok {
		return s, false, false
	}
	dense.setDense(register, rank)
	return dense, true, true
}

// dense is the dense form of a sparse sketch, the cache with it. ok is false when
// it is corrupted.
func (s sketch) dense() (_ sketch, ok bool) {
	d := make(sketch, denseSize)
	copy(d, s[:headerSize])
	d[formAt] = formDense
	whole := s.runs(func(first int, r run) {
		if r.value == 0 {
			return
		}
		for register := first; register < first+r.length; register++ {
			d.set(register, r.value)
		}
	})
	return d, whole
}
