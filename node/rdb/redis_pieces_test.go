// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// debugging lets tests ask for what Redis has inside.
var debugging = []string{"--enable-debug-command", "yes"}

// TestCollectionsOfRedis: a dump of Redis with every encoding is read, written
// again, accepted by redis-check-rdb, and loaded by another Redis, which then
// holds the same data set.
func TestCollectionsOfRedis(t *testing.T) {
	for _, compression := range []string{"yes", "no"} {
		first := redistest.Start(t, t.TempDir(), append(debugging, "--rdbcompression", compression)...)
		redistest.EveryEncoding(first.Do)
		first.Do("SAVE")
		var k kept
		if _, err := LoadFile(filepath.Join(first.Dir, "dump.rdb"), &k, LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "dump.rdb")
		dump := written(t, WriterOptions{Compress: compression == "yes", Checksum: true}, Header{RedisVersion: "7.0.15"}, k.Items...)
		if err := os.WriteFile(file, dump, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(redistest.Binary(t, "redis-check-rdb"), file).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(strconv.Itoa(len(k.Items))+" keys read")) {
			t.Errorf("redis-check-rdb: %v\n%s", err, out)
		}
		second := redistest.Start(t, dir, append(debugging, "--sanitize-dump-payload", "yes")...)
		if a, b := first.Do("DEBUG", "DIGEST").Str, second.Do("DEBUG", "DIGEST").Str; a != b {
			t.Errorf("compression %s: the digest of Redis is %s, that of our dump in Redis %s", compression, a, b)
		}
		if a, b := first.Do("INFO", "keyspace").Str, second.Do("INFO", "keyspace").Str; a != b {
			t.Errorf("compression %s: %s became %s", compression, a, b)
		}
	}
}

// TestDumpsOfCollections: what Redis dumps is restored and dumped again in the
// same bytes.
func TestDumpsOfCollections(t *testing.T) {
	for _, compression := range []string{"yes", "no"} {
		server := redistest.Start(t, t.TempDir(), append(debugging, "--rdbcompression", compression)...)
		redistest.EveryEncoding(server.Do)
		for _, db := range []string{"0", "7"} {
			server.Do("SELECT", db)
			for _, key := range server.Do("KEYS", "*").Elems {
				payload := server.Do("DUMP", key.Str).Str
				var it Item
				if err := Restore([]byte(payload), &it, false); err != nil {
					t.Errorf("%s: %v", key.Str, err)
					continue
				}
				if got := Dump(&it, compression == "yes"); string(got) != payload {
					t.Errorf("%s, compression %s: %d bytes were dumped, %d by Redis: %s", key.Str, compression, len(got), len(payload), difference(string(got), payload))
				}
			}
		}
	}
}

func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("from byte %d on %.60q and %.60q", i, a[i:], b[i:])
}

// TestRedisRefusesWeRefuse damages payloads: whatever Redis refuses to restore
// with sanitize-dump-payload, the node refuses.
func TestRedisRefusesWeRefuse(t *testing.T) {
	server := redistest.Start(t, t.TempDir(), append(debugging, "--sanitize-dump-payload", "yes", "--rdbcompression", "no")...)
	redistest.EveryEncoding(server.Do)
	r := rand.New(rand.NewPCG(7, 7))
	refused, stricter := 0, 0
	try := func(name string, body []byte) {
		payload := string(footed(body, 10))
		theirs := server.Ask("RESTORE", "target", "0", payload, "REPLACE").Err()
		ours := Restore([]byte(payload), &Item{}, false)
		switch {
		case theirs != nil && ours == nil:
			t.Errorf("%s is refused by Redis: %v: %.200q", name, theirs, payload)
		case theirs != nil:
			refused++
		case ours != nil:
			stricter++
		}
	}
	for _, key := range []string{"hash:small", "set:16", "set:32", "set:64", "zset:small", "zset:extremes", "list:small", "hash:long", "zset:long", "list:long"} {
		payload := []byte(server.Do("DUMP", key).Str)
		body := payload[:len(payload)-footerSize]
		for range 150 {
			damaged := bytes.Clone(body)
			at := r.IntN(len(damaged))
			if r.IntN(2) == 0 {
				at = r.IntN(min(len(damaged), 40))
			}
			damaged[at] = byte(r.Uint32())
			try(key, damaged)
		}
	}
	for _, old := range oldForms() {
		if old.code == codeSetListpack { // newer than this Redis
			continue
		}
		dump := inDump(old.code, old.bare(), old.value)
		body := []byte(dump[9:10] + dump[12:len(dump)-9])
		try(old.name, body)
		for range 150 {
			damaged := bytes.Clone(body)
			damaged[r.IntN(min(len(damaged), 120))] = byte(r.Uint32())
			try(old.name, damaged)
		}
	}
	t.Logf("refused by both: %d, by the node alone: %d", refused, stricter)
	if refused < 500 {
		t.Errorf("Redis refused %d payloads only", refused)
	}
}
