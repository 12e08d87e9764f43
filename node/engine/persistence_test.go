// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/redistest"
)

// fill writes a few keys of each kind that a dump tells apart.
func fill(t *testing.T, c *difftest.Client) {
	t.Helper()
	for _, argv := range [][]string{
		{"SET", "text", "some text"}, {"SET", "number", "12345"}, {"SET", "empty", ""},
		{"SET", "long", strings.Repeat("a long and boring value ", 1000)},
		{"SET", "mortal", "x", "EX", "100000"},
		{"SELECT", "7"}, {"SET", "elsewhere", "\x00\x01\xff"}, {"SELECT", "0"},
	} {
		want(t, c.Ask(t, argv...), "OK")
	}
}

func TestDumpsAreExchangedWithRedis(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--dir", dir)
	c := n.Dial(t)
	fill(t, c)
	digest := c.Ask(t, "DEBUG", "DIGEST").Str
	want(t, c.Ask(t, "SAVE"), "OK")
	n.Stop()

	r := redistest.Start(t, dir, "--enable-debug-command", "yes")
	want(t, r.Ask("DEBUG", "DIGEST"), digest)
	r.Do("SET", "of", "redis")
	digest = r.Do("DEBUG", "DIGEST").Str
	r.Do("SAVE")

	again := start(t, "--dir", dir)
	want(t, again.Do(t, "DEBUG", "DIGEST"), digest)
	if info := again.Do(t, "INFO", "persistence").Str; !strings.Contains(info, "rdb_last_load_keys_loaded:7\r\n") {
		t.Errorf("INFO does not tell of 7 keys loaded:\n%s", info)
	}
}

func TestExpiredKeysAreNotLoaded(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--dir", dir)
	c := n.Dial(t)
	c.Ask(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	c.Ask(t, "SET", "gone", "x", "PX", "1")
	c.Ask(t, "SET", "here", "x", "EX", "1000")
	c.Ask(t, "DEBUG", "SLEEP", "0.01")
	want(t, c.Ask(t, "SAVE"), "OK")
	n.Stop()
	again := start(t, "--dir", dir)
	want(t, again.Do(t, "DBSIZE"), "1")
	if !strings.Contains(again.Log(), "keys loaded: 1, keys expired: 1.") {
		t.Error("the log does not tell of the key that had expired")
	}
}

// TestBackgroundSaveIsOneMoment writes pairs of keys in transactions while
// dumps are made: a dump must hold both of a pair or neither.
func TestBackgroundSaveIsOneMoment(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--dir", dir)
	c := n.Dial(t)
	c.Ask(t, "DEBUG", "POPULATE", "20000")
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 2 {
		conn := n.Dial(t)
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				conn.Send(t, "MULTI")
				conn.Send(t, "SET", fmt.Sprintf("left:%d", w), fmt.Sprint(i))
				conn.Send(t, "SET", fmt.Sprintf("key:%d", (i*7919+w)%20000), fmt.Sprint(i))
				conn.Send(t, "SET", fmt.Sprintf("right:%d", w), fmt.Sprint(i))
				conn.Send(t, "EXEC")
				for range 5 {
					if _, err := conn.Receive(); err != nil {
						t.Errorf("writer: %v", err)
						return
					}
				}
			}
		})
	}
	for range 5 {
		want(t, c.Ask(t, "BGSAVE"), "Background saving started")
		awaitSaved(t, c)
		pairs := map[string]string{}
		keys := 0
		_, err := rdb.LoadFile(filepath.Join(dir, "dump.rdb"), collect(func(it *rdb.Item) {
			keys++
			if key := string(it.Key); !strings.HasPrefix(key, "key:") {
				pairs[key] = string(it.String)
			}
		}), rdb.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for w := range 2 {
			if l, r := pairs[fmt.Sprintf("left:%d", w)], pairs[fmt.Sprintf("right:%d", w)]; l != r {
				t.Errorf("the dump holds %q of a transaction and %q", l, r)
			}
		}
		if keys != 20000+len(pairs) {
			t.Errorf("the dump holds %d keys, want %d", keys, 20000+len(pairs))
		}
	}
	close(stop)
	writers.Wait()
}

