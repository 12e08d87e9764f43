// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/redistest"
)

func TestGeo(t *testing.T) {
	inForms(t, families, `
		GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
		GEOADD g NX 0 0 Palermo 1 1 new
		GEOADD g XX CH 2 2 new 3 3 newer
		GEOADD g CH 2 2 new
		GEOADD g nx xx 1 1 a
		GEOADD g 1 1
		GEOADD g 1 1 a 2
		GEOADD g CH NX CH
		GEOADD g x 1 a
		GEOADD g 1 x a
		GEOADD g 181 1 a
		GEOADD g 1 86 a
		GEOADD g -180.5 -85.5 a
		GEOADD g inf -inf a
		GEOADD g nan 1 a
		GEOADD g 1e300 1 a
		GEOADD g 180 85.05112878 corner -180 -85.05112878 other 0 0 zero
		ZRANGE g 0 -1 WITHSCORES
		SET s v
		GEOADD s 1 1 a
		GEOADD s x 1 a
		GEOPOS g Palermo nope corner other zero
		GEOPOS nope a b
		GEOPOS g
		GEOPOS s a
		GEOHASH g Palermo Catania nope corner other zero
		GEOHASH nope a
		GEOHASH g
		GEOHASH s a
		GEODIST g Palermo Catania
		GEODIST g Palermo Catania m
		GEODIST g Palermo Catania KM
		GEODIST g Palermo Catania mi
		GEODIST g Palermo Catania ft
		GEODIST g Palermo Catania miles
		GEODIST g Palermo Catania m x
		GEODIST g Palermo Palermo
		GEODIST g Palermo nope
		GEODIST nope a b
		GEODIST nope a b miles
		GEODIST s a b
		GEODIST g corner other
		ZADD odd 1 a 4503599627370496 b 1.5 c 4503599627370495 d
		GEOPOS odd a b c d
		GEOHASH odd a b c d
		GEODIST odd a d
		GEODIST odd a b
	`)
}

func TestGeoRadius(t *testing.T) {
	inForms(t, families, `
		GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1 17.241510 38.788135 edge2
		SET s v
		GEORADIUS g 15 37 200 km
		GEORADIUS g 15 37 200 km WITHDIST
		GEORADIUS g 15 37 200 km WITHCOORD
		GEORADIUS g 15 37 200 km WITHHASH
		GEORADIUS g 15 37 200 km WITHDIST WITHCOORD WITHHASH ASC
		GEORADIUS g 15 37 200 km DESC
		GEORADIUS g 15 37 200 km COUNT 1
		GEORADIUS g 15 37 200 km COUNT 1 DESC
		GEORADIUS g 15 37 200 km COUNT 1 ANY
		GEORADIUS g 15 37 200 km COUNT 10 ANY ASC
		GEORADIUS g 15 37 200 km ANY
		GEORADIUS g 15 37 200 km COUNT 0
		GEORADIUS g 15 37 200 km COUNT -1
		GEORADIUS g 15 37 200 km COUNT x
		GEORADIUS g 15 37 200 km COUNT
		GEORADIUS g 15 37 200 km FOO
		GEORADIUS g 15 37 200 km FROMMEMBER Palermo
		GEORADIUS g 15 37 200 miles
		GEORADIUS g 15 37 -200 km
		GEORADIUS g 15 37 x km
		GEORADIUS g x 37 200 km
		GEORADIUS g 15 100 200 km
		GEORADIUS g 15 37 0 m
		GEORADIUS g 15 37 1 m
		GEORADIUS g 15 37 1 m WITHDIST
		GEORADIUS g 15 37 inf m
		GEORADIUS g 15 37 1e308 km
		GEORADIUS g 15 37 20000 km ASC
		GEORADIUS nope 15 37 200 km
		GEORADIUS nope 15 37 200 km WITHDIST
		GEORADIUS nope 15 37 x km
		GEORADIUS nope 15 37 200 km FOO
		GEORADIUS s 15 37 200 km
		GEORADIUS s x 37 200 km
		GEORADIUS g 15 37 200 km STORE dst
		ZRANGE dst 0 -1 WITHSCORES
		GEORADIUS g 15 37 200 km STORE dst COUNT 1
		ZRANGE dst 0 -1 WITHSCORES
		GEORADIUS g 15 37 200 km STOREDIST dst
		ZRANGE dst 0 -1
		GEORADIUS g 15 37 200 km STORE dst WITHDIST
		GEORADIUS g 15 37 200 km STORE
		GEORADIUS g 15 37 1 m STORE dst
		EXISTS dst
		GEORADIUS g 15 37 200 km STORE s
		TYPE s
		SET s v
		GEORADIUS nope 15 37 200 km STORE s
		EXISTS s
		GEORADIUS_RO g 15 37 200 km ASC
		GEORADIUS_RO g 15 37 200 km STORE dst
		GEORADIUSBYMEMBER g Palermo 200 km ASC WITHDIST
		GEORADIUSBYMEMBER g nope 200 km
		GEORADIUSBYMEMBER g Palermo x km
		GEORADIUSBYMEMBER g Palermo 1 miles
		GEORADIUSBYMEMBER nope Palermo x miles
		GEORADIUSBYMEMBER nope Palermo 200 km FOO
		GEORADIUSBYMEMBER nope Palermo 200 km STORE dst
		GEORADIUSBYMEMBER g Palermo 200 km STORE dst
		ZRANGE dst 0 -1 WITHSCORES
		GEORADIUSBYMEMBER_RO g Palermo 200 km DESC
		GEORADIUSBYMEMBER_RO g Palermo 200 km STOREDIST dst
	`)
}

