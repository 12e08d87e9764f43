// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package zsets_test

import (
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/sets"
	stringcommands "github.com/espalier-io/espalier/node/strings"
	"github.com/espalier-io/espalier/node/zsets"
)

var families = engine.Families{zsets.Commands(), keys.Commands(), stringcommands.Commands()}

// withSets has the commands too that make the sets which may be operands.
var withSets = append(engine.Families{sets.Commands()}, families...)

func TestInfo(t *testing.T) { difftest.Info(t, engine.Families{zsets.Commands()}, "client|setinfo") }

// forms are limits under which the same commands meet sorted sets in either
// form.
var forms = []struct {
	name    string
	options []string
}{
	{"packed", nil},
	{"tree", []string{"--zset-max-listpack-entries", "0"}},
	{"both", []string{"--zset-max-listpack-entries", "3", "--zset-max-listpack-value", "8"}},
}

// inForms compares a script in both protocols under all limits.
func inForms(t *testing.T, families engine.Families, script string) {
	t.Helper()
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			pair := difftest.NewPair(t, families, form.options...)
			for _, version := range []string{"2", "3"} {
				t.Run("RESP"+version, func(t *testing.T) {
					pair.Reset(t)
					pair.Compare(t, "HELLO "+version+" # about")
					pair.Compare(t, script)
					pair.Compare(t, "DEBUG DIGEST")
				})
			}
		})
	}
}

