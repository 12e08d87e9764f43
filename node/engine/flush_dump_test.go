// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/rdb"
)

// TestFlushedDumpStandsBehindTheFlush: the empty dump that FLUSHALL leaves names
// the position at which the data set is empty, not one at which it was not.
func TestFlushedDumpStandsBehindTheFlush(t *testing.T) {
	check := func(t *testing.T, n *difftest.Node, c *difftest.Client) {
		t.Helper()
		keys := 0
		sum, err := rdb.LoadFile(filepath.Join(n.Dir, "dump.rdb"), collect(func(*rdb.Item) { keys++ }), rdb.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		at, offset := sum.Header.Replication, infoField(t, c, "replication", "master_repl_offset")
		if at == nil || strconv.FormatInt(at.Offset, 10) != offset || keys != 0 {
			t.Errorf("the dump of %d keys stands at %+v, the node at %s", keys, at, offset)
		}
	}
	t.Run("master", func(t *testing.T) {
		n := start(t, "--save", "3600 1", "--repl-diskless-sync-delay", "0")
		listen(t, n)
		c := n.Dial(t)
		c.Ask(t, "SET", "a", "1")
		want(t, c.Ask(t, "FLUSHALL"), "OK")
		check(t, n, c)
		c.Ask(t, "SET", "a", "1")
		for _, word := range []string{"MULTI", "SET a 2", "FLUSHALL", "EXEC"} {
			if word == "SET a 2" {
				c.Ask(t, "SET", "a", "2")
			} else {
				c.Ask(t, word)
			}
		}
		check(t, n, c)
	})
	t.Run("replica", func(t *testing.T) {
		p := newPuppet(t, fullSync)
		n := start(t, "--save", "3600 1", "--replicaof", "127.0.0.1 "+p.port())
		c := n.Dial(t)
		saves := func() string { return infoField(t, c, "persistence", "rdb_saves") }
		n.Await(t, "Finished with success")
		before := saves()
		for _, batch := range [][]string{{"SET a 1", "FLUSHALL"}, {"SET a 1", "MULTI", "SET b 1", "FLUSHALL", "EXEC"}} {
			for _, line := range batch {
				p.stream <- line
			}
			eventually(t, "the flush is saved", func() bool { return saves() != before })
			check(t, n, c)
			before = saves()
		}
	})
}

// TestFlushEndsABackgroundSave: at once, in the middle of many keys, and nothing
// of it reaches the dump.
func TestFlushEndsABackgroundSave(t *testing.T) {
	n := start(t, "--rdb-key-save-delay", "1000")
	c := n.Dial(t)
	c.Ask(t, "DEBUG", "POPULATE", "60000") // a minute of saving
	want(t, c.Ask(t, "BGSAVE"), "Background saving started")
	want(t, c.Ask(t, "FLUSHALL"), "OK")
	awaitSaved(t, c)
	if _, err := os.Stat(filepath.Join(n.Dir, "dump.rdb")); err == nil {
		t.Error("the save that was ended has left a dump")
	}
	want(t, c.Ask(t, "BGSAVE"), "Background saving started")
	awaitSaved(t, c)
	sum, err := rdb.LoadFile(filepath.Join(n.Dir, "dump.rdb"), collect(func(*rdb.Item) {}), rdb.LoadOptions{})
	if err != nil || sum.Keys != 0 {
		t.Errorf("the dump behind the flush: %d keys, %v", sum.Keys, err)
	}
}
