// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// Collections are unpacked at the very step at which Redis does it, and packed
// bytes are Redis's to the letter.
func TestConversionsAsRedis(t *testing.T) {
	rows := []struct {
		why string
		do  func(c *conversion)
	}{
		{"the limit of fields", func(c *conversion) {
			for i := range 514 {
				c.hset("f"+strconv.Itoa(i), "v")
			}
		}},
		{"an update at the limit", func(c *conversion) {
			for i := range 512 {
				c.hset("f"+strconv.Itoa(i), "v")
			}
			c.hset("f100", "w")
		}},
		{"below the limit again", func(c *conversion) {
			for i := range 513 {
				c.hset("f"+strconv.Itoa(i), "v")
			}
			c.hdel("f0")
			c.hdel("f1")
		}},
		{"the limit of a value", func(c *conversion) {
			for n := 62; n < 67; n++ {
				c.hset("f", strings.Repeat("v", n))
			}
		}},
		{"the limit of a field", func(c *conversion) {
			for n := 62; n < 67; n++ {
				c.hset(strings.Repeat("f", n), "v")
			}
		}},
		{"numbers and texts in a hash", func(c *conversion) {
			for _, v := range []string{"", "0", "-0", "00", "127", "128", "-1", "4095", "4096", "-4096", "-4097", "32767", "-32768",
				"8388607", "8388608", "2147483648", "-9223372036854775808", "9223372036854775807", "9223372036854775808", " 1"} {
				c.hset("f"+v, v)
				c.hset(v, "f"+v)
			}
			c.hdel("f128")
			c.hset("f", "")
		}},
		{"the last field goes", func(c *conversion) {
			c.hset("f", "v")
			c.hdel("f")
			c.hset("g", "v")
		}},
		{"the limit of numbers", func(c *conversion) {
			for i := range 514 {
				c.sadd(strconv.Itoa(i * i))
			}
		}},
		{"wider numbers", func(c *conversion) {
			for _, n := range []string{"1", "32767", "32768", "-32769", "2147483648", "-9223372036854775808", "5"} {
				c.sadd(n)
			}
			c.srem("2147483648")
			c.srem("7")
		}},
		{"a text among numbers", func(c *conversion) {
			c.sadd("1")
			c.sadd("2")
			c.sadd("x")
			c.srem("x")
		}},
		{"a number that is not written as one", func(c *conversion) { c.sadd("01") }},
		{"a text to begin with", func(c *conversion) { c.sadd("x"); c.sadd("1"); c.srem("x") }},
		{"lower limits", func(c *conversion) {
			c.hset("f", "v")
			c.hset("g", "v")
			c.limits(Limits{HashEntries: 1, HashValue: 1, SetIntset: 1})
			c.hdel("h")
			c.hset("f", "w")
		}},
	}
	redis := redistest.Start(t, t.TempDir())
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			st := New(Options{})
			defer st.Close()
			c := &conversion{t, st, redis}
			c.limits(DefaultLimits)
			redis.Do("FLUSHALL")
			row.do(c)
			if err := st.audit(&Batch{}); err != nil {
				t.Error(err)
			}
		})
	}
}

type conversion struct {
	t     *testing.T
	st    *Store
	redis *redistest.Server
}

func (c *conversion) limits(l Limits) {
	c.st.SetLimits(l)
	c.redis.Do("CONFIG", "SET", "hash-max-listpack-entries", strconv.Itoa(l.HashEntries),
		"hash-max-listpack-value", strconv.Itoa(l.HashValue), "set-max-intset-entries", strconv.Itoa(l.SetIntset))
}

func (c *conversion) hset(field, value string) {
	h := c.st.DB(0).EditHash([]byte("k"))
	h.Set([]byte(field), []byte(value))
	h.Close()
	c.redis.Do("HSET", "k", field, value)
	c.compare("HSET", field, value)
}

