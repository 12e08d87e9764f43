// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/dataset"
	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/hashes"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/sets"
	"github.com/espalier-io/espalier/node/store"
	stringcommands "github.com/espalier-io/espalier/node/strings"
	"github.com/espalier-io/espalier/node/zsets"
)

// everyType are the families of all types.
func everyType() engine.Families {
	return engine.Families{
		stringcommands.Commands(), keys.Commands(), hashes.Commands(), lists.Commands(), sets.Commands(), zsets.Commands(),
	}
}

// startWithCollections starts a node that serves every type.
func startWithCollections(t *testing.T, options ...string) *difftest.Node {
	t.Helper()
	return difftest.StartNode(t, everyType(), append([]string{"--enable-debug-command", "yes"}, options...)...)
}

// TestCollectionsAreExchangedWithRedis: the node takes Redis's dump with every
// encoding, keeps it over a reload, and Redis takes the node's.
func TestCollectionsAreExchangedWithRedis(t *testing.T) {
	dir := t.TempDir()
	first := redistest.Start(t, dir, "--enable-debug-command", "yes")
	redistest.EveryEncoding(first.Do)
	first.Do("SAVE")
	digest := first.Do("DEBUG", "DIGEST").Str

	n := startWithCollections(t, "--dir", dir)
	c := n.Dial(t)
	want(t, c.Ask(t, "DEBUG", "DIGEST"), digest)
	want(t, c.Ask(t, "DEBUG", "RELOAD"), "OK")
	want(t, c.Ask(t, "DEBUG", "DIGEST"), digest)
	want(t, c.Ask(t, "BGSAVE"), "Background saving started")
	awaitSaved(t, c)
	n.Stop()
	second := redistest.Start(t, dir, "--enable-debug-command", "yes")
	want(t, second.Ask("DEBUG", "DIGEST"), digest)
}

