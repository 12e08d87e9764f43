// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import "math"

// A distance that is stored has to be the same number on a Redis and on replicas
// of it that are not: Redis sends the command, not its result. The C library's
// sine is the nearest float64 to the true one in all but rare cases; package
// math's is often off by one. So stored distances are computed with twice the
// precision. Those that are only looked at need not be.

// wide is a number of about 106 bits: the sum of two, of which the second is at
// most half a unit in the last place of the first.
type wide struct{ hi, lo float64 }

var one = wide{hi: 1}

// normal is the wide sum of two numbers.
func normal(a, b float64) wide {
	sum := a + b
	part := sum - a
	return wide{sum, (a - (sum - part)) + (b - part)}
}

func (a wide) minus(b wide) wide {
	d := normal(a.hi, -b.hi)
	return normal(d.hi, d.lo+(a.lo-b.lo))
}

func (a wide) times(b wide) wide {
	p := a.hi * b.hi
	return normal(p, math.FMA(a.hi, b.hi, -p)+(a.hi*b.lo+a.lo*b.hi))
}

func (a wide) over(n float64) wide {
	q := a.hi / n
	return normal(q, (math.FMA(-q, n, a.hi)+a.lo)/n)
}

func (a wide) twice() wide { return wide{2 * a.hi, 2 * a.lo} }

// sinCos computes both for an angle of up to a full turn: the series of an eighth
// of it, and three times the double angle.
func sinCos(angle float64) (sin, cos wide) {
	const lastTerm = 26 // the first one that is left out is below 2^-106
	x := wide{hi: angle / 8}
	square := x.times(x)
	sin, cos = one, one
	for n := float64(lastTerm); n > 0; n -= 2 {
		sin = one.minus(square.times(sin).over(n * (n + 1)))
		cos = one.minus(square.times(cos).over((n - 1) * n))
	}
	sin = sin.times(x)
	for range 3 {
		sin, cos = sin.times(cos).twice(), one.minus(sin.times(sin).twice())
	}
	return sin, cos
}

func exactSin(angle float64) float64 {
	sin, _ := sinCos(angle)
	return sin.hi
}

func exactCos(angle float64) float64 {
	_, cos := sinCos(angle)
	return cos.hi
}

// exactAsin corrects the nearby result by one step of Newton's.
func exactAsin(x float64) float64 {
	near := math.Asin(x)
	sin, cos := sinCos(near)
	return near + ((x-sin.hi)-sin.lo)/cos.hi
}