type collect func(*rdb.Item)

func (collect) Aux(string, string) error         { return nil }
func (collect) Resize(int, uint64, uint64) error { return nil }
func (c collect) Item(it *rdb.Item) error {
	c(it)
	return nil
}

// awaitSaved waits for the end of a background save.
func awaitSaved(t *testing.T, c *difftest.Client) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(c.Ask(t, "INFO", "persistence").Str, "rdb_bgsave_in_progress:0") {
			return
		}
	}
	t.Fatal("the background save does not end")
}

func TestBackgroundSaveCommands(t *testing.T) {
	n := start(t, "--rdb-key-save-delay", "1000")
	c := n.Dial(t)
	c.Ask(t, "DEBUG", "POPULATE", "200")
	want(t, c.Ask(t, "BGSAVE"), "Background saving started")
	want(t, c.Ask(t, "BGSAVE"), "ERR Background save already in progress")
	want(t, c.Ask(t, "SAVE"), "ERR Background save already in progress")
	want(t, c.Ask(t, "SET", "a", "1"), "OK") // nobody waits
	awaitSaved(t, c)
	want(t, c.Ask(t, "CONFIG", "SET", "rdb-key-save-delay", "0"), "OK")
	c.Ask(t, "MULTI")
	c.Ask(t, "SET", "b", "1")
	c.Ask(t, "BGSAVE")
	c.Ask(t, "SET", "c", "1")
	want(t, c.Ask(t, "EXEC"), "[OK Background saving scheduled OK]")
	n.Await(t, "Background saving terminated with success\n")
	awaitSaved(t, c)
	if info := c.Ask(t, "INFO", "persistence").Str; !strings.Contains(info, "rdb_last_bgsave_status:ok") {
		t.Errorf("INFO persistence:\n%s", info)
	}
}

func TestSavePoints(t *testing.T) {
	n := start(t, "--save", "1 3")
	c := n.Dial(t)
	c.Ask(t, "SET", "a", "1")
	c.Ask(t, "SET", "a", "2")
	c.Ask(t, "SET", "a", "3")
	n.Await(t, "3 changes in 1 seconds. Saving...")
	n.Await(t, "Background saving terminated with success")
	if _, err := os.Stat(filepath.Join(n.Dir, "dump.rdb")); err != nil {
		t.Error(err)
	}
}