// TestLargeCollectionsAreSavedAsOneMoment appends the same number to a
// collection of each type, again and again, while dumps are made: what a dump
// holds of them must end with the same number, whatever their sizes.
func TestLargeCollectionsAreSavedAsOneMoment(t *testing.T) {
	n := startWithCollections(t)
	c := n.Dial(t)
	const before, step = 50_000, 500
	for from := 0; from < before; from += step {
		hash, list, set, zset := []string{"HSET", "hash"}, []string{"RPUSH", "list"}, []string{"SADD", "set"}, []string{"ZADD", "zset"}
		for i := from; i < from+step; i++ {
			s := strconv.Itoa(i)
			hash, list, set, zset = append(hash, s, s), append(list, s), append(set, "member "+s), append(zset, s, s)
		}
		for _, argv := range [][]string{hash, list, set, zset} {
			c.Ask(t, argv...)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	conn := n.Dial(t)
	go func() {
		defer close(done)
		for i := before; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s, old := strconv.Itoa(i), strconv.Itoa(i-before)
			for _, argv := range [][]string{
				{"MULTI"}, {"HSET", "hash", s, s}, {"RPUSH", "list", s}, {"SADD", "set", "member " + s}, {"ZADD", "zset", s, s},
				{"HDEL", "hash", old}, {"LPOP", "list"}, {"SREM", "set", "member " + old}, {"ZREM", "zset", old}, {"EXEC"},
			} {
				conn.Send(t, argv...)
			}
			for range 10 {
				if _, err := conn.Receive(); err != nil {
					t.Errorf("writer: %v", err)
					return
				}
			}
		}
	}()
	for range 4 {
		want(t, c.Ask(t, "BGSAVE"), "Background saving started")
		awaitSaved(t, c)
		checkMoment(t, filepath.Join(n.Dir, "dump.rdb"), before)
	}
	close(stop)
	<-done
}

// checkMoment loads a dump and makes sure that all collections hold the same n
// numbers in a row.
func checkMoment(t *testing.T, file string, n int) {
	t.Helper()
	st := store.New(store.Options{Databases: 1})
	defer st.Close()
	_, err := rdb.LoadFile(file, collect(func(it *rdb.Item) {
		if _, err := dataset.Put(st.DB(0), it); err != nil {
			t.Error(err)
		}
	}), rdb.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(key string) store.Value {
		v, ok := st.DB(0).Peek([]byte(key))
		if !ok {
			t.Fatalf("the dump does not hold the %s", key)
		}
		return v
	}
	list, hash, set, zset := get("list").List(), get("hash").Hash(), get("set").Set(), get("zset").ZSet()
	first, _ := strconv.Atoi(string(list.At(0)))
	if got := fmt.Sprint(list.Len(), hash.Len(), set.Len(), zset.Len()); got != fmt.Sprint(n, n, n, n) {
		t.Fatalf("the dump holds %s numbers, from %d on, want %d of each", got, first, n)
	}
	for i := range n {
		s := strconv.Itoa(first + i)
		_, inHash := hash.Get([]byte(s))
		rank, _, inZSet := zset.Rank([]byte(s))
		if !inHash || !inZSet || rank != i || !set.Has([]byte("member "+s)) || string(list.At(i)) != s {
			t.Fatalf("the dump, from %d on, does not hold the number %s everywhere", first, s)
		}
	}
}

// TestEmptyCollectionsAreSkipped as Redis does it, in its words.
func TestEmptyCollectionsAreSkipped(t *testing.T) {
	dir := t.TempDir()
	dump := "REDIS0010\xfe\x00\x04\x04hash\x00\x02\x03set\x00\x12\x04list\x00\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	n := startWithCollections(t, "--dir", dir)
	want(t, n.Do(t, "DBSIZE"), "1")
	for _, line := range []string{
		"rdbLoadObject skipping empty key: hash", "rdbLoadObject skipping empty key: list",
		"Done loading RDB, keys loaded: 1, keys expired: 0, empty keys skipped: 3.",
	} {
		if !strings.Contains(n.Log(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}

// TestLimitsHoldForDumps: the limits of packed collections are those of the
// command line and of CONFIG SET, for commands, for what is loaded, and for what
// is restored, as with Redis.
func TestLimitsHoldForDumps(t *testing.T) {
	pair := difftest.NewPair(t, everyType(),
		"--hash-max-ziplist-entries", "2", "--hash-max-listpack-value", "8", "--set-max-intset-entries", "2",
		"--zset-max-ziplist-entries", "2", "--zset-max-listpack-value", "8", "--list-max-listpack-size", "2")
	const encodings = `
		OBJECT ENCODING h
		OBJECT ENCODING H
		OBJECT ENCODING hv
		OBJECT ENCODING s
		OBJECT ENCODING S
		OBJECT ENCODING z
		OBJECT ENCODING Z
		OBJECT ENCODING zv
		DUMP l
	`
	for _, step := range []string{`
		HSET h a 1 b 2
		HSET H a 1 b 2 c 3
		HSET hv a longer-than-eight
		SADD s 1 2
		SADD S 1 2 3
		ZADD z 1 a 2 b
		ZADD Z 1 a 2 b 3 c
		ZADD zv 1 longer-than-eight
		RPUSH l a b c d e
	`, "DEBUG RELOAD", `
		CONFIG SET hash-max-listpack-entries 100 hash-max-ziplist-value 100 set-max-intset-entries 100
		CONFIG SET zset-max-listpack-entries 100 zset-max-ziplist-value 100 list-max-ziplist-size -1
		CONFIG GET *listpack* # unordered
		CONFIG GET *ziplist* # unordered
	`, `
		# A list of Redis obeys the limit under which it was made or loaded.
		DEBUG RELOAD
		RPUSH l f g
	`, `
		CONFIG SET hash-max-listpack-entries 1 set-max-intset-entries 1 zset-max-listpack-entries 1
		DEBUG RELOAD
		RPUSH l h i
	`} {
		pair.Compare(t, step)
		pair.Compare(t, encodings)
	}
}
