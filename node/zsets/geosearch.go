// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"cmp"
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

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