func (c *conversion) hdel(field string) {
	h := c.st.DB(0).EditHash([]byte("k"))
	h.Delete([]byte(field))
	h.Close()
	c.redis.Do("HDEL", "k", field)
	c.compare("HDEL", field)
}

func (c *conversion) sadd(member string) {
	s := c.st.DB(0).EditSet([]byte("k"))
	s.Add([]byte(member))
	s.Close()
	c.redis.Do("SADD", "k", member)
	c.compare("SADD", member)
}

func (c *conversion) srem(member string) {
	s := c.st.DB(0).EditSet([]byte("k"))
	s.Remove([]byte(member))
	s.Close()
	c.redis.Do("SREM", "k", member)
	c.compare("SREM", member)
}

func (c *conversion) compare(what ...string) {
	c.t.Helper()
	v, ok := c.st.DB(0).Peek([]byte("k"))
	want := c.redis.Do("OBJECT", "ENCODING", "k").Str
	if !ok {
		if want != "" {
			c.t.Fatalf("after %q the key is gone, Redis has %s", what, want)
		}
		return
	}
	if v.Encoding().String() != want {
		c.t.Fatalf("after %q: %s, Redis has %s", what, v.Encoding(), want)
	}
	if packed := v.Packed(); packed != nil {
		// A dump is a type, a length, the bytes, a version and a checksum; short
		// ones are not compressed.
		if dump := []byte(c.redis.Do("DUMP", "k").Str); len(packed) < 20 && !bytes.Contains(dump, packed) {
			c.t.Fatalf("after %q: %x, Redis dumps %x", what, packed, dump)
		}
	}
}

// SetPacked keeps what fits the limit of elements as it is, and unpacks the rest.
func TestSetPacked(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	fill := func(n int, long string) {
		h := db.EditHash([]byte("h"))
		for i := range n {
			h.Set(field(i), []byte(strconv.Itoa(i)))
		}
		h.Set([]byte("long"), []byte(long))
		h.Close()
		s := db.EditSet([]byte("s"))
		for i := range n + 1 {
			s.Add([]byte(strconv.Itoa(i)))
		}
		s.Close()
		z := db.EditZSet([]byte("z"))
		for i := range n {
			z.Set(field(i), float64(i)/2)
		}
		z.Set([]byte(long), 1)
		z.Close()
	}
	rows := []struct {
		n      int
		long   string
		packed bool
		why    string
	}{
		{7, "", true, "within all limits"},
		{8, "", false, "one element too many"},
		{3, strings.Repeat("x", 20), true, "the longest value"},
		{3, strings.Repeat("x", 21), true, "too long a value: Redis, too, looks at the number alone"},
	}
	for _, row := range rows {
		for _, there := range []bool{false, true} {
			st.SetLimits(DefaultLimits)
			fill(row.n, row.long)
			st.SetLimits(Limits{HashEntries: 8, HashValue: 20, SetIntset: 8, ZSetEntries: 8, ZSetValue: 20})
			for key, typ := range map[string]Type{"h": TypeHash, "s": TypeSet, "z": TypeZSet} {
				v, _ := db.Peek([]byte(key))
				packed, digest := bytes.Clone(v.Packed()), v.Digest()
				if there {
					mustSet(t, db, "to", strings.Repeat("x", 3000))
					db.SetExpire([]byte("to"), 1000)
				}
				if added := db.SetPacked([]byte("to"), typ, packed); added == there {
					t.Errorf("%s: added %t", row.why, added)
				}
				v, _ = db.Peek([]byte("to"))
				want := row.packed
				if got := v.Packed(); v.Digest() != digest || v.ExpireAt() != NoExpiry || want != (got != nil) ||
					want && !bytes.Equal(got, packed) {
					t.Errorf("%s: a %s of encoding %s", row.why, typ, v.Encoding())
				}
				db.Delete([]byte("to"))
				db.Delete([]byte(key))
			}
		}
	}
	if err := st.audit(&Batch{}); err != nil {
		t.Error(fmt.Errorf("in the end: %w", err))
	}
}
