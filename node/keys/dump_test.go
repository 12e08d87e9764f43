// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/redistest"
)

// TestDumpBytes: what has an order of its own is dumped in the same bytes.
func TestDumpBytes(t *testing.T) {
	difftest.Run(t, collections, `
		DUMP nope
		DUMP
		SET s hello
		DUMP s
		SET s 12
		DUMP s
		SET s 1234567890123
		DUMP s
		SET s aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
		DUMP s
		RPUSH l a 1 -1 300 70000 9999999999 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
		LPUSH l x
		DUMP l
		HSET h a 1 b two c 3.5
		HSET h b 2
		HDEL h a
		DUMP h
		HSET large f vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv
		OBJECT ENCODING large
		DUMP large
		SADD i 3 1 2
		DUMP i
		SADD i 70000
		DUMP i
		SADD one member
		DUMP one
		ZADD z 1 a 2.5 b -inf c inf d 1e300 e
		DUMP z
		ZADD large2 3 vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv 1 b
		OBJECT ENCODING large2
		DUMP large2
		CONFIG SET rdbcompression no
		DUMP large
		DUMP s
		CONFIG SET rdbcompression yes
	`)
}

// build fills keys of every type and encoding, small and large.
func build(do func(argv ...string)) (keys []string) {
	long := strings.Repeat("long ", 30)
	add := func(key string, argv ...string) {
		if len(keys) == 0 || keys[len(keys)-1] != key {
			keys = append(keys, key)
		}
		do(argv...)
	}
	add("int", "SET", "int", "42")
	add("text", "SET", "text", long)
	add("intset", "SADD", "intset", "1", "-5", "70000")
	for i := range 700 {
		n := fmt.Sprint(i)
		switch {
		case i < 3:
			add("list", "RPUSH", "list", n, "x"+n)
		case i < 6:
			add("hash", "HSET", "hash", "f"+n, n)
		case i < 9:
			add("zset", "ZADD", "zset", n, "m"+n)
		case i == 9:
			add("hash with a long value", "HSET", "hash with a long value", n, long)
		case i == 10:
			add("zset with a long member", "ZADD", "zset with a long member", n, long, "-inf", "b")
		}
	}
	for i := range 700 {
		add("many fields", "HSET", "many fields", fmt.Sprint(i), long[:i%150])
	}
	for i := range 700 {
		add("many members", "SADD", "many members", fmt.Sprint("m", i))
	}
	for i := range 700 {
		add("many numbers", "SADD", "many numbers", fmt.Sprint(i*i))
	}
	for i := range 700 {
		add("many scores", "ZADD", "many scores", fmt.Sprint(i%50, ".25"), fmt.Sprint("m", i))
	}
	for i := range 700 {
		add("many elements", "RPUSH", "many elements", long[:i%150], fmt.Sprint(i))
	}
	return keys
}

// TestDumpsAreExchanged: each restores what the other dumped, with the same
// digest and in the same encoding.
func TestDumpsAreExchanged(t *testing.T) {
	redis := redistest.Start(t, t.TempDir(), "--enable-debug-command", "yes")
	node := difftest.StartNode(t, collections, "--enable-debug-command", "yes")
	client := node.Dial(t)
	keys := build(func(argv ...string) {
		redis.Do(argv...)
		if v := client.Ask(t, argv...); v.Err() != nil {
			t.Fatalf("%q: %v", argv, v.Err())
		}
	})
	for _, key := range keys {
		digest, encoding := redis.Do("DEBUG", "DIGEST-VALUE", key).Text(), redis.Do("OBJECT", "ENCODING", key).Text()
		same := func(what, key string) {
			if got := client.Ask(t, "DEBUG", "DIGEST-VALUE", key).Text(); got != digest {
				t.Errorf("%s %s: digest %s, Redis's is %s", what, key, got, digest)
			}
			if got := client.Ask(t, "OBJECT", "ENCODING", key).Text(); got != encoding {
				t.Errorf("%s %s: encoding %s, Redis's is %s", what, key, got, encoding)
			}
		}
		same("built", key)
		if v := client.Ask(t, "RESTORE", "copy of "+key, "0", redis.Do("DUMP", key).Str); v.Str != "OK" {
			t.Errorf("the dump of %s is not restored: %s", key, v.Text())
			continue
		}
		same("restored", "copy of "+key)
		redis.Do("RESTORE", "copy of "+key, "0", client.Ask(t, "DUMP", key).Str)
		if got := redis.Do("DEBUG", "DIGEST-VALUE", "copy of "+key).Text(); got != digest {
			t.Errorf("Redis restores %s to %s, not %s", key, got, digest)
		}
		if v := client.Ask(t, "COPY", key, "second copy of "+key); v.Int != 1 {
			t.Errorf("COPY %s: %s", key, v.Text())
		}
		same("copied", "second copy of "+key)
		if v := client.Ask(t, "MEMORY", "USAGE", key); v.Int < int64(len(key)) {
			t.Errorf("MEMORY USAGE %s: %s", key, v.Text())
		}
	}
}

