// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
)

// TestRandomWords calls the commands with words taken out, put in and exchanged
// at random: which of several errors is answered depends on the order of the
// checks.
func TestRandomWords(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			difftest.RunStream(t, withSets, wordsScript(seed, 4000, seed%2 == 0))
		})
	}
}

// wordsScript is a script of such calls. Ranges of members mean something only
// where all members have one score: lexical says which kind of script it is.
func wordsScript(seed uint64, calls int, lexical bool) string {
	r := rand.New(rand.NewPCG(seed, 9))
	words := strings.Fields(`z y nope set text 0 1 2 3 -1 5 x nan 1.5 (1 inf -inf 9223372036854775807 "" a b m WITHSCORES LIMIT WEIGHTS
		AGGREGATE SUM MIN MAX BYSCORE REV NX XX GT LT CH INCR COUNT ANY ASC DESC km miles STORE FROMMEMBER BYRADIUS BYBOX WITHHASH`)
	from := wordsCalls
	if lexical {
		words = strings.Fields(`z y nope set text 0 0 0 -0 1x nan "" a b c [a (b - + [ (( BYLEX REV LIMIT WITHSCORES NX XX CH COUNT MIN MAX`)
		from = wordsLexCalls
	}
	oneOf := func(of []string) string { return of[r.IntN(len(of))] }
	var script strings.Builder
	for i := range calls {
		if i%25 == 0 {
			script.WriteString("FLUSHALL\nZADD z 0 a 0 b 0 m\nZADD y 0 b 0 c 0 d\nSADD set a c\nSET text v\n")
		}
		call := strings.Fields(oneOf(from))
		for range r.IntN(4) {
			at := 1 + r.IntN(len(call))
			switch {
			case at == len(call):
				call = append(call, oneOf(words))
			case r.IntN(4) == 0:
				call = slices.Delete(call, at, at+1)
			case r.IntN(3) == 0:
				call = slices.Insert(call, at, oneOf(words))
			default:
				call[at] = oneOf(words)
			}
		}
		line := strings.Join(call, " ")
		if strings.HasPrefix(line, "BZ") { // nothing waits in a transaction
			line = "MULTI\n" + line + "\nEXEC"
		}
		fmt.Fprintln(&script, line)
		if i%25 == 24 {
			fmt.Fprintln(&script, "DEBUG DIGEST")
		}
	}
	return script.String()
}

// wordsCalls are the calls to begin with, wordsLexCalls those of the scripts in
// which all scores stay the same.
var wordsCalls = strings.Split(`ZADD z 1 a 2 b
ZADD z NX CH 1 a 2 b
ZADD y GT CH 1 a 2 b
ZADD y LT INCR 1 a
ZADD z XX INCR 1 a
ZCARD z
ZINCRBY z 2 a
ZMSCORE z a b
ZRANK z a
ZREVRANK z a
ZSCORE z a
ZREM z a b
ZCOUNT z 0 2
ZRANGE z 0 2 WITHSCORES
ZRANGE z 0 2 BYSCORE LIMIT 0 1 WITHSCORES
ZRANGE z 2 0 BYSCORE REV LIMIT 1 2
ZREVRANGE z 0 -1 WITHSCORES
ZRANGEBYSCORE z 0 2 WITHSCORES LIMIT 0 1
ZREVRANGEBYSCORE z 2 0 LIMIT 1 5
ZRANGESTORE y z 0 2
ZRANGESTORE y z 0 2 BYSCORE LIMIT 0 1
ZREMRANGEBYRANK z 0 0
ZREMRANGEBYSCORE z 0 (1
ZPOPMIN z
ZPOPMAX y 2
ZMPOP 2 nope z MIN COUNT 2
BZMPOP 0 2 nope z MAX COUNT 2
BZPOPMIN nope z 0
BZPOPMAX y z 0
ZUNION 2 z set WEIGHTS 1 2 AGGREGATE MAX WITHSCORES
ZINTER 2 z y AGGREGATE SUM WEIGHTS 1 2 WITHSCORES
ZDIFF 2 z y WITHSCORES
ZINTERCARD 2 z y LIMIT 1
ZUNIONSTORE y 2 z set WEIGHTS 1 2 AGGREGATE MIN
ZINTERSTORE nope 2 z set WEIGHTS 1 2
ZDIFFSTORE y 2 z set
GEOADD y CH 1 2 a 5 5 b
GEODIST z a b km
GEOHASH z a b
GEOPOS z a b
GEORADIUS z 1 2 5 km WITHHASH COUNT 1 ASC
GEORADIUS z 1 2 5 km STORE y
GEORADIUSBYMEMBER z a 5 km WITHDIST WITHCOORD
GEORADIUSBYMEMBER z a 5 km STORE y COUNT 2
GEORADIUS_RO z 1 2 5 km DESC
GEORADIUSBYMEMBER_RO z a 5 km
GEOSEARCH z FROMLONLAT 1 2 BYRADIUS 5 km ASC COUNT 1 ANY
GEOSEARCH z FROMMEMBER a BYBOX 5 5 km WITHCOORD
GEOSEARCHSTORE y z FROMMEMBER a BYRADIUS 5 km COUNT 1`, "\n")

var wordsLexCalls = strings.Split(`ZADD z 0 a 0 b
ZADD z NX CH 0 c 0 d
ZREM z a b
ZLEXCOUNT z [a (c
ZRANGE z [a (m BYLEX LIMIT 0 1
ZRANGE z + - BYLEX REV
ZRANGEBYLEX z - [b LIMIT 0 1
ZREVRANGEBYLEX z + (a
ZRANGESTORE y z [a + BYLEX
ZREMRANGEBYLEX z (a [b
ZPOPMIN z
ZMPOP 2 nope z MIN COUNT 2`, "\n")