func TestGeoSearch(t *testing.T) {
	inForms(t, families, `
		GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1 17.241510 38.788135 edge2
		SET s v
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC
		GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST
		GEOSEARCH g FROMMEMBER Palermo BYBOX 400 400 km DESC WITHHASH
		GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km COUNT 1 ANY
		GEOSEARCH g FROMMEMBER nope BYRADIUS 200 km
		GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 15 37 BYRADIUS 200 km
		GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 200 km
		GEOSEARCH g FROMLONLAT 15 37 FROMLONLAT 14 37 BYRADIUS 200 km
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km BYBOX 400 400 km
		GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km BYRADIUS 200 km
		GEOSEARCH g BYBOX 400 400 km BYBOX 1 1 km
		GEOSEARCH g BYBOX 400 400 km ASC
		GEOSEARCH g FROMLONLAT 15 37 ASC ASC
		geosearch g FROMLONLAT 15 37 ASC ASC
		GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ANY
		GEOSEARCH g FROMLONLAT 15 37 BYBOX x 400 km
		GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 x km
		GEOSEARCH g FROMLONLAT 15 37 BYBOX -400 400 km
		GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 miles
		GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS x km
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS -1 km
		GEOSEARCH g FROMLONLAT 15 100 BYRADIUS 1 km
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km STORE dst
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km STOREDIST
		GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 0 km
		GEOSEARCH nope FROMLONLAT 15 37 BYRADIUS 200 km
		GEOSEARCH nope FROMMEMBER x BYRADIUS 200 km
		GEOSEARCH nope FROMMEMBER x BYRADIUS x km
		GEOSEARCH nope FROMMEMBER x ASC ASC ASC
		GEOSEARCH s FROMMEMBER x BYRADIUS x km
		GEOSEARCHSTORE dst g FROMLONLAT 15 37 BYBOX 400 400 km
		ZRANGE dst 0 -1 WITHSCORES
		GEOSEARCHSTORE dst g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST
		ZRANGE dst 0 -1
		GEOSEARCHSTORE dst g FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST
		GEOSEARCHSTORE dst g BYRADIUS 200 km ASC DESC ASC
		GEOSEARCHSTORE dst g FROMLONLAT 15 37 ASC DESC ASC
		GEOSEARCHSTORE dst nope FROMLONLAT 15 37 BYRADIUS 200 km
		EXISTS dst
		GEOSEARCHSTORE dst s FROMLONLAT 15 37 BYRADIUS 200 km
		GEOSEARCHSTORE g g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1
		ZRANGE g 0 -1 WITHSCORES
	`)
}

