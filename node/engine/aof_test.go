// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/resp"
)

// manifestOf is the manifest in a data directory, its words only.
func manifestOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("file appendonly.aof.", "", " seq", "", " type", "").Replace(strings.TrimSpace(string(text)))
}

// rewriteAOF rewrites the AOF and waits for the end.
func rewriteAOF(t *testing.T, c *difftest.Client) {
	t.Helper()
	want(t, c.Ask(t, "BGREWRITEAOF"), "Background append only file rewriting started")
	rewritten(t, c)
}

func rewritten(t *testing.T, c *difftest.Client) {
	t.Helper()
	eventually(t, "the rewrite to end", func() bool {
		return infoField(t, c, "persistence", "aof_rewrite_in_progress") == "0" &&
			infoField(t, c, "persistence", "aof_rewrite_scheduled") == "0"
	})
	want(t, resp.Value{Kind: resp.KindBulk, Str: infoField(t, c, "persistence", "aof_last_bgrewrite_status")}, "ok")
}

// checked lets redis-check-aof look at a directory.
func checked(t *testing.T, dir string) {
	t.Helper()
	check := exec.Command(redistest.Binary(t, "redis-check-aof"), filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"))
	if out, err := check.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("All AOF files and manifest are valid")) {
		t.Errorf("redis-check-aof: %v\n%s", err, out)
	}
}

// TestAOFIsExchangedWithRedis takes one directory through the node and Redis in
// turn: all encodings of all types, with a base in either form, and whatever is
// done to them afterwards in the increment.
func TestAOFIsExchangedWithRedis(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		t.Run("preamble "+preamble, func(t *testing.T) {
			dir := t.TempDir()
			options := []string{"--appendonly", "yes", "--aof-use-rdb-preamble", preamble, "--enable-debug-command", "yes"}
			r := redistest.Start(t, dir, options...)
			redistest.EveryEncoding(r.Do)
			r.Do("BGREWRITEAOF")
			eventually(t, "Redis's rewrite", func() bool {
				return strings.Contains(r.Ask("INFO", "persistence").Str, "aof_rewrite_in_progress:0")
			})
			r.Do("SELECT", "9")
			r.Do("SET", "behind", "the base", "EX", "1000")
			digest := r.Do("DEBUG", "DIGEST").Str

			n := startWithCollections(t, append([]string{"--dir", dir}, options...)...)
			c := n.Dial(t)
			want(t, c.Ask(t, "DEBUG", "DIGEST"), digest)
			redistest.EveryEncoding(func(argv ...string) resp.Value { return c.Ask(t, argv...) })
			want(t, c.Ask(t, "SELECT", "0"), "OK")
			fill(t, c)
			digest = c.Ask(t, "DEBUG", "DIGEST").Str
			want(t, c.Ask(t, "DEBUG", "LOADAOF"), "OK")
			want(t, c.Ask(t, "DEBUG", "DIGEST"), digest)
			rewriteAOF(t, c)
			for _, line := range []string{"MULTI", "SET multi 1", "SELECT 5", "SET multi 2", "EXEC", "FLUSHDB", "SET in-5 x", "SWAPDB 5 6"} {
				c.Ask(t, strings.Fields(line)...)
			}
			digest = c.Ask(t, "DEBUG", "DIGEST").Str
			n.Stop()
			checked(t, dir)
			back := redistest.Start(t, dir, options...)
			want(t, back.Ask("DEBUG", "DIGEST"), digest)
		})
	}
}

// TestAOFFiles follows the manifest through rewrites, with the AOF on and off.
func TestAOFFiles(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--dir", dir, "--auto-aof-rewrite-percentage", "0")
	c := n.Dial(t)
	manifest := func(lines ...string) {
		t.Helper()
		if got, want := manifestOf(t, dir), strings.Join(lines, "\n"); got != want {
			t.Errorf("the manifest says\n%s\nwant\n%s", got, want)
		}
	}
	want(t, c.Ask(t, "SET", "a", "1"), "OK")
	want(t, c.Ask(t, "CONFIG", "SET", "appendonly", "yes"), "OK")
	rewritten(t, c)
	manifest("1.base.rdb 1 b", "1.incr.aof 1 i")
	want(t, c.Ask(t, "SET", "b", "2"), "OK")
	rewriteAOF(t, c)
	manifest("2.base.rdb 2 b", "2.incr.aof 2 i")

	want(t, c.Ask(t, "CONFIG", "SET", "appendonly", "no"), "OK")
	want(t, c.Ask(t, "SET", "c", "not kept"), "OK")
	manifest("2.base.rdb 2 b", "2.incr.aof 2 i")
	rewriteAOF(t, c)
	manifest("3.base.rdb 3 b")
	digest := c.Ask(t, "DEBUG", "DIGEST").Str
	want(t, c.Ask(t, "DEBUG", "LOADAOF"), "OK")
	want(t, c.Ask(t, "DEBUG", "DIGEST"), digest)
	want(t, c.Ask(t, "CONFIG", "SET", "appendonly", "yes"), "OK")
	rewritten(t, c)
	manifest("4.base.rdb 4 b", "1.incr.aof 1 i")

	want(t, c.Ask(t, "CONFIG", "SET", "aof-disable-auto-gc", "yes"), "OK")
	rewriteAOF(t, c)
	rewriteAOF(t, c)
	manifest("6.base.rdb 6 b", "2.incr.aof 2 h", "5.base.rdb 5 h", "1.incr.aof 1 h", "4.base.rdb 4 h", "3.incr.aof 3 i")
	want(t, c.Ask(t, "CONFIG", "SET", "aof-disable-auto-gc", "no"), "OK")
	manifest("6.base.rdb 6 b", "3.incr.aof 3 i")
	files, err := os.ReadDir(filepath.Join(dir, "appendonlydir"))
	if err != nil || len(files) != 3 {
		t.Errorf("the directory holds %v, %v", files, err)
	}
}