func TestAdd(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a
		ZADD z 1 a
		ZADD z 2 a 3 b 3 b 4 c
		ZADD z CH 2 a 5 b 6 d
		ZADD z ch 5 b
		ZRANGE z 0 -1 WITHSCORES
		OBJECT ENCODING z
		TYPE z
		ZADD z NX 9 a 9 e
		ZADD z XX 9 a 9 f
		ZADD z XX CH 10 a 9 f
		ZADD z GT 5 a 20 b
		ZADD z GT CH 5 a 30 b
		ZADD z LT CH 5 a 40 b 7 new
		ZADD z XX GT CH 6 a 1 b 1 newer
		ZADD z XX LT CH 6 a 1 b 1 newer
		ZADD z NX CH XX 1 a
		ZADD z NX GT 1 a
		ZADD z NX LT 1 a
		ZADD z GT LT 1 a
		ZADD z GT LT NX XX 1 a
		ZADD z NX XX 1
		ZADD z NX XX x a
		ZADD z INCR 5 a
		ZADD z INCR 5 a 6 b
		ZADD z INCR NX 5 a
		ZADD z INCR XX 5 nope
		ZADD z INCR XX 5 a
		ZADD z INCR NX 5 fresh
		ZADD z INCR GT -1 a
		ZADD z INCR GT 0 a
		ZADD z INCR LT -1 a
		ZADD z INCR LT 1 a
		ZADD z INCR CH 1 a
		ZADD z 1
		ZADD z 1 a 2
		ZADD z
		ZADD z NX
		ZADD z NX CH INCR
		ZADD z NX 1 a 2
		ZADD z x a
		ZADD z 1 good x bad
		ZSCORE z good
		ZADD z nan a
		ZADD z -nan a
		ZADD z nan(1) a
		ZADD nope XX 1 a
		ZADD nope XX INCR 1 a
		EXISTS nope
		ZADD nope XX x a
		SET s v
		ZADD s 1 a
		ZADD s x a
		ZADD s NX XX 1 a
		ZADD s XX 1 a
		ZINCRBY s 1 a
		ZINCRBY z 2 a
		ZINCRBY z -2.5 a
		ZINCRBY z x a
		ZINCRBY z nan a
		ZINCRBY z 1
		ZINCRBY z 1 a b
		ZINCRBY z NX a
		ZINCRBY fresh 1.5 a
		ZINCRBY fresh inf a
		ZINCRBY fresh -inf a
		ZSCORE fresh a
		ZINCRBY fresh 1e308 b
		ZINCRBY fresh 1e308 b
		ZADD z 1 thisisalongmember 2 12345678 3 123456789
		OBJECT ENCODING z
		ZRANGE z 0 -1 WITHSCORES
		ZCARD z
		ZCARD nope
		ZCARD s
		ZCARD
		ZADD e 1 "" 2 "\x00" 3 "a\r\nb" 4 "\xff" 5 123 6 0123 7 -5 8 " 5" 9 9223372036854775807 10 9223372036854775808
		ZRANGE e 0 -1 WITHSCORES
		ZSCORE e ""
		ZSCORE e 123
		ZADD keep 1 a
		EXPIRE keep 1000
		ZADD keep 2 b
		TTL keep
	`)
}

// TestScores is about how scores are read, kept and shown.
func TestScores(t *testing.T) {
	var script strings.Builder
	for _, score := range []string{
		"0", "-0", "+0", "0.0", "-0.0", "1", "+1", "-1", "1.0", "01", "1.", ".5", "-.5", "1e3", "1E3", "1e+3", "1e-3",
		"3.0e2", "0.1", "0.2", "0.30000000000000004", "1.1", "100000000000000000", "1e15", "1e16", "1e17", "1e18", "1e21",
		"123456789012345678901234567890", "4503599627370495", "4503599627370496", "9007199254740991", "9007199254740992",
		"9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551616",
		"inf", "+inf", "-inf", "Inf", "INF", "infinity", "-Infinity", "infinit", "nan", "NaN", "nanx",
		"1.7976931348623157e308", "1.8e308", "-1.8e308", "1e400", "4.9e-324", "2e-324", "2.5e-324", "1e-400", "0e-400", "0e400",
		"0x10", "-0x10", "0x1p4", "0x1.8p1", "0x.8", "0x", "0xg", "0x1p", "0x0p0", "0x1p-2000", "0x1p2000", "0X1P+4",
		"1_000", "0x_1", "1e", "1e+", "e5", ".", "-", "+", "", "--1", "+-1", " 1", "1 ", "\\t1", "1\\x00", "\\x001", "1,5", "1f", "abc", "1e5x",
	} {
		quoted := `"` + score + `"`
		script.WriteString("ZADD z " + quoted + " m\nZSCORE z m\nZINCRBY z 0 m\nZADD z INCR -0 m\nZADD z CH 0 m\nZINCRBY z " + quoted + " m\nDEL z\n")
		for _, open := range []string{"", "("} {
			script.WriteString("ZADD z -5 a 0 b 0.5 c 1 d 3 e 16 f\nZCOUNT z \"" + open + score + "\" +inf\nZRANGEBYSCORE z -inf \"" + open + score + "\"\nDEL z\n")
		}
		script.WriteString("ZADD z 1 a 2 b\nZUNION 1 z WEIGHTS " + quoted + " WITHSCORES\nDEL z\n")
	}
	inForms(t, families, script.String())
}

func TestMembers(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a 2 b 2 c 3 d
		ZSCORE z a
		ZSCORE z nope
		ZSCORE nope a
		ZSCORE z
		ZMSCORE z a nope d
		ZMSCORE nope a b
		ZMSCORE z
		ZRANK z a
		ZRANK z d
		ZRANK z nope
		ZRANK nope a
		ZRANK z
		ZRANK z a WITHSCORE
		ZREVRANK z a
		ZREVRANK z d
		ZREVRANK z nope
		ZREVRANK nope a
		ZREM z a
		ZREM z a nope b b
		ZREM nope a
		ZREM z
		ZRANGE z 0 -1
		ZREM z c d nope
		EXISTS z
		SET s v
		ZSCORE s a
		ZMSCORE s a
		ZRANK s a
		ZREVRANK s a
		ZREM s a
		ZREMRANGEBYRANK s 0 1
		ZREMRANGEBYRANK s x 1
		ZREMRANGEBYSCORE s 0 1
		ZREMRANGEBYSCORE s x 1
		ZREMRANGEBYLEX s - +
		ZREMRANGEBYLEX s x +
		ZADD r 1 a 2 b 3 c 4 d 5 e 6 f 7 g
		ZREMRANGEBYRANK r 1 2
		ZREMRANGEBYRANK r -1 -1
		ZREMRANGEBYRANK r 5 2
		ZREMRANGEBYRANK r -100 0
		ZREMRANGEBYRANK r 100 200
		ZREMRANGEBYRANK r 0 -100
		ZREMRANGEBYRANK r x 1
		ZREMRANGEBYRANK r 1 x
		ZREMRANGEBYRANK nope 0 -1
		ZREMRANGEBYRANK r 0
		ZRANGE r 0 -1
		ZREMRANGEBYRANK r 0 -1
		EXISTS r
		ZADD r 1 a 2 b 3 c 4 d 5 e 6 f 7 g
		ZREMRANGEBYSCORE r (1 2
		ZREMRANGEBYSCORE r 7 6
		ZREMRANGEBYSCORE r (7 +inf
		ZREMRANGEBYSCORE r 6 (7
		ZREMRANGEBYSCORE r x 1
		ZREMRANGEBYSCORE r 1 x
		ZREMRANGEBYSCORE r nan 1
		ZREMRANGEBYSCORE nope 0 1
		ZRANGE r 0 -1
		ZREMRANGEBYSCORE r -inf +inf
		EXISTS r
		ZADD r 0 a 0 b 0 c 0 d 0 e 0 f 0 g
		ZREMRANGEBYLEX r (a [b
		ZREMRANGEBYLEX r - (b
		ZREMRANGEBYLEX r + -
		ZREMRANGEBYLEX r [g +
		ZREMRANGEBYLEX r a b
		ZREMRANGEBYLEX nope - +
		ZRANGE r 0 -1
		ZREMRANGEBYLEX r - +
		EXISTS r
	`)
}

