// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/redistest"
	"github.com/google/go-cmp/cmp"
)

// inTheFuture is a time of expiry that the tests don't reach.
var inTheFuture = time.Now().Add(24 * time.Hour).UnixMilli()

// alive are the samples that a Redis keeps when it loads them.
func alive() []Item {
	items := samples()
	for i := range items {
		if items[i].ExpireAt != NoExpiry {
			items[i].ExpireAt = inTheFuture + int64(i)
		}
	}
	return items
}

// TestRedisLoadsOurs has Redis check and load dumps of the node.
func TestRedisLoadsOurs(t *testing.T) {
	for name, opts := range map[string]WriterOptions{
		"plain": {}, "compressed": {Compress: true, Checksum: true},
		"with sizes": {Checksum: true, Sizes: func(int) (uint64, uint64) { return 20, 5 }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			items := alive()
			dump := written(t, opts, Header{
				RedisVersion: "7.0.15", CreatedAt: time.Now().Unix(),
				Replication: &Replication{StreamDB: 1, ID: strings.Repeat("ab", 20), Offset: 4711},
				Extra:       []Aux{{"espalier-unknown", "x"}},
			}, items...)
			file := filepath.Join(dir, "dump.rdb")
			if err := os.WriteFile(file, dump, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(redistest.Binary(t, "redis-check-rdb"), file).CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte(strconv.Itoa(len(items))+" keys read")) {
				t.Errorf("redis-check-rdb: %v\n%s", err, out)
			}
			server := redistest.Start(t, dir, "--maxmemory-policy", "allkeys-lfu")
			for _, it := range items {
				key := string(it.Key)
				server.Do("SELECT", strconv.Itoa(it.DB))
				if it.Usage.Kind == UsageFrequency {
					// Asked first: other commands count as accesses.
					if got := server.Do("OBJECT", "FREQ", key).Int; uint64(got) != it.Usage.Value {
						t.Errorf("%q: frequency %d, want %d", key, got, it.Usage.Value)
					}
				}
				if got := server.Do("GET", key).Str; got != string(it.String) {
					t.Errorf("%q: %d bytes %.40q, want %d bytes %.40q", key, len(got), got, len(it.String), it.String)
				}
				if got := server.Do("PEXPIRETIME", key).Int; got != it.ExpireAt {
					t.Errorf("%q: expires at %d, want %d", key, got, it.ExpireAt)
				}
			}
			info := server.Do("INFO", "replication").Str
			if !strings.Contains(info, "master_replid2:"+strings.Repeat("ab", 20)) || !strings.Contains(info, "second_repl_offset:4712") {
				t.Errorf("the place in the replication history is lost:\n%s", info)
			}
		})
	}
}

// TestIdleTimes: what Redis makes of the idle times in a dump.
func TestIdleTimes(t *testing.T) {
	dir := t.TempDir()
	items := alive()
	dump := written(t, WriterOptions{}, Header{}, items...)
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), dump, 0o600); err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t, dir, "--maxmemory-policy", "allkeys-lru")
	for _, it := range items {
		if it.Usage.Kind != UsageIdle {
			continue
		}
		server.Do("SELECT", strconv.Itoa(it.DB))
		got := server.Do("OBJECT", "IDLETIME", string(it.Key)).Int
		if want := int64(it.Usage.Value); got < want || got > want+60 {
			t.Errorf("%q: idle for %d s, want %d", it.Key, got, want)
		}
	}
}

// TestLoadsRedis reads dumps that Redis wrote, by a child and in the
// foreground, with every option that changes the bytes.
func TestLoadsRedis(t *testing.T) {
	for _, options := range [][]string{
		{}, {"--rdbcompression", "no"}, {"--rdbchecksum", "no"},
		{"--maxmemory-policy", "allkeys-lru"}, {"--maxmemory-policy", "volatile-lfu"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			server := redistest.Start(t, t.TempDir(), options...)
			want := alive()
			for i := range want {
				it := &want[i]
				it.Usage = Usage{}
				server.Do("SELECT", strconv.Itoa(it.DB))
				server.Do("SET", string(it.Key), string(it.String))
				if it.ExpireAt != NoExpiry {
					server.Do("PEXPIREAT", string(it.Key), strconv.FormatInt(it.ExpireAt, 10))
				}
			}
			server.Do("SAVE")
			var k kept
			sum, err := LoadFile(filepath.Join(server.Dir, "dump.rdb"), &k, LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range k.Items {
				if len(options) > 0 && options[0] == "--maxmemory-policy" && k.Items[i].Usage == (Usage{}) {
					t.Errorf("%q: its usage is lost", k.Items[i].Key)
				}
				k.Items[i].Usage = Usage{}
			}
			byPlace := func(a, b Item) int { return a.DB<<16 - b.DB<<16 + bytes.Compare(a.Key, b.Key) }
			slices.SortFunc(want, byPlace)
			slices.SortFunc(k.Items, byPlace)
			if diff := cmp.Diff(want, k.Items, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Errorf("(-Redis +read):\n%s", diff)
			}
			if sum.Version != Version || sum.Header.RedisVersion == "" || sum.Header.CreatedAt == 0 || sum.Header.UsedMemory == 0 {
				t.Errorf("the summary %+v", sum)
			}
			if sizes := []string{"0: 12 6", "1: 11 6", "2: 11 5", "5: 3 0"}; !cmp.Equal(k.Sizes, sizes) {
				t.Errorf("sizes %q, want %q", k.Sizes, sizes)
			}
		})
	}
}

