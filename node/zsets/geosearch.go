// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"cmp"
	"math"
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
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
	return d, d <= s.radius*s.unit
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

// search is one call of GEOSEARCH, GEORADIUS or their kin.
type search struct {
	z     store.ZSet
	found bool
	shape

	modern   bool   // GEOSEARCH and GEOSEARCHSTORE: the words tell centre and shape
	stores   bool   // GEOSEARCHSTORE
	readOnly bool   // GEORADIUS_RO and GEORADIUSBYMEMBER_RO
	target   []byte // nil: answer

	withDist, withHash, withCoord    bool
	fromMember, fromPoint, byRadius  bool
	ascending, descending, any, dist bool // dist: store distances
	count                            int64
}

func geoRadius(ctx *command.Context)           { (&search{}).radiusAround(ctx, 6) }
func geoRadiusRO(ctx *command.Context)         { (&search{readOnly: true}).radiusAround(ctx, 6) }
func geoRadiusByMember(ctx *command.Context)   { (&search{}).radiusAround(ctx, 5) }
func geoRadiusByMemberRO(ctx *command.Context) { (&search{readOnly: true}).radiusAround(ctx, 5) }

// radiusAround is GEORADIUS, or GEORADIUSBYMEMBER whose fixed arguments are one
// less. A sorted set that is not there leaves a member's radius unread.
func (s *search) radiusAround(ctx *command.Context, fixedArgs int) {
	var ok bool
	if s.z, s.found, ok = toRead(ctx, ctx.Argv[1]); !ok {
		return
	}
	text := ""
	member := fixedArgs == 5
	if !member {
		s.center, text = parsePoint(ctx.Argv[2:])
	} else if s.found {
		text = s.centerOn(ctx.Argv[2])
	}
	if text == "" && (!member || s.found) {
		text = s.parseRadius(ctx.Argv[fixedArgs-2:])
	}
	if text == "" {
		text = s.parseWords(ctx.Argv[fixedArgs:])
	}
	s.run(ctx, text)
}

func geoSearch(ctx *command.Context) { (&search{modern: true}).search(ctx, ctx.Argv[1:]) }
func geoSearchStore(ctx *command.Context) {
	(&search{modern: true, stores: true, target: ctx.Argv[1]}).search(ctx, ctx.Argv[2:])
}

// search is GEOSEARCH from its key on.
func (s *search) search(ctx *command.Context, args [][]byte) {
	var ok bool
	if s.z, s.found, ok = toRead(ctx, args[0]); !ok {
		return
	}
	s.run(ctx, s.parseWords(args[1:]))
}

// centerOn puts the centre where a member is.
func (s *search) centerOn(member []byte) (text string) {
	var there bool
	if s.center, there = placeOf(s.z, s.found, member); !there {
		return "ERR could not decode requested zset member"
	}
	return ""
}

func (s *search) parseRadius(args [][]byte) (text string) {
	var ok bool
	s.radius, ok = parseScore(args[0])
	switch {
	case !ok:
		return "ERR need numeric radius"
	case s.radius < 0:
		return "ERR radius cannot be negative"
	}
	s.unit, text = parseUnit(args[1])
	return text
}

func (s *search) parseBox(args [][]byte) (text string) {
	var ok bool
	if s.width, ok = parseScore(args[0]); !ok {
		return "ERR need numeric width"
	}
	if s.height, ok = parseScore(args[1]); !ok {
		return "ERR need numeric height"
	}
	if s.width < 0 || s.height < 0 {
		return "ERR height or width cannot be negative"
	}
	s.unit, text = parseUnit(args[2])
	s.box = true
	return text
}

func (s *search) parseWords(words [][]byte) (text string) {
	for len(words) > 0 {
		used := s.flag(words[0])
		if used == 0 {
			if used, text = s.option(words); text != "" {
				return text
			}
		}
		words = words[used:]
	}
	return ""
}

// flag takes a word without arguments and returns 1, or 0 for anything else.
func (s *search) flag(word []byte) (used int) {
	switch {
	case is(word, "WITHDIST"):
		s.withDist = true
	case is(word, "WITHHASH"):
		s.withHash = true
	case is(word, "WITHCOORD"):
		s.withCoord = true
	case is(word, "ANY"):
		s.any = true
	case is(word, "ASC"):
		s.ascending, s.descending = true, false
	case is(word, "DESC"):
		s.ascending, s.descending = false, true
	case is(word, "STOREDIST") && s.stores:
		s.dist = true
	default:
		return 0
	}
	return 1
}