// TestAOFHoldsEffects: without a replica nobody counts the stream,
// and the file gets everything all the same; what changes nothing is not in it.
func TestAOFHoldsEffects(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--dir", dir, "--appendonly", "yes")
	c := n.Dial(t)
	for _, line := range []string{
		"SET a 1", "GETEX a", "EXPIRE a -1", "SET f 1", "INCRBYFLOAT f 0.5", "FLUSHDB", "FLUSHDB",
		"SELECT 3", "MULTI", "SET x 1", "SELECT 4", "SET y 2", "EXEC", "DEL nothing", "SET z 1",
	} {
		c.Ask(t, strings.Fields(line)...)
	}
	n.Stop()
	text, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	r := resp.NewReader(bytes.NewReader(text), 4096)
	for {
		v, err := r.Reply()
		if err != nil {
			break
		}
		var words []string
		for _, e := range v.Elems {
			words = append(words, e.Str)
		}
		got = append(got, strings.Join(words, " "))
	}
	wanted := []string{"SELECT 0", "SET a 1", "DEL a", "SET f 1", "SET f 1.5 KEEPTTL", "FLUSHDB", "FLUSHDB", "SELECT 3",
		"MULTI", "SET x 1", "SELECT 4", "SET y 2", "EXEC", "SET z 1"}
	if strings.Join(got, "|") != strings.Join(wanted, "|") {
		t.Errorf("the file holds\n%q\nwant\n%q", got, wanted)
	}
}

// TestAOFAndTheDump: it wins, and where there is none, the dump is not thrown away.
func TestAOFAndTheDump(t *testing.T) {
	dir := t.TempDir()
	n := start(t, "--dir", dir)
	c := n.Dial(t)
	want(t, c.Ask(t, "SET", "of", "the dump"), "OK")
	want(t, c.Ask(t, "SAVE"), "OK")
	n.Stop()
	n = start(t, "--dir", dir, "--appendonly", "yes")
	want(t, n.Do(t, "GET", "of"), "the dump")
	want(t, n.Do(t, "SET", "of", "the AOF"), "OK")
	n.Stop()
	n = start(t, "--dir", dir, "--appendonly", "yes")
	want(t, n.Do(t, "GET", "of"), "the AOF")
}

// TestAOFRefused: what makes no data set ends the start, with Redis's words and
// the place.
func TestAOFRefused(t *testing.T) {
	command := func(argv ...string) string { return string(resp.AppendCommand(nil, argv...)) }
	set := command("SET", "foo", "hello")
	for _, c := range []struct{ why, text, truncated, want string }{
		{"damage", set + "!!!" + set, "yes", "Bad file format reading the append only file appendonly.aof.1.incr.aof"},
		{"damage tells its place", set + "!!!" + set, "yes", fmt.Sprintf("offset %d", len(set))},
		{"an unknown command", set + command("BLA", "x") + set, "yes", "Unknown command 'BLA' reading the append only file"},
		{"a command that fails", set + command("INCR", "foo"), "yes", "value is not an integer or out of range"},
		{"a command that is no change", set + command("SHUTDOWN"), "yes", "it is no change of the data set"},
		{"a cut, not to be mended", set + set[:9], "no", "Unexpected end of file reading the append only file"},
		{"an open transaction, not to be mended", set + command("MULTI") + set, "no", "Revert incomplete MULTI/EXEC transaction"},
		{"an EXEC alone", set + command("EXEC"), "yes", "An EXEC without MULTI"},
		{"a file of zeros", set + strings.Repeat("\x00", 64), "yes", "Bad file format"},
	} {
		dir := t.TempDir()
		writeAOF(t, dir, c.text)
		log, err := loadFails(t, "--dir", dir, "--appendonly", "yes", "--aof-load-truncated", c.truncated)
		if err == nil || !strings.Contains(log, c.want) {
			t.Errorf("%s: %v\n%s", c.why, err, log)
		}
		if got, _ := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")); string(got) != c.text {
			t.Errorf("%s: the file was changed", c.why)
		}
	}
}

// TestAOFTruncated: the whole commands of the last file count, up to a
// transaction that is open.
func TestAOFTruncated(t *testing.T) {
	set := string(resp.AppendCommand(nil, "SET", "a", "1"))
	multi := string(resp.AppendCommand(nil, "MULTI"))
	for _, c := range []struct{ why, tail string }{
		{"half a command", set[:11]}, {"an open transaction", multi + set}, {"half a transaction", multi + set + set[:7]},
		{"half a number", "*"}, {"half an annotation", "#TS:12"},
	} {
		dir := t.TempDir()
		writeAOF(t, dir, set+c.tail)
		n := start(t, "--dir", dir, "--appendonly", "yes")
		want(t, n.Do(t, "INCR", "a"), "2")
		n.Stop()
		n = start(t, "--dir", dir, "--appendonly", "yes", "--aof-load-truncated", "no")
		want(t, n.Do(t, "GET", "a"), "2")
		n.Stop()
	}
}

// writeAOF makes a directory with one increment.
func writeAOF(t *testing.T, dir, text string) {
	t.Helper()
	files := filepath.Join(dir, "appendonlydir")
	err := os.MkdirAll(files, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(files, "appendonly.aof.1.incr.aof"), []byte(text), 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(files, "appendonly.aof.manifest"), []byte("file appendonly.aof.1.incr.aof seq 1 type i\n"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
