// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import "math"

// A place is kept as the number of the cell of a grid in which it lies: the bits
// of its longitude's and its latitude's part interleaved, the longitude's before
// the latitude's. With step bits of each there are 4^step cells. The latitudes
// near the poles are outside, as in the Mercator projection (EPSG:900913).

// point is a place, in degrees.
type point struct{ lon, lat float64 }

const (
	maxLon  = 180.0
	maxLat  = 85.05112878
	poleLat = 90.0

	// fineStep is how fine the grid of scores is: 52 bits are a whole number that
	// a score can hold.
	fineStep = 26
)

// inGrid tells whether the grid has a cell for a point.
func (p point) inGrid() bool {
	return -maxLon <= p.lon && p.lon <= maxLon && -maxLat <= p.lat && p.lat <= maxLat
}

// cell is a cell of the grid with so many steps; the zero cell is none.
type cell struct {
	bits uint64
	step uint
}

// cellAt finds the cell of a point in a grid whose latitudes go up to latLimit.
func cellAt(p point, step uint, latLimit float64) cell {
	parts := float64(uint64(1) << step)
	row := uint32((p.lat + latLimit) / (latLimit + latLimit) * parts)
	column := uint32((p.lon + maxLon) / (maxLon + maxLon) * parts)
	return cell{spread(row) | spread(column)<<1, step}
}

// score is the lowest score of a place in the cell.
func (c cell) score() float64 { return float64(c.bits << (2*fineStep - 2*c.step)) }

// scores are those of all places in the cell.
func (c cell) scores() scoreRange {
	next := cell{c.bits + 1, c.step}
	return scoreRange{min: scoreBound{score: c.score()}, max: scoreBound{score: next.score(), open: true}}
}

// area is what a cell covers.
type area struct{ min, max point }

func (c cell) area() area {
	parts := float64(uint64(1) << c.step)
	row, column := float64(gather(c.bits)), float64(gather(c.bits>>1))
	at := func(n, limit float64) float64 { return -limit + float64(n/parts*(limit+limit)) }
	return area{
		min: point{at(column, maxLon), at(row, maxLat)},
		max: point{at(column+1, maxLon), at(row+1, maxLat)},
	}
}

// pointOf is the place that a score stands for: the middle of its cell.
func pointOf(score float64) point {
	a := cell{uint64(score), fineStep}.area()
	return point{
		lon: max(-maxLon, min((a.min.lon+a.max.lon)/2, maxLon)),
		lat: max(-maxLat, min((a.min.lat+a.max.lat)/2, maxLat)),
	}
}

const (
	evenBits = 0x5555555555555555
	oddBits  = 0xaaaaaaaaaaaaaaaa
)

// neighbor is the cell so many columns to the east and rows to the north, each
// -1, 0 or 1. The grid goes on at its other side.
func (c cell) neighbor(east, north int) cell {
	unused := 64 - 2*c.step
	return cell{shift(c.bits, oddBits, unused, east) | shift(c.bits, evenBits, unused, north), c.step}
}

// shift moves the part of a cell's number that lies in the bits own by one, up or
// down. The gaps between them are filled with ones, or left zero, for the carry
// to pass.
func shift(bits, own uint64, unused uint, by int) uint64 {
	part, gaps := bits&own, ^own>>unused
	switch {
	case by > 0:
		return (part + gaps + 1) & (own >> unused)
	case by < 0:
		return ((part | gaps) - gaps - 1) & (own >> unused)
	}
	return part
}

// spread puts a zero bit before each bit of a number.
func spread(n uint32) uint64 {
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & evenBits
}

// gather is the opposite of spread; the bits in between are left out.
func gather(x uint64) uint32 {
	x &= evenBits
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// geohashAlphabet are the digits of the public form of a place
// (https://en.wikipedia.org/wiki/Geohash), which divides all latitudes.
const geohashAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

// geohash writes that form, of eleven digits. The last one is always the first of
// the alphabet: 52 bits are only enough for ten.
func (p point) geohash() [11]byte {
	bits := cellAt(p, fineStep, poleLat).bits
	var text [11]byte
	for i := range text {
		text[i] = geohashAlphabet[0]
		if i < 10 {
			text[i] = geohashAlphabet[bits>>(52-5*(i+1))&31]
		}
	}
	return text
}

const (
	earthRadius = 6372797.560856       // the quadratic mean, in metres
	radian      = 0.017453292519943295 // a degree
)

// latDistance is the distance of two parallels, in metres.
func latDistance(a, b float64) float64 {
	return earthRadius * math.Abs(float64(b*radian)-float64(a*radian))
}

// distance is that of two points along a great circle, in metres.
func distance(a, b point) float64 { return haversine(a, b, math.Sin, math.Cos, math.Asin) }

// exactDistance is the same to the last digit of Redis's, and takes ten times as
// long.
func exactDistance(a, b point) float64 { return haversine(a, b, exactSin, exactCos, exactAsin) }

func haversine(a, b point, sin, cos, asin func(float64) float64) float64 {
	v := sin((float64(b.lon*radian) - float64(a.lon*radian)) / 2)
	if v == 0 {
		return latDistance(a.lat, b.lat)
	}
	lat1, lat2 := a.lat*radian, b.lat*radian
	u := sin((lat2 - lat1) / 2)
	return 2 * earthRadius * asin(math.Sqrt(float64(u*u)+float64(cos(lat1)*cos(lat2)*v*v)))
}