// option takes the first word with its arguments.
func (s *search) option(words [][]byte) (used int, text string) {
	word, args := words[0], words[1:]
	mayStore := !s.modern && !s.readOnly && len(args) > 0
	switch {
	case is(word, "COUNT") && len(args) > 0:
		var ok bool
		if s.count, ok = resp.ParseInt(args[0]); !ok {
			return 0, command.ErrNotInteger
		}
		if s.count <= 0 {
			return 0, "ERR COUNT must be > 0"
		}
		return 2, ""
	case mayStore && (is(word, "STORE") || is(word, "STOREDIST")):
		s.target, s.dist = args[0], is(word, "STOREDIST")
		return 2, ""
	case !s.modern:
	case is(word, "FROMMEMBER") && len(args) > 0 && !s.fromPoint:
		s.fromMember = true
		if s.found {
			text = s.centerOn(args[0])
		}
		return 2, text
	case is(word, "FROMLONLAT") && len(args) > 1 && !s.fromMember:
		s.fromPoint = true
		s.center, text = parsePoint(args)
		return 3, text
	case is(word, "BYRADIUS") && len(args) > 1 && !s.box:
		s.byRadius = true
		return 3, s.parseRadius(args)
	case is(word, "BYBOX") && len(args) > 2 && !s.byRadius:
		return 4, s.parseBox(args)
	}
	return 0, command.ErrSyntax
}

// check gives the error of words that do not go together.
func (s *search) check(name string) (text string) {
	switch {
	case s.target != nil && (s.withDist || s.withHash || s.withCoord):
		who := "STORE option in GEORADIUS"
		if s.stores {
			who = "GEOSEARCHSTORE"
		}
		return "ERR " + who + " is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	case s.modern && !s.fromMember && !s.fromPoint:
		return "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + name
	case s.modern && !s.byRadius && !s.box:
		return "ERR exactly one of BYRADIUS and BYBOX can be specified for " + name
	case s.any && s.count == 0:
		return "ERR the ANY argument requires COUNT argument"
	}
	return ""
}

// run searches, or answers with the error that parsing the call has given.
func (s *search) run(ctx *command.Context, text string) {
	if text == "" {
		text = s.check(string(ctx.Argv[0]))
	}
	if text != "" {
		ctx.Error(text)
		return
	}
	var places []place
	if s.found {
		limit := int64(0)
		if s.any {
			limit = s.count
		}
		places = s.sorted(s.find(ctx, s.z, limit))
	}
	if s.target != nil {
		s.store(ctx, places)
		return
	}
	ctx.Reply.ArrayLen(len(places))
	for i := range places {
		s.reply(ctx, &places[i])
	}
}

// sorted puts places in order and leaves out those beyond COUNT, which without
// ANY means the nearest.
func (s *search) sorted(places []place) []place {
	if s.ascending || s.count > 0 && !s.any && !s.descending {
		slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.distance, b.distance) })
	} else if s.descending {
		slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(b.distance, a.distance) })
	}
	if s.count > 0 {
		places = places[:min(int64(len(places)), s.count)]
	}
	return places
}

func (s *search) reply(ctx *command.Context, p *place) {
	extras := 0
	for _, with := range [3]bool{s.withDist, s.withHash, s.withCoord} {
		if with {
			extras++
		}
	}
	if extras > 0 {
		ctx.Reply.ArrayLen(1 + extras)
	}
	ctx.Reply.Bulk(p.member)
	if s.withDist {
		replyDistance(ctx, p.distance/s.unit)
	}
	if s.withHash {
		ctx.Reply.Int(int64(p.score))
	}
	if s.withCoord {
		replyPoint(ctx, p.point)
	}
}

// store puts the places, or their distances, under the target. Distances go onto
// the stream as they are: whoever computes them need not get the same last digit.
func (s *search) store(ctx *command.Context, places []place) {
	items := make([]item, len(places))
	for i, p := range places {
		if items[i] = p.item; s.dist {
			items[i].score = exactDistance(s.center, p.point) / s.unit
		}
	}
	event := "georadiusstore"
	if s.modern {
		event = "geosearchstore"
	}
	replaceWith(ctx, s.target, items, event)
	ctx.Changed(max(0, len(items)-1))
	ctx.Reply.Int(int64(len(items)))
	if s.dist && len(items) > 0 {
		argv := [][]byte{[]byte("ZADD"), s.target}
		for _, it := range items {
			argv = append(argv, resp.AppendDouble(nil, it.score), it.member)
		}
		ctx.Propagate([]byte("DEL"), s.target)
		ctx.Propagate(argv...)
	}
}
