// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// zsetPair does the same to a sorted set here and in Redis.
type zsetPair struct {
	t     *testing.T
	redis *redistest.Server
	db    *DB
	rng   *rand.Rand
	names int
	long  int // of how many members one is long
}

func (p *zsetPair) member() string {
	i := p.rng.IntN(p.names)
	switch {
	case i%p.long == p.long-1:
		return strings.Repeat("m", 55+i%20) + strconv.Itoa(i)
	case i%3 == 0:
		return strconv.Itoa(i * i * i)
	}
	return "member:" + strconv.Itoa(i)
}

func (p *zsetPair) number() float64 {
	switch p.rng.IntN(3) {
	case 0:
		return float64(p.rng.IntN(10) - 5)
	case 1:
		return p.rng.NormFloat64()
	}
	return scores[p.rng.IntN(len(scores))]
}

func (p *zsetPair) step(growth int) {
	z := p.db.EditZSet([]byte("zset"))
	defer z.Close()
	m := p.member()
	switch kind := p.rng.IntN(20); {
	case kind < growth:
		score := p.number()
		p.redis.Do("ZADD", "zset", string(appendScore(nil, score)), m)
		z.Set([]byte(m), score)
	case kind < growth+5:
		old, _ := z.ZSet().Score([]byte(m))
		by := float64(p.rng.IntN(100)) / 8
		p.redis.Do("ZINCRBY", "zset", string(appendScore(nil, by)), m)
		z.Set([]byte(m), old+by)
	case kind == 19 && p.rng.IntN(10) == 0 && z.ZSet().Len() > 0:
		from := p.rng.IntN(z.ZSet().Len())
		n := min(1+p.rng.IntN(5), z.ZSet().Len()-from)
		p.redis.Do("ZREMRANGEBYRANK", "zset", strconv.Itoa(from), strconv.Itoa(from+n-1))
		z.RemoveRanks(from, n)
	default:
		p.redis.Do("ZREM", "zset", m)
		z.Remove([]byte(m))
	}
}

func (p *zsetPair) compare() error {
	v, ok := p.db.Peek([]byte("zset"))
	if encoding := p.redis.Do("OBJECT", "ENCODING", "zset"); encoding.IsNull() || !ok {
		if ok != !encoding.IsNull() {
			return fmt.Errorf("there: %t, in Redis %t", ok, !encoding.IsNull())
		}
		return nil
	} else if v.Encoding().String() != encoding.Str {
		return fmt.Errorf("%v of %d members, in Redis %s", v.Encoding(), v.ZSet().Len(), encoding.Str)
	}
	if lp := v.Packed(); lp != nil {
		const zsetListpack, footer = 17, 2 + 8
		dump := p.redis.Do("DUMP", "zset").Str
		want := dump[:len(dump)-footer]
		if got := append(appendLength([]byte{zsetListpack}, len(lp)), lp...); !bytes.Equal(got, []byte(want)) {
			return fmt.Errorf("dumped as\n%q\nnot\n%q", got, want)
		}
		return nil
	}
	all := p.redis.Do("ZRANGE", "zset", "0", "-1", "WITHSCORES").Elems
	i := 0
	for member, score := range v.ZSet().Ascend(0) {
		if i == len(all) || string(member) != all[i].Str || string(appendScore(nil, score)) != all[i+1].Str {
			return fmt.Errorf("member %d is %q with %v, in Redis %v", i/2, member, score, all[min(i, len(all)-1):])
		}
		i += 2
	}
	if i != len(all) {
		return fmt.Errorf("%d members, in Redis %d", i/2, len(all)/2)
	}
	return nil
}

func TestZSetsAsInRedis(t *testing.T) {
	redis := redistest.Start(t, t.TempDir(), "--rdbcompression", "no")
	for _, c := range []struct {
		name           string
		entries, value int
		names, long    int
	}{
		{"packed", 128, 64, 100, 1 << 30},
		{"around the number of entries", 40, 64, 70, 1 << 30},
		{"around the length of a value", 128, 64, 100, 50},
		{"never packed", 0, 64, 50, 20},
		{"long members packed", 1000, 100, 300, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			redis.Do("CONFIG", "SET", "zset-max-listpack-entries", strconv.Itoa(c.entries))
			redis.Do("CONFIG", "SET", "zset-max-listpack-value", strconv.Itoa(c.value))
			st := New(Options{})
			defer st.Close()
			limits := DefaultLimits
			limits.ZSetEntries, limits.ZSetValue = c.entries, c.value
			st.SetLimits(limits)
			p := &zsetPair{t: t, redis: redis, db: st.DB(0), rng: rand.New(rand.NewPCG(8, 9)), names: c.names, long: c.long}
			for round := range 6 {
				redis.Do("DEL", "zset")
				p.db.Delete([]byte("zset"))
				for i := range 300 {
					p.step(4 + round*2)
					if i%10 == 0 {
						if err := p.compare(); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if err := st.audit(&Batch{}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
