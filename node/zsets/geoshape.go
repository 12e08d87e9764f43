// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"math"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// shape is a circle or, with edges along meridians and parallels, a rectangle.
type shape struct {
	center        point
	box           bool
	radius        float64 // in units
	width, height float64 // in units
	unit          float64 // metres
}

// distance tells whether a place is inside and how far from the centre, in
// metres.
func (s *shape) distance(p point) (d float64, inside bool) {
	if s.box {
		if latDistance(p.lat, s.center.lat) > s.height*s.unit/2 ||
			distance(p, point{s.center.lon, p.lat}) > s.width*s.unit/2 {
			return 0, false
		}
		return distance(s.center, p), true
	}
	d = distance(s.center, p)
	outside := d > s.radius*s.unit // which what is no number is not, as in Redis
	return d, !outside
}

// bounds is an area around the shape.
func (s *shape) bounds() area {
	height, width := s.unit*s.radius, s.unit*s.radius
	if s.box {
		height, width = s.unit*(s.height/2), s.unit*(s.width/2)
	}
	lat, lon := s.center.lat, s.center.lon
	latDelta := height / earthRadius / radian
	nearPole := lat + latDelta // meridians are closest there
	if lat < 0 {
		nearPole = lat - latDelta
	}
	lonDelta := width / earthRadius / math.Cos(nearPole*radian) / radian
	return area{point{lon - lonDelta, lat - latDelta}, point{lon + lonDelta, lat + latDelta}}
}

// mercatorMax is half of the equator in the Mercator projection, in metres.
const mercatorMax = 20037726.37

// coarseness estimates the step at which nine cells cover a circle.
func coarseness(radius, lat float64) uint {
	if radius == 0 {
		return fineStep
	}
	step := 1
	for ; radius < mercatorMax; radius *= 2 {
		step++
	}
	step -= 2
	if lat > 66 || lat < -66 {
		step-- // cells are narrow there
		if lat > 80 || lat < -80 {
			step--
		}
	}
	return uint(max(1, min(step, fineStep)))
}

// cells are the centre's and its neighbours, as far as they can hold something of
// the shape, in Redis's order: it shows where COUNT goes with ANY.
func (s *shape) cells() []cell {
	radius := s.radius
	if s.box {
		radius = math.Sqrt(s.width/2*(s.width/2) + s.height/2*(s.height/2))
	}
	step := coarseness(radius*s.unit, s.center.lat)
	bounds := s.bounds()
	c := cellAt(s.center, step, maxLat)
	if step > 1 && !c.coversAround(bounds) {
		step--
		c = cellAt(s.center, step, maxLat)
	}
	at := c.area()
	cells := []cell{c}
	for _, n := range [8]struct{ east, north int }{{0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}} {
		if step >= 2 && (n.north < 0 && at.min.lat < bounds.min.lat || n.north > 0 && at.max.lat > bounds.max.lat ||
			n.east < 0 && at.min.lon < bounds.min.lon || n.east > 0 && at.max.lon > bounds.max.lon) {
			continue
		}
		// With few cells a neighbour can be the same one as that before.
		if last := len(cells) - 1; last > 0 && cells[last] == c.neighbor(n.east, n.north) {
			continue
		}
		cells = append(cells, c.neighbor(n.east, n.north))
	}
	return cells
}

// coversAround tells whether the cells around one reach as far as an area.
func (c cell) coversAround(a area) bool {
	short := c.neighbor(0, 1).area().max.lat < a.max.lat || c.neighbor(0, -1).area().min.lat > a.min.lat ||
		c.neighbor(1, 0).area().max.lon < a.max.lon || c.neighbor(-1, 0).area().min.lon > a.min.lon
	return !short // nothing is shorter than what is no number
}

// place is a member that was found.
type place struct {
	item
	point
	distance float64 // metres
}

// find keeps the members inside the shape, at most limit unless that is 0.
func (s *shape) find(ctx *command.Context, z store.ZSet, limit int64) (places []place) {
	for _, c := range s.cells() {
		lo, hi := c.scores().ranks(z)
		for member, score := range (run{from: lo, n: hi - lo}).members(z) {
			p := pointOf(score)
			if d, inside := s.distance(p); inside {
				places = append(places, place{item{ctx.Keep(member), score}, p, d})
			}
			if limit > 0 && int64(len(places)) >= limit {
				return places
			}
		}
	}
	return places
}
