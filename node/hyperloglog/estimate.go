// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import "math"

// histogram counts the registers by what they hold.
type histogram [64]int

// count estimates how many elements the sketch was given. ok is false when it is
// corrupted.
func (s sketch) count() (n uint64, ok bool) {
	var h histogram
	if !s.sparse() {
		h.addDense(s[headerSize:])
		return h.estimate(), true
	}
	if !h.addSparse(s) {
		return 0, false
	}
	return h.estimate(), true
}

func (h *histogram) addDense(b []byte) {
	for ; len(b) >= 3; b = b[3:] {
		four := uint(b[0]) | uint(b[1])<<8 | uint(b[2])<<16
		h[four&63]++
		h[four>>6&63]++
		h[four>>12&63]++
		h[four>>18&63]++
	}
}

// addSparse does not mind where the registers of a value lie, only how many
// there are, as Redis.
func (h *histogram) addSparse(s sketch) (whole bool) {
	n := 0
	for b := s[headerSize:]; len(b) > 0; {
		r := decode(b)
		h[r.value] += r.length
		n += r.length
		b = b[min(r.size, len(b)):]
	}
	return n == registers
}

// union is the registers of several sketches, the greatest of each.
type union [registers]byte

// add takes a sketch in. ok is false when it is corrupted.
func (u *union) add(s sketch) (ok bool) {
	if s.sparse() {
		return s.runs(func(first int, r run) {
			if r.value == 0 {
				return
			}
			for i := first; i < first+r.length; i++ {
				u[i] = max(u[i], r.value)
			}
		})
	}
	at := 0
	for b := s[headerSize:]; len(b) >= 3; b = b[3:] {
		four := uint(b[0]) | uint(b[1])<<8 | uint(b[2])<<16
		for i := range 4 {
			u[at+i] = max(u[at+i], byte(four>>(6*i)&63))
		}
		at += 4
	}
	return true
}

func (u *union) count() uint64 {
	var h histogram
	for _, v := range u {
		h[v]++
	}
	return h.estimate()
}

// estimate is Otmar Ertl's (New cardinality estimation algorithms for HyperLogLog
// sketches, arXiv:1702.01284). The products are rounded one by one, so that all
// machines come to the same number as Redis does.
func (h *histogram) estimate() uint64 {
	const (
		m        = float64(registers)
		alphaInf = 0.721347520444481703680 // 0.5/ln 2
	)
	z := m * tau((m-float64(h[rankMost]))/m)
	for i := rankMost - 1; i >= 1; i-- {
		z += float64(h[i])
		z *= 0.5
	}
	z += float64(m * sigma(float64(h[0])/m))
	if z == 0 {
		return 1 << 63 // of registers that no element leads to; C's conversion makes this of infinity
	}
	return uint64(math.Round(alphaInf * m * m / z))
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for before := math.NaN(); z != before; {
		x *= x
		before = z
		z += float64(x * y)
		y += y
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for before := math.NaN(); z != before; {
		x = math.Sqrt(x)
		before = z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
	}
	return z / 3
}