// TestRedisTypesAreRefused: what the node can't keep is named with its key.
func TestRedisTypesAreRefused(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	file := filepath.Join(server.Dir, "dump.rdb")
	server.Do("SELECT", "4")
	server.Do("XADD", "the-key", "*", "f", "v")
	server.Do("SAVE")
	_, err := LoadFile(file, &kept{}, LoadOptions{})
	var bad *UnsupportedError
	if !errors.As(err, &bad) || bad.Key != "the-key" || bad.DB != 4 || !strings.Contains(err.Error(), " holds a stream (2), ") {
		t.Errorf("a stream: %v", err)
	}
	server.Do("FLUSHALL")
	server.Do("FUNCTION", "LOAD", "#!lua name=mylib\nredis.register_function('f', function() return 1 end)")
	server.Do("SAVE")
	if _, err := LoadFile(file, &kept{}, LoadOptions{}); err == nil || !strings.Contains(err.Error(), `function library "mylib"`) {
		t.Errorf("a function: %v", err)
	}
}

func TestDumpAndRestoreAgainstRedis(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	for _, it := range alive() {
		server.Do("SET", "k", string(it.String))
		var back Item
		if err := Restore([]byte(server.Do("DUMP", "k").Str), &back, false); err != nil || !bytes.Equal(back.String, it.String) {
			t.Errorf("%q of Redis: %v", it.Key, err)
		}
		for _, compress := range []bool{false, true} {
			server.Do("RESTORE", "k", "0", string(Dump(&it, compress)), "REPLACE")
			if got := server.Do("GET", "k").Str; got != string(it.String) {
				t.Errorf("%q to Redis: %.40q", it.Key, got)
			}
		}
	}
}

func TestRestoreRefusals(t *testing.T) {
	whole := Dump(&Item{String: []byte("value")}, false)
	long := bytes.Clone(whole[:len(whole)-footerSize])
	for name, c := range map[string]struct {
		payload []byte
		footer  bool // refused for its footer
	}{
		"nothing":                    {nil, true},
		"a footer alone":             {whole[len(whole)-footerSize:], true},
		"a wrong checksum":           {append(bytes.Clone(whole[:len(whole)-1]), 0x55), true},
		"a newer version":            {footed(long, newestVersion+1), true},
		"bytes left over":            {footed(append(bytes.Clone(long), 'x'), 10), false},
		"a cut value":                {footed(long[:len(long)-1], 10), false},
		"another type":               {footed([]byte{15, 0}, 10), false},
		"no ziplist":                 {footed([]byte{13, 0}, 10), false},
		"an empty hash":              {footed([]byte{4, 0}, 10), false},
		"a field twice":              {footed([]byte("\x04\x02\x01a\x01b\x01a\x01c"), 10), false},
		"a field twice in a ziplist": {footed([]byte("\x0d\x17"+ziplist("\x01a", "\x01b", "\x01a", "\x01c")), 10), false},
		"a member twice":             {footed([]byte("\x02\x03\x01a\x01b\x01a"), 10), false},
	} {
		err := Restore(c.payload, &Item{}, false)
		if err == nil || errors.Is(err, ErrDumpFooter) != c.footer {
			t.Errorf("%s: %v", name, err)
		}
	}
	var it Item
	if err := Restore(append(bytes.Clone(whole[:len(whole)-1]), 0x55), &it, true); err != nil {
		t.Errorf("a wrong checksum that shall not count: %v", err)
	}
	if err := Restore(footed(long, 9), &it, false); err != nil || string(it.String) != "value" {
		t.Errorf("an older version: %v", err)
	}
}

func footed(value []byte, version byte) []byte {
	payload := append(bytes.Clone(value), version, 0)
	sum := checksum(0, payload)
	for range 8 {
		payload = append(payload, byte(sum))
		sum >>= 8
	}
	return payload
}
