// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets

import (
	"bytes"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// geoCommands are the commands of places.
func geoCommands() []command.Spec {
	const (
		read   = command.ReadOnly
		write  = command.Write | command.DenyOOM
		radius = "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index."
		search = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape"

		byRadius   = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"
		byMember   = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"
		byRadiusRO = "`GEOSEARCH` with the `BYRADIUS` argument"
		byMemberRO = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"
	)
	storing := func(from int) keySpecs {
		return keySpecs{{Flags: keyRead, Index: 1}, {Flags: keyStore, Keyword: "STORE", Index: from}, {Flags: keyStore, Keyword: "STOREDIST", Index: from}}
	}
	specs := []command.Spec{
		spec("geoadd", -5, write, first(keyUpdate), "3.2.0", "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
			"Add one or more geospatial items in the geospatial index represented using a sorted set", geoAdd),
		spec("geodist", -4, read, first(keyRead), "3.2.0", "O(log(N))", "Returns the distance between two members of a geospatial index", geoDist),
		spec("geohash", -2, read, first(keyRead), "3.2.0", "O(log(N)) for each member requested, where N is the number of elements in the sorted set.",
			"Returns members of a geospatial index as standard geohash strings", geoHash),
		spec("geopos", -2, read, first(keyRead), "3.2.0", "O(N) where N is the number of members requested.",
			"Returns longitude and latitude of members of a geospatial index", geoPos),
		replaced("6.2.0", byRadius, spec("georadius", -6, write|command.MovableKeys, storing(6), "3.2.0", radius,
			"Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a point", geoRadius)),
		replaced("6.2.0", byRadiusRO, spec("georadius_ro", -6, read, first(keyRead), "3.2.10", radius, "A read-only variant for GEORADIUS", geoRadiusRO)),
		replaced("6.2.0", byMember, spec("georadiusbymember", -5, write|command.MovableKeys, storing(5), "3.2.0", radius,
			"Query a sorted set representing a geospatial index to fetch members matching a given maximum distance from a member", geoRadiusByMember)),
		replaced("6.2.0", byMemberRO, spec("georadiusbymember_ro", -5, read, first(keyRead), "3.2.10", radius,
			"A read-only variant for GEORADIUSBYMEMBER", geoRadiusByMemberRO)),
		spec("geosearch", -7, read, first(keyRead), "6.2.0", search,
			"Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle.", geoSearch),
		spec("geosearchstore", -8, write, keySpecs{{Flags: keyStore, Index: 1}, {Flags: keyRead, Index: 2}}, "6.2.0", search,
			"Query a sorted set representing a geospatial index to fetch members inside an area of a box or a circle, and store the result in another key.", geoSearchStore),
	}
	for i := range specs {
		specs[i].Group, specs[i].Categories = "geo", command.CatGeo
	}
	return specs
}

// parsePoint reads a longitude and a latitude; text is the error to answer with.
func parsePoint(args [][]byte) (p point, text string) {
	var ok1, ok2 bool
	p.lon, ok1 = parseScore(args[0])
	p.lat, ok2 = parseScore(args[1])
	switch {
	case !ok1 || !ok2:
		return p, command.ErrNotFloat
	case !p.inGrid():
		b := append([]byte("ERR invalid longitude,latitude pair "), fixed(p.lon, 6)...)
		return p, string(append(append(b, ','), fixed(p.lat, 6)...))
	}
	return p, ""
}

// fixed writes a number as C's %.<digits>f does.
func fixed(f float64, digits int) []byte {
	if math.IsInf(f, 0) {
		b := strconv.AppendFloat(nil, f, 'f', -1, 64)
		return bytes.ToLower(bytes.TrimPrefix(b, []byte("+")))
	}
	return strconv.AppendFloat(nil, f, 'f', digits, 64)
}

// parseUnit reads a unit of length, in metres.
func parseUnit(arg []byte) (metres float64, text string) {
	switch {
	case is(arg, "m"):
		return 1, ""
	case is(arg, "km"):
		return 1000, ""
	case is(arg, "ft"):
		return 0.3048, ""
	case is(arg, "mi"):
		return 1609.34, ""
	}
	return 0, "ERR unsupported unit provided. please use M, KM, FT, MI"
}

// geoAdd is ZADD with places, and is that on the stream.
func geoAdd(ctx *command.Context) {
	args := ctx.Argv[2:]
	nx, xx := false, false
	for ; len(args) > 0; args = args[1:] {
		switch {
		case is(args[0], "NX"):
			nx = true
			continue
		case is(args[0], "XX"):
			xx = true
			continue
		case is(args[0], "CH"):
			continue
		}
		break
	}
	if len(args)%3 != 0 || nx && xx {
		ctx.Error(command.ErrSyntax)
		return
	}
	words := len(ctx.Argv) - len(args)
	argv := append(make([][]byte, 0, words+len(args)/3*2), ctx.Argv[:words]...)
	argv[0] = []byte("ZADD")
	for ; len(args) > 0; args = args[3:] {
		p, text := parsePoint(args)
		if text != "" {
			ctx.Error(text)
			return
		}
		var digits [20]byte
		score := strconv.AppendUint(digits[:0], cellAt(p, fineStep, maxLat).bits, 10)
		argv = append(argv, ctx.Keep(score), args[2])
	}
	if addWith(ctx, argv, addOptions{}) > 0 {
		ctx.Propagate(argv...)
	}
}

func geoDist(ctx *command.Context) {
	unit := 1.0
	switch {
	case len(ctx.Argv) == 5:
		var text string
		if unit, text = parseUnit(ctx.Argv[4]); text != "" {
			ctx.Error(text)
			return
		}
	case len(ctx.Argv) > 5:
		ctx.Error(command.ErrSyntax)
		return
	}
	z, found, ok := toRead(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	if found {
		a, there1 := z.Score(ctx.Argv[2])
		b, there2 := z.Score(ctx.Argv[3])
		if there1 && there2 {
			replyDistance(ctx, distance(pointOf(a), pointOf(b))/unit)
			return
		}
	}
	ctx.Reply.Null()
}

// replyDistance writes a distance with four digits behind the point, as a string
// in either protocol.
func replyDistance(ctx *command.Context, d float64) {
	const parts = 10000
	n := int64(math.RoundToEven(d * parts))
	text := strconv.AppendInt(nil, n/parts, 10)
	tail := strconv.AppendInt(nil, parts+n%parts, 10) // a 1 in front keeps the zeros
	tail[0] = '.'
	ctx.Reply.Bulk(append(text, tail...))
}

func geoHash(ctx *command.Context) {
	eachPlace(ctx, func(p point) {
		text := p.geohash()
		ctx.Reply.Bulk(text[:])
	}, ctx.Reply.Null)
}

func geoPos(ctx *command.Context) {
	eachPlace(ctx, func(p point) { replyPoint(ctx, p) }, ctx.Reply.NullArray)
}

// eachPlace answers for each member that the call names, by one of the
// functions.
func eachPlace(ctx *command.Context, reply func(point), missing func()) {
	z, found, ok := toRead(ctx, ctx.Argv[1])
	if !ok {
		return
	}
	ctx.Reply.ArrayLen(len(ctx.Argv) - 2)
	for _, member := range ctx.Argv[2:] {
		if p, there := placeOf(z, found, member); there {
			reply(p)
		} else {
			missing()
		}
	}
}

// placeOf looks up where a member is.
func placeOf(z store.ZSet, found bool, member []byte) (p point, there bool) {
	if !found {
		return p, false
	}
	score, there := z.Score(member)
	return pointOf(score), there
}

// replyPoint writes a longitude and a latitude, as doubles in protocol 3, with up
// to 17 digits behind the point and never in exponents.
func replyPoint(ctx *command.Context, p point) {
	ctx.Reply.ArrayLen(2)
	for _, f := range [2]float64{p.lon, p.lat} {
		text := bytes.TrimSuffix(bytes.TrimRight(fixed(f, 17), "0"), []byte("."))
		if string(text) == "-0" {
			text = text[1:]
		}
		if ctx.Reply.Protocol() == 2 {
			ctx.Reply.Bulk(text)
			continue
		}
		ctx.Reply.RawString(",")
		ctx.Reply.Raw(text)
		ctx.Reply.RawString("\r\n")
	}
}