func TestRanges(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a 2 b 2 c 3 d 4.5 e inf f -inf g
		SET s v
		ZRANGE z 0 -1
		ZRANGE z 0 -1 WITHSCORES
		ZRANGE z 0 -1 withscores WITHSCORES
		ZRANGE z 1 2
		ZRANGE z -3 -2 WITHSCORES
		ZRANGE z 5 2
		ZRANGE z -100 100
		ZRANGE z 100 200
		ZRANGE z 0 -100
		ZRANGE z 0 -1 REV
		ZRANGE z 1 2 REV WITHSCORES
		ZRANGE z -2 -1 REV
		ZRANGE z 0 9223372036854775807
		ZRANGE z -9223372036854775808 -1
		ZRANGE z 0 9223372036854775808
		ZRANGE z x 1
		ZRANGE z 1 x
		ZRANGE z 1.5 2
		ZRANGE z 0
		ZRANGE nope 0 -1
		ZRANGE nope 0 -1 WITHSCORES
		ZRANGE nope x -1
		ZRANGE s 0 -1
		ZRANGE s x -1
		ZRANGE z 0 -1 LIMIT 0 1
		ZRANGE z 0 -1 LIMIT 0 -1
		ZRANGE z 0 -1 LIMIT 0
		ZRANGE z 0 -1 LIMIT x 1
		ZRANGE z 0 -1 LIMIT 1 x
		ZRANGE z 0 -1 FOO
		ZRANGE z 0 -1 REV REV
		ZRANGE z 0 -1 BYSCORE BYSCORE
		ZRANGE z 0 -1 BYLEX BYSCORE
		ZRANGE z 1 3 BYSCORE
		ZRANGE z (1 3 BYSCORE WITHSCORES
		ZRANGE z (1 (3 BYSCORE
		ZRANGE z 3 1 BYSCORE
		ZRANGE z 3 1 BYSCORE REV
		ZRANGE z +inf (2 BYSCORE REV WITHSCORES
		ZRANGE z 1 3 BYSCORE REV
		ZRANGE z -inf +inf BYSCORE LIMIT 1 2
		ZRANGE z -inf +inf BYSCORE LIMIT 1 -1
		ZRANGE z -inf +inf BYSCORE LIMIT 1 -5
		ZRANGE z -inf +inf BYSCORE LIMIT -1 2
		ZRANGE z -inf +inf BYSCORE LIMIT 0 0
		ZRANGE z -inf +inf BYSCORE LIMIT 7 1
		ZRANGE z -inf +inf BYSCORE LIMIT 6 10
		ZRANGE z 2 3 BYSCORE LIMIT 5 10
		ZRANGE z +inf -inf BYSCORE REV LIMIT 1 2
		ZRANGE z +inf -inf BYSCORE REV LIMIT 6 2
		ZRANGE z -inf +inf BYSCORE LIMIT 0 9223372036854775807
		ZRANGE z -inf +inf BYSCORE LIMIT 9223372036854775807 1
		ZRANGE z x 1 BYSCORE
		ZRANGE z 1 x BYSCORE
		ZRANGE z ((1 2 BYSCORE
		ZRANGE z (inf +inf BYSCORE
		ZRANGE z (-inf (inf BYSCORE
		ZRANGE z nan 1 BYSCORE
		ZRANGE z a b BYLEX WITHSCORES
		ZRANGE z a b BYLEX
		ZRANGE z 1 2 BYLEX
		ZREVRANGE z 0 -1
		ZREVRANGE z 1 3 WITHSCORES
		ZREVRANGE z 0 -1 REV
		ZREVRANGE z 0 -1 BYSCORE
		ZREVRANGE z 0 -1 LIMIT 0 1
		ZREVRANGE z x 1
		ZREVRANGE s 0 1
		ZRANGEBYSCORE z 1 3
		ZRANGEBYSCORE z 1 3 WITHSCORES
		ZRANGEBYSCORE z (1 (3 WITHSCORES LIMIT 0 1
		ZRANGEBYSCORE z 1 3 LIMIT 1 1
		ZRANGEBYSCORE z 1 3 LIMIT 1
		ZRANGEBYSCORE z 1 3 REV
		ZRANGEBYSCORE z 1 3 BYSCORE
		ZRANGEBYSCORE z x 3
		ZRANGEBYSCORE s 1 3
		ZRANGEBYSCORE nope 1 3
		ZREVRANGEBYSCORE z 3 1
		ZREVRANGEBYSCORE z 3 (1 WITHSCORES
		ZREVRANGEBYSCORE z +inf -inf LIMIT 2 3
		ZREVRANGEBYSCORE z 1 3
		ZREVRANGEBYSCORE z 1 x
		ZCOUNT z -inf +inf
		ZCOUNT z 2 2
		ZCOUNT z (2 2
		ZCOUNT z 3 1
		ZCOUNT z 1 (2
		ZCOUNT z x 1
		ZCOUNT z 1
		ZCOUNT s x 1
		ZCOUNT s 1 2
		ZCOUNT nope 1 2
	`)
}

func TestLex(t *testing.T) {
	inForms(t, families, `
		ZADD z 0 alpha 0 bar 0 cool 0 down 0 elephant 0 foo 0 great 0 hill 0 omega
		SET s v
		ZRANGEBYLEX z - [cool
		ZRANGEBYLEX z - (cool
		ZRANGEBYLEX z [bar [down
		ZRANGEBYLEX z (bar (down
		ZRANGEBYLEX z + -
		ZRANGEBYLEX z - -
		ZRANGEBYLEX z + +
		ZRANGEBYLEX z - +
		ZRANGEBYLEX z [ +
		ZRANGEBYLEX z ( +
		ZRANGEBYLEX z - [
		ZRANGEBYLEX z [cool [cool
		ZRANGEBYLEX z (cool [cool
		ZRANGEBYLEX z [cool (cool
		ZRANGEBYLEX z [coo [cooler
		ZRANGEBYLEX z [zz +
		ZRANGEBYLEX z foo bar
		ZRANGEBYLEX z [foo bar
		ZRANGEBYLEX z foo [bar
		ZRANGEBYLEX z +x x
		ZRANGEBYLEX z -x +
		ZRANGEBYLEX z "" +
		ZRANGEBYLEX z "-\x00x" +
		ZRANGEBYLEX z 0 1
		ZRANGEBYLEX z - + LIMIT 0 2
		ZRANGEBYLEX z - + LIMIT 2 3
		ZRANGEBYLEX z - + LIMIT 8 -1
		ZRANGEBYLEX z - + LIMIT 9 1
		ZRANGEBYLEX z - + LIMIT -1 1
		ZRANGEBYLEX z [bar + LIMIT 100 1
		ZRANGEBYLEX z - + WITHSCORES
		ZRANGEBYLEX z - + REV
		ZREVRANGEBYLEX z + -
		ZREVRANGEBYLEX z [cool -
		ZREVRANGEBYLEX z (cool [bar
		ZREVRANGEBYLEX z - +
		ZREVRANGEBYLEX z + [d LIMIT 1 2
		ZRANGE z [b (d BYLEX
		ZRANGE z (d [b BYLEX REV
		ZRANGE z + - BYLEX REV LIMIT 2 2
		ZLEXCOUNT z - +
		ZLEXCOUNT z + -
		ZLEXCOUNT z [bar [foo
		ZLEXCOUNT z (bar (foo
		ZLEXCOUNT z [a +
		ZLEXCOUNT z x +
		ZLEXCOUNT z -
		ZLEXCOUNT s x +
		ZLEXCOUNT s - +
		ZLEXCOUNT nope - +
		ZRANGEBYLEX s - +
		ZRANGEBYLEX nope - +
		ZADD numbers 0 1 0 10 0 2 0 -1 0 "" 0 "\xff"
		ZRANGEBYLEX numbers [1 (2
		ZRANGEBYLEX numbers - (
		ZRANGEBYLEX numbers - [
		ZRANGEBYLEX numbers [\xff +
		ZRANGEBYLEX numbers [2 +
	`)
}

func TestRangeStore(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a 2 b 2 c 3 d
		ZRANGESTORE dst z 0 -1
		ZRANGE dst 0 -1 WITHSCORES
		OBJECT ENCODING dst
		ZRANGESTORE dst z 1 2
		ZRANGE dst 0 -1 WITHSCORES
		ZRANGESTORE dst z 0 0 REV
		ZRANGE dst 0 -1 WITHSCORES
		ZRANGESTORE dst z 2 3 BYSCORE LIMIT 1 5
		ZRANGE dst 0 -1 WITHSCORES
		ZADD l 0 a 0 b 0 c 0 d
		ZRANGESTORE dst l [a [c BYLEX
		ZRANGE dst 0 -1 WITHSCORES
		ZRANGESTORE dst l [d (a BYLEX REV LIMIT 1 1
		ZRANGE dst 0 -1 WITHSCORES
		ZRANGESTORE z z 1 -1
		ZRANGE z 0 -1 WITHSCORES
		ZRANGESTORE dst z 5 6
		EXISTS dst
		ZRANGESTORE dst z 0 -1
		ZRANGESTORE dst nope 0 -1
		EXISTS dst
		ZRANGESTORE dst z 0 -1 WITHSCORES
		ZRANGESTORE dst z 0 -1 LIMIT 0 1
		ZRANGESTORE dst z x -1
		ZRANGESTORE dst z x -1 BYSCORE
		ZRANGESTORE dst z 0
		SET s v
		EXPIRE s 100
		ZRANGESTORE dst s 0 -1
		ZRANGESTORE s z 0 -1
		TTL s
		TYPE s
		ZADD long 1 thisisalongmember
		ZRANGESTORE dst long 0 -1
		OBJECT ENCODING dst
	`)
}

func TestPop(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a 2 b 2 c 3 d 4 e 5 f 6 g 7 h
		SET s v
		ZPOPMIN z
		ZPOPMAX z
		ZPOPMIN z 2
		ZPOPMAX z 2
		ZPOPMIN z 0
		ZPOPMIN z -1
		ZPOPMIN z x
		ZPOPMIN z 1 2
		ZPOPMIN
		ZPOPMIN nope
		ZPOPMIN nope 2
		ZPOPMAX nope 0
		ZPOPMIN s
		ZPOPMIN s 0
		ZPOPMIN s x
		ZPOPMAX z 100
		EXISTS z
		ZADD z 1 a 2 b 2 c 3 d 4 e 5 f 6 g 7 h
		ZMPOP 1 z MIN
		ZMPOP 2 nope z MAX
		ZMPOP 2 nope z MAX COUNT 2
		ZMPOP 2 z nope min count 1
		ZMPOP 1 nope MIN
		ZMPOP 1 nope MAX COUNT 10
		ZMPOP 0 z MIN
		ZMPOP -1 z MIN
		ZMPOP x z MIN
		ZMPOP 9223372036854775807 z MIN
		ZMPOP 2 z MIN
		ZMPOP 3 z MIN
		ZMPOP 1 z MEDIUM
		ZMPOP 1 z
		ZMPOP 1 z MIN COUNT
		ZMPOP 1 z MIN COUNT 0
		ZMPOP 1 z MIN COUNT -1
		ZMPOP 1 z MIN COUNT x
		ZMPOP 1 z MIN COUNT 1 COUNT 2
		ZMPOP 1 z MIN COUNT 1 x
		ZMPOP 1 z MIN FOO 1
		ZMPOP 1 s MIN
		ZMPOP 2 nope s MIN
		ZMPOP 2 z s MIN
		ZMPOP 2 s z MIN
		ZRANGE z 0 -1
		ZMPOP 1 z MAX COUNT 100
		EXISTS z
	`)
}

func TestBlockingPopsThatNeedNotWait(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a 2 b 2 c 3 d 4 e 5 f 6 g 7 h
		SET s v
		BZPOPMIN z 0
		BZPOPMAX nope z 0.01
		BZPOPMIN nope 0.01
		BZPOPMAX nope other 0.01
		BZPOPMIN z -1
		BZPOPMIN z x
		BZPOPMIN z ""
		BZPOPMIN z inf
		BZPOPMIN z nan
		BZPOPMIN z
		BZPOPMIN s 0
		BZPOPMIN s x
		BZPOPMIN nope s 0
		BZPOPMIN z s 0
		BZMPOP 0.01 1 z MIN
		BZMPOP 0.01 2 nope z MAX COUNT 2
		BZMPOP 0.01 1 nope MIN
		BZMPOP x 1 z MIN
		BZMPOP -1 1 z MIN
		BZMPOP x 0 z MIN
		BZMPOP x 1 z FOO
		BZMPOP 0 1 s MIN
		BZMPOP 0 1 z
		BZMPOP 0 1 z MIN COUNT 0
		BZMPOP 0.01 1 z MAX COUNT 100
		EXISTS z
		MULTI
		BZPOPMIN nope 0
		BZMPOP 0 1 nope MIN
		BZPOPMIN s 0
		EXEC
	`)
}

func TestRandomMembers(t *testing.T) {
	inForms(t, families, `
		ZADD one 1.5 a
		ZRANDMEMBER one
		ZRANDMEMBER one 1
		ZRANDMEMBER one 1 WITHSCORES
		ZRANDMEMBER one -3
		ZRANDMEMBER one -3 withscores
		ZRANDMEMBER one 5 WITHSCORES
		ZADD z 1 a 2 b 3 c 4 d 5 e
		ZRANDMEMBER z # about
		ZRANDMEMBER z 0
		ZRANDMEMBER z 0 WITHSCORES
		ZRANDMEMBER z 2 # about
		ZRANDMEMBER z 4 # about
		ZRANDMEMBER z 1 # about
		ZRANDMEMBER z 2 WITHSCORES # about
		ZRANDMEMBER z -9 # about
		ZRANDMEMBER z -9 WITHSCORES # about
		ZRANDMEMBER z 5
		ZRANDMEMBER z 6 WITHSCORES
		ZRANDMEMBER z x
		ZRANDMEMBER z 1 FOO
		ZRANDMEMBER z 1 WITHSCORES FOO
		ZRANDMEMBER z x FOO
		ZRANDMEMBER z -9223372036854775808
		ZRANDMEMBER z -9223372036854775807 WITHSCORES
		ZRANDMEMBER z 9223372036854775807 WITHSCORES
		ZRANDMEMBER z 9223372036854775807
		ZRANDMEMBER nope
		ZRANDMEMBER nope 3
		ZRANDMEMBER nope -3 WITHSCORES
		SET s v
		ZRANDMEMBER s
		ZRANDMEMBER s 0
		ZRANDMEMBER s x
	`)
}

func TestScan(t *testing.T) {
	inForms(t, families, `
		ZADD z 1 a 2.5 b 1e20 c
		ZSCAN z 0 # unordered
		ZSCAN z 0 COUNT 100 # unordered
		ZSCAN z 0 MATCH a*
		ZSCAN z 0 MATCH nope
		ZSCAN z 0 MATCH * COUNT 5 # unordered
		ZSCAN z x
		ZSCAN z
		ZSCAN z 0 COUNT x
		ZSCAN z 0 COUNT 0
		ZSCAN z 0 COUNT
		ZSCAN z 0 TYPE zset
		ZSCAN z 0 FOO 1
		ZSCAN nope 0
		ZSCAN nope 0 COUNT x
		ZSCAN nope x
		SET s v
		ZSCAN s 0
		ZSCAN s 0 COUNT x
		ZSCAN s x
	`)
}

// TestKeys is about where the commands that move their keys about have them.
func TestKeys(t *testing.T) {
	difftest.Run(t, families, `
		COMMAND GETKEYS ZADD z 1 a
		COMMAND GETKEYS ZUNION 2 a b WEIGHTS 1 2
		COMMAND GETKEYS ZINTERCARD 1 a LIMIT 5
		COMMAND GETKEYS ZDIFFSTORE dst 3 a b c
		COMMAND GETKEYSANDFLAGS ZUNIONSTORE dst 2 a b
		COMMAND GETKEYS ZUNIONSTORE dst 3 a b
		COMMAND GETKEYS ZUNIONSTORE dst x a b
		COMMAND GETKEYS ZMPOP 2 a b MIN
		COMMAND GETKEYS BZMPOP 0 2 a b MIN
		COMMAND GETKEYSANDFLAGS BZPOPMIN a b c 0
		COMMAND GETKEYSANDFLAGS ZRANGESTORE dst src 0 -1
		COMMAND GETKEYS GEORADIUS g 1 1 1 m
		COMMAND GETKEYS GEORADIUS g 1 1 1 m STORE dst
		COMMAND GETKEYS GEORADIUS g 1 1 1 m COUNT 1 STOREDIST dst
		COMMAND GETKEYS GEORADIUSBYMEMBER g m 1 m STORE dst
		COMMAND GETKEYS GEOSEARCHSTORE dst g FROMLONLAT 1 1 BYRADIUS 1 m
	`)
}