// TestRandomPlaces searches around random places, near the poles and across the
// date line too.
func TestRandomPlaces(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	place := func() string {
		lon, lat := r.Float64()*360-180, r.Float64()*170-85
		switch r.IntN(4) {
		case 0:
			lon = 180 - r.Float64()
		case 1:
			lat = 85 - r.Float64()*20
		}
		return fmt.Sprintf("%.*f %.*f", r.IntN(10), lon, r.IntN(10), lat)
	}
	var script strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&script, "GEOADD g %s m%d\n", place(), i)
	}
	for range 300 {
		from := "FROMLONLAT " + place()
		if r.IntN(2) == 0 {
			from = fmt.Sprintf("FROMMEMBER m%d", r.IntN(2000))
		}
		radius := r.ExpFloat64() * 1000
		by := fmt.Sprintf("BYRADIUS %.3f km", radius)
		if r.IntN(2) == 0 {
			by = fmt.Sprintf("BYBOX %.3f %.3f km", radius, r.ExpFloat64()*1000)
		}
		fmt.Fprintf(&script, "GEOSEARCH g %s %s ASC WITHDIST\nGEOSEARCH g %s %s WITHHASH WITHCOORD\n", from, by, from, by)
		fmt.Fprintf(&script, "GEOSEARCH g %s %s COUNT %d ANY\n", from, by, 1+r.IntN(20))
		fmt.Fprintf(&script, "GEOSEARCHSTORE dst g %s %s\n", from, by)
		fmt.Fprintf(&script, "GEOHASH g m%d m%d\nGEODIST g m%d m%d\n", r.IntN(2000), r.IntN(2000), r.IntN(2000), r.IntN(2000))
	}
	fmt.Fprintln(&script, "DEBUG DIGEST")
	difftest.RunStream(t, families, script.String())
}

// TestStoredDistances compares distances that are stored to the last digit. Less
// than one in a hundred may have another one: the C library rounds the wrong way,
// if ever so rarely.
func TestStoredDistances(t *testing.T) {
	node, redis := difftest.StartNode(t, families), redistest.Start(t, t.TempDir())
	client := node.Dial(t)
	r := rand.New(rand.NewPCG(6, 6))
	const places = 1000
	add := []string{"GEOADD", "g"}
	for i := range places {
		add = append(add, fmt.Sprintf("%.6f", r.Float64()*360-180), fmt.Sprintf("%.6f", r.Float64()*170-85), fmt.Sprintf("m%d", i))
	}
	client.Ask(t, add...)
	redis.Do(add...)
	for _, shape := range []string{"BYRADIUS 30000 km", "BYRADIUS 3000 mi", "BYBOX 20000 9000 km"} {
		line := "GEOSEARCHSTORE dst g FROMLONLAT 15.1 37.7 " + shape + " STOREDIST"
		client.Ask(t, strings.Fields(line)...)
		redis.Do(strings.Fields(line)...)
		got := client.Ask(t, "ZRANGE", "dst", "0", "-1", "WITHSCORES").Elems
		want := redis.Do("ZRANGE", "dst", "0", "-1", "WITHSCORES").Elems
		if len(got) != len(want) || len(got) < places/10 {
			t.Fatalf("%s: %d elements, Redis has %d", shape, len(got), len(want))
		}
		different := 0
		for i := 0; i < len(got); i += 2 {
			a, errA := strconv.ParseFloat(got[i+1].Str, 64)
			b, errB := strconv.ParseFloat(want[i+1].Str, 64)
			if errA != nil || errB != nil || got[i].Str != want[i].Str || math.Abs(a-b) > b*1e-15 {
				t.Fatalf("%s: %s is at %s, Redis has %s at %s", shape, got[i].Str, got[i+1].Str, want[i].Str, want[i+1].Str)
			}
			if a != b {
				different++
			}
		}
		if different > len(got)/200 {
			t.Errorf("%s: %d of %d distances have another last digit", shape, different, len(got)/2)
		}
	}
}

func TestStoredDistancesOnTheStream(t *testing.T) {
	node := difftest.StartNode(t, families, "--repl-diskless-sync-delay", "0")
	stream, client := difftest.Listen(t, node.Dial(t)), node.Dial(t)
	for _, line := range []string{
		"GEOADD g 10 0 a",
		"GEOSEARCHSTORE dst g FROMLONLAT 10 0 BYRADIUS 1 km STOREDIST",
		"GEORADIUS g 20 0 1 km STOREDIST dst",
	} {
		client.Ask(t, strings.Fields(line)...)
	}
	score := client.Ask(t, "ZSCORE", "g", "a").Str
	node.Do(t, "GEORADIUSBYMEMBER", "g", "a", "1", "m", "STOREDIST", "dst")
	stream.Want(t, "SELECT 0", "ZADD g "+score+" a")
	stream.Want(t, "MULTI", "DEL dst")
	if got := stream.Command(t); !strings.HasPrefix(got, "ZADD dst 0.000") {
		t.Errorf("the stream has %q", got)
	}
	stream.Want(t, "EXEC", "GEORADIUS g 20 0 1 km STOREDIST dst", "MULTI", "DEL dst", "ZADD dst 0 a", "EXEC")
}
