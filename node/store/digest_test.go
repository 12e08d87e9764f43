// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/redistest"
)

// pair applies the same operations to a store and to a real Redis.
type pair struct {
	t     *testing.T
	st    *Store
	redis *redistest.Server
	rng   *rand.Rand
	soon  int64 // a time at which nothing of the test expires yet
}

func (p *pair) key() string { return "key:" + strconv.Itoa(p.rng.IntN(60)) }

func (p *pair) text() string {
	switch p.rng.IntN(3) {
	case 0:
		return strconv.FormatInt(p.rng.Int64()>>p.rng.IntN(64), 10)
	case 1:
		return strings.Repeat("0", p.rng.IntN(3)) + strconv.Itoa(p.rng.IntN(100))
	}
	return strings.Repeat(string(rune('a'+p.rng.IntN(26))), p.rng.IntN(2000))
}

// step applies one operation to database i.
func (p *pair) step(i int) {
	db, key := p.st.DB(i), p.key()
	k := []byte(key)
	switch p.rng.IntN(14) {
	case 0, 1, 2:
		text := p.text()
		p.redis.Do("SET", key, text)
		_, _ = db.Set(k, []byte(text), false)
	case 3:
		if !p.is(db, k, TypeString) {
			return
		}
		text := p.text()
		p.redis.Do("APPEND", key, text)
		_, _ = db.Append(k, []byte(text))
	case 4:
		if !p.is(db, k, TypeString) {
			return
		}
		offset, part := p.rng.IntN(100), p.text()+"x"
		p.redis.Do("SETRANGE", key, strconv.Itoa(offset), part)
		_, _ = db.SetRange(k, offset, []byte(part))
	case 5:
		at := p.soon + p.rng.Int64N(1<<40)
		p.redis.Do("PEXPIREAT", key, strconv.FormatInt(at, 10))
		db.SetExpire(k, at)
	case 6:
		p.redis.Do("DEL", key)
		db.Delete(k)
	case 7:
		to := p.key()
		if db.Has(k) {
			p.redis.Do("RENAME", key, to)
			db.Rename(k, []byte(to))
		}
	case 8:
		to, other := p.key(), p.rng.IntN(4)
		if other == i && to == key {
			return // Redis refuses that
		}
		p.redis.Do("COPY", key, to, "DB", strconv.Itoa(other), "REPLACE")
		db.Copy(k, p.st.DB(other), []byte(to))
	case 9:
		other := p.rng.IntN(4)
		p.redis.Do("SWAPDB", strconv.Itoa(i), strconv.Itoa(other))
		p.st.SwapDB(i, other)
	case 10:
		p.hash(db, k)
	case 11:
		p.set(db, k)
	case 12:
		p.zset(db, k)
	case 13:
		p.list(db, k)
	}
}

// is says that a key is of a type, or not there.
func (p *pair) is(db *DB, key []byte, typ Type) bool {
	v, ok := db.Peek(key)
	return !ok || v.Type() == typ
}

// elements is how many elements a command names: few, now and then many.
func (p *pair) elements() int {
	if p.rng.IntN(5) == 0 {
		return 1 + p.rng.IntN(700)
	}
	return 1 + p.rng.IntN(10)
}

func (p *pair) element() string {
	switch p.rng.IntN(20) {
	case 0:
		return p.text()
	case 1, 2:
		return "element:" + strconv.Itoa(p.rng.IntN(1000))
	}
	return strconv.Itoa(p.rng.IntN(4000) - 2000)
}

func (p *pair) hash(db *DB, key []byte) {
	if !p.is(db, key, TypeHash) {
		return
	}
	h := db.EditHash(key)
	defer h.Close()
	remove := p.rng.IntN(3) == 0
	args := []string{"HSET", string(key)}
	if remove {
		args[0] = "HDEL"
	}
	for range p.elements() {
		field := p.element()
		args = append(args, field)
		if remove {
			h.Delete([]byte(field))
			continue
		}
		value := p.element()
		args = append(args, value)
		h.Set([]byte(field), []byte(value))
	}
	p.redis.Do(args...)
}