func TestFailedSaveBarsWrites(t *testing.T) {
	n := start(t, "--save", "3600 1")
	c := n.Dial(t)
	c.Ask(t, "SET", "a", "1")
	// A directory in the dump's place makes the renaming fail, for root too.
	dump := filepath.Join(n.Dir, "dump.rdb")
	if err := os.MkdirAll(filepath.Join(dump, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	want(t, c.Ask(t, "BGSAVE"), "Background saving started")
	n.Await(t, "Background saving error")
	for _, argv := range [][]string{{"SET", "a", "2"}, {"PING"}, {"DEL", "a"}} {
		if v := c.Ask(t, argv...); !strings.HasPrefix(v.Str, "MISCONF ") {
			t.Errorf("%v after a failed save: %s", argv, v.Text())
		}
	}
	want(t, c.Ask(t, "GET", "a"), "1")
	if info := c.Ask(t, "INFO", "persistence").Str; !strings.Contains(info, "rdb_last_bgsave_status:err") {
		t.Errorf("INFO persistence:\n%s", info)
	}
	want(t, c.Ask(t, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no"), "OK")
	want(t, c.Ask(t, "SET", "a", "2"), "OK")
	want(t, c.Ask(t, "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"), "OK")
	if err := os.RemoveAll(dump); err != nil {
		t.Fatal(err)
	}
	want(t, c.Ask(t, "SAVE"), "OK")
	want(t, c.Ask(t, "SET", "a", "3"), "OK")
	if left, _ := filepath.Glob(filepath.Join(n.Dir, "temp-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFlushAllEmptiesTheDump(t *testing.T) {
	n := start(t, "--save", "3600 1")
	c := n.Dial(t)
	c.Ask(t, "SET", "a", "1")
	want(t, c.Ask(t, "SAVE"), "OK")
	want(t, c.Ask(t, "FLUSHALL"), "OK")
	again := start(t, "--dir", n.Dir)
	want(t, again.Do(t, "DBSIZE"), "0")
}

func TestDamagedDumpStopsTheNode(t *testing.T) {
	n := start(t)
	c := n.Dial(t)
	fill(t, c)
	want(t, c.Ask(t, "SAVE"), "OK")
	n.Stop()
	path := filepath.Join(n.Dir, "dump.rdb")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":      func(b []byte) []byte { return b[:len(b)/2] },
		"one bit":      func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"no dump":      func([]byte) []byte { return []byte("something else entirely") },
		"empty":        func([]byte) []byte { return nil },
		"unknown type": func(b []byte) []byte { return append(b[:9:9], 99) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, damage(append([]byte(nil), good...)), 0o644); err != nil {
				t.Fatal(err)
			}
			cfg := config.New()
			cfg.Adjust(func(v *config.Values) { v.Dir = n.Dir })
			var lines strings.Builder
			e := engine.New(cfg, log.New(&lines, time.Now), families())
			err := e.Load()
			if err == nil {
				t.Fatal("a damaged dump is loaded")
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(lines.String(), "Fatal error loading the DB") {
				t.Errorf("%v\n%s", err, &lines)
			}
			var format *rdb.FormatError
			if errors.As(err, &format) && !strings.Contains(err.Error(), "offset ") {
				t.Errorf("no offset in %v", err)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	t.Run("saves where save points are set", func(t *testing.T) {
		n := start(t, "--save", "3600 1")
		c := n.Dial(t)
		c.Ask(t, "SET", "a", "1")
		c.Send(t, "SHUTDOWN")
		exits(t, n, 0)
		for _, line := range []string{
			"# User requested shutdown...", "* Saving the final RDB snapshot before exiting.", "* DB saved on disk",
			"# Redis is now ready to exit, bye bye...",
		} {
			if !strings.Contains(n.Log(), line) {
				t.Errorf("the log lacks %q", line)
			}
		}
		again := start(t, "--dir", n.Dir)
		want(t, again.Do(t, "GET", "a"), "1")
	})
	t.Run("does not save without them", func(t *testing.T) {
		n := start(t)
		n.Do(t, "SET", "a", "1")
		n.Engine.Signal(false)
		exits(t, n, 0)
		if !strings.Contains(n.Log(), "# Received SIGTERM scheduling shutdown...") {
			t.Error("the log does not tell of the signal")
		}
		if _, err := os.Stat(filepath.Join(n.Dir, "dump.rdb")); err == nil {
			t.Error("there is a dump")
		}
	})
	t.Run("NOSAVE and SAVE", func(t *testing.T) {
		n := start(t, "--save", "3600 1")
		n.Dial(t).Send(t, "SHUTDOWN", "NOSAVE")
		exits(t, n, 0)
		if _, err := os.Stat(filepath.Join(n.Dir, "dump.rdb")); err == nil {
			t.Error("there is a dump after NOSAVE")
		}
		n = start(t)
		n.Dial(t).Send(t, "SHUTDOWN", "SAVE", "NOW")
		exits(t, n, 0)
		if _, err := os.Stat(filepath.Join(n.Dir, "dump.rdb")); err != nil {
			t.Errorf("no dump after SAVE: %v", err)
		}
	})
	t.Run("is refused when the save fails, unless forced", func(t *testing.T) {
		n := start(t, "--save", "3600 1", "--stop-writes-on-bgsave-error", "no")
		c := n.Dial(t)
		if err := os.MkdirAll(filepath.Join(n.Dir, "dump.rdb", "x"), 0o755); err != nil {
			t.Fatal(err)
		}
		want(t, c.Ask(t, "SHUTDOWN"), "ERR Errors trying to SHUTDOWN. Check logs.")
		want(t, c.Ask(t, "SET", "a", "1"), "OK")
		c.Send(t, "SHUTDOWN", "FORCE")
		exits(t, n, 0)
	})
}

func exits(t *testing.T, n *difftest.Node, code int) {
	t.Helper()
	select {
	case got := <-n.Engine.Exits():
		if got != code {
			t.Errorf("exit code %d, want %d", got, code)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the node does not end")
	}
}