// TestLimitsOfRestore: what was dumped under wider limits than there are where it
// is restored is unpacked as Redis does it: by its number of elements alone.
func TestLimitsOfRestore(t *testing.T) {
	redis := redistest.Start(t, t.TempDir(), "--hash-max-listpack-value", "1000", "--zset-max-listpack-value", "1000")
	client := difftest.StartNode(t, collections).Dial(t)
	long := strings.Repeat("long", 50)
	for key, argv := range map[string][]string{
		"few long values":  {"HSET", "k", "a", long, "b", "1"},
		"few long members": {"ZADD", "k", "1", long, "2", "b"},
		"many fields":      {"HSET", "k", "a", "1", "b", "2", "c", "3", "d", "4"},
		"many members":     {"ZADD", "k", "1", "a", "2", "b", "3", "c", "4", "d"},
		"many numbers":     {"SADD", "k", "1", "2", "3", "4"},
	} {
		redis.Do("DEL", "k")
		redis.Do(argv...)
		payload := redis.Do("DUMP", "k").Str
		for name, wide := range map[string]string{
			"hash-max-listpack-value": "1000", "zset-max-listpack-value": "1000",
			"hash-max-listpack-entries": "512", "zset-max-listpack-entries": "128", "set-max-intset-entries": "512",
		} {
			narrow := "2"
			redis.Do("CONFIG", "SET", name, narrow)
			client.Ask(t, "CONFIG", "SET", name, narrow)
			redis.Do("RESTORE", "r", "0", payload, "REPLACE")
			client.Ask(t, "RESTORE", "r", "0", payload, "REPLACE")
			want, got := redis.Do("OBJECT", "ENCODING", "r").Str, client.Ask(t, "OBJECT", "ENCODING", "r").Str
			if want != got {
				t.Errorf("%s, %s %s: %s, Redis's is %s", key, name, narrow, got, want)
			}
			redis.Do("CONFIG", "SET", name, wide)
			client.Ask(t, "CONFIG", "SET", name, wide)
		}
	}
}

func TestRestore(t *testing.T) {
	const (
		hello = `"\x00\x05hello\n\x00\xf5c\xd8)\xd8\x00\xd0\xc7"`
		twin  = `"\x02\x02\x01a\x01a\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"` // a set that has a twice
	)
	difftest.Run(t, collections, `
		RESTORE k 0 `+hello+`
		RESTORE k 0 x
		RESTORE k 0 x REPLACE
		RESTORE k2 0 x
		RESTORE k2 0 ""
		RESTORE k2 -1 `+hello+`
		RESTORE k2 x `+hello+`
		RESTORE k2 0 `+hello+` FOO
		RESTORE k2 0 `+hello+` IDLETIME
		RESTORE k2 0 `+hello+` IDLETIME -1
		RESTORE k2 0 `+hello+` IDLETIME x
		RESTORE k2 0 `+hello+` FREQ -1
		RESTORE k2 0 `+hello+` FREQ 256
		RESTORE k2 0 `+hello+` FREQ x
		RESTORE k2 0 `+hello+` FREQ 5 IDLETIME 1
		RESTORE k2 0 `+hello+` IDLETIME 5 FREQ 1
		RESTORE k2 0
		EXISTS k2
		RESTORE k2 1 `+hello+` ABSTTL
		EXISTS k2
		SET k2 old
		RESTORE k2 1 `+hello+` ABSTTL REPLACE
		EXISTS k2
		DEBUG SET-SKIP-CHECKSUM-VALIDATION 1
		RESTORE d 0 "\x00\x01a\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		GET d
		RESTORE d 0 "\x00\x01a\x0d\x00\x00\x00\x00\x00\x00\x00\x00\x00" REPLACE # skip
		RESTORE d 0 "\xf0\x02a\n\x00\x00\x00\x00\x00\x00\x00\x00\x00" REPLACE
		RESTORE d 0 `+twin+` REPLACE
		GET d
		RESTORE fresh 0 `+twin+`
		EXISTS fresh
		SADD d2 keep
		RESTORE d2 0 `+twin+` REPLACE
		SMEMBERS d2
		RESTORE d2 0 "\x02\x02\x01a\x01b\n\x00\x00\x00\x00\x00\x00\x00\x00\x00" REPLACE
		SMEMBERS d2 # unordered
		DBSIZE
		RESTORE e 0 "\x02\x00\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		DEBUG SET-SKIP-CHECKSUM-VALIDATION 0
		RESTORE d3 0 `+twin+`
		CONFIG SET maxmemory-policy allkeys-lru
		RESTORE idle 0 `+hello+` IDLETIME 1000
		OBJECT IDLETIME idle
		CONFIG SET maxmemory-policy allkeys-lfu
		RESTORE freq 0 `+hello+` FREQ 100
		OBJECT FREQ freq
		CONFIG SET maxmemory-policy noeviction
	`)
}

func TestRestoreStream(t *testing.T) {
	const hello = `"\x00\x05hello\n\x00\xf5c\xd8)\xd8\x00\xd0\xc7"`
	difftest.RunStream(t, collections, `
		RESTORE a 0 `+hello+`
		RESTORE b 99999999999999 `+hello+` ABSTTL
		RESTORE a 1 `+hello+` ABSTTL REPLACE
		RESTORE a 1 `+hello+` ABSTTL REPLACE
		RESTORE a 0 `+hello+` REPLACE IDLETIME 5
		RESTORE a 0 `+hello+`
	`)
}

func TestRestoreTimeToLive(t *testing.T) {
	node := difftest.StartNode(t, collections)
	client := node.Dial(t)
	client.Ask(t, "SET", "k", "v")
	payload := client.Ask(t, "DUMP", "k").Str
	stream := difftest.Listen(t, node.Dial(t))
	client.Ask(t, "RESTORE", "copy", "5000", payload)
	at := client.Ask(t, "PEXPIRETIME", "copy").Int
	if ttl := client.Ask(t, "PTTL", "copy").Int; ttl < 1 || ttl > 5000 {
		t.Errorf("a time to live of %d ms", ttl)
	}
	stream.Want(t, "SELECT 0", fmt.Sprintf("RESTORE copy %d %s ABSTTL", at, payload))
}