func (p *pair) set(db *DB, key []byte) {
	if !p.is(db, key, TypeSet) {
		return
	}
	s := db.EditSet(key)
	defer s.Close()
	remove, numbers := p.rng.IntN(3) == 0, p.rng.IntN(3) > 0
	args := []string{"SADD", string(key)}
	if remove {
		args[0] = "SREM"
	}
	for range p.elements() {
		member := p.element()
		if numbers {
			member = strconv.FormatInt(p.rng.Int64()>>p.rng.IntN(64), 10)
		}
		args = append(args, member)
		if remove {
			s.Remove([]byte(member))
		} else {
			s.Add([]byte(member))
		}
	}
	p.redis.Do(args...)
}

func (p *pair) zset(db *DB, key []byte) {
	if !p.is(db, key, TypeZSet) {
		return
	}
	z := db.EditZSet(key)
	defer z.Close()
	remove := p.rng.IntN(3) == 0
	args := []string{"ZADD", string(key)}
	if remove {
		args[0] = "ZREM"
	}
	for range p.elements() {
		member := p.element()
		if remove {
			args = append(args, member)
			z.Remove([]byte(member))
			continue
		}
		score := []float64{
			float64(p.rng.IntN(100)), p.rng.NormFloat64(), 1e300 * p.rng.Float64(), math.Inf(1), math.Inf(-1),
		}[p.rng.IntN(5)]
		args = append(args, strconv.FormatFloat(score, 'g', 17, 64), member)
		z.Set([]byte(member), score)
	}
	p.redis.Do(args...)
}

func (p *pair) list(db *DB, key []byte) {
	if !p.is(db, key, TypeList) {
		return
	}
	l := db.EditList(key)
	defer l.Close()
	n := l.List().Len()
	switch p.rng.IntN(4) {
	case 0:
		n = min(n, p.elements())
		p.redis.Do("LPOP", string(key), strconv.Itoa(n))
		l.Delete(0, n)
		return
	case 1:
		if n > 0 {
			at, element := p.rng.IntN(n), p.element()
			p.redis.Do("LSET", string(key), strconv.Itoa(at), element)
			l.Set(at, []byte(element))
		}
		return
	}
	push, args := l.PushTail, []string{"RPUSH", string(key)}
	if p.rng.IntN(2) == 0 {
		push, args[0] = l.PushHead, "LPUSH"
	}
	for range p.elements() {
		element := p.element()
		args = append(args, element)
		push([]byte(element))
	}
	p.redis.Do(args...)
}

func (p *pair) compare() {
	p.t.Helper()
	d := p.st.Digest()
	if want := p.redis.Do("DEBUG", "DIGEST").Str; hex.EncodeToString(d[:]) != want {
		p.t.Fatalf("digest %x, Redis has %s", d, want)
	}
	for i := range 4 {
		p.redis.Do("SELECT", strconv.Itoa(i))
		for key, v := range p.st.DB(i).All() {
			d := v.Digest()
			if want := p.redis.Do("DEBUG", "DIGEST-VALUE", string(key)).Elems[0].Str; hex.EncodeToString(d[:]) != want {
				p.t.Fatalf("db %d, key %q: digest %x, Redis has %s", i, key, d, want)
			}
			if want := p.redis.Do("OBJECT", "ENCODING", string(key)).Str; v.Encoding().String() != want {
				p.t.Fatalf("db %d, key %q: %s, Redis has %s", i, key, v.Encoding(), want)
			}
		}
	}
}

// Digests and encodings are those of a real Redis, whatever the data set.
func TestDigestAsRedis(t *testing.T) {
	p := &pair{
		t:     t,
		st:    New(Options{}),
		redis: redistest.Start(t, t.TempDir(), "--enable-debug-command", "yes"),
		rng:   rand.New(rand.NewPCG(2, 3)),
		soon:  time.Now().Add(24 * time.Hour).UnixMilli(),
	}
	defer p.st.Close()
	p.compare() // both empty
	for round := range 60 {
		i := round % 4
		p.redis.Do("SELECT", strconv.Itoa(i))
		for range 40 {
			p.step(i)
		}
		p.compare()
	}
	p.redis.Do("FLUSHALL")
	p.st.FlushAll(false)
	p.compare()
}
