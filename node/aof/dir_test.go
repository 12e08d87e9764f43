// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof_test

import (
	"fmt"
	"math/rand"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/aof/aoftest"
)

// disk is an AOF of numbers: a base holds "up to n", an increment one line for
// each number since.
type disk struct {
	t    *testing.T
	fs   *aoftest.FS
	dir  *aof.Dir
	file aof.File
	next int // number to be written
	safe int // numbers below were synced
}

func openDisk(t *testing.T, fs *aoftest.FS) *disk {
	t.Helper()
	d := &disk{t: t, fs: fs, dir: aof.NewDir(fs, dirName, "a")}
	if err := d.dir.Load(); err != nil {
		t.Fatal(err)
	}
	d.next = d.load()
	d.safe = d.next
	return d
}

// load reads all files and checks that no number is missing among them.
func (d *disk) load() (next int) {
	d.t.Helper()
	for _, e := range d.dir.Manifest().Files() {
		if _, _, err := d.dir.OpenRead(e.Name); err != nil {
			d.t.Fatalf("the manifest names a file that is missing: %v\n%s", err, d.dir.Manifest().Format())
		}
		text := string(d.fs.Data(d.dir.File(e.Name)))
		if e.Kind == aof.Base {
			if _, err := fmt.Sscanf(text, "up to %d\n", &next); err != nil {
				d.t.Fatalf("the base %s holds %q", e.Name, text)
			}
			continue
		}
		for line := range strings.Lines(text) {
			if line != fmt.Sprintf("%d\n", next) {
				return next // torn, or a hole: what is behind it does not count
			}
			next++
		}
	}
	return next
}

func (d *disk) open() error {
	err := d.dir.Make()
	if err == nil && d.dir.Manifest().Empty() {
		err = d.rewrite(false)
	}
	if err == nil {
		d.file, _, _, err = d.dir.OpenLast()
	}
	return err
}

func (d *disk) append(chance *rand.Rand) {
	_, err := fmt.Fprintf(d.file, "%d\n", d.next)
	if err != nil {
		d.t.Fatal(err)
	}
	d.next++
	if chance.Intn(3) == 0 && d.file.Sync() == nil {
		d.safe = d.next
	}
}

// rewrite makes a base of what there is, beside which a new increment is begun.
func (d *disk) rewrite(appending bool) error {
	upTo := d.next
	if appending {
		if err := d.file.Sync(); err != nil {
			return nil // not the next file without the end of this one
		}
		d.safe = d.next
		f, _, err := d.dir.NextIncrement()
		if err != nil {
			return err
		}
		d.file = f
	}
	f, temp, err := d.dir.TempBase()
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintf(f, "up to %d\n", upTo); err == nil {
		err = f.Sync()
	}
	if err != nil {
		d.dir.Discard(temp)
		return err
	}
	if _, _, err = d.dir.Adopt(aof.Rewritten{Temp: temp, Suffix: "rdb", Appending: appending,
		Wanted: func() bool { return true }}); err != nil {
		d.dir.Discard(temp)
		return err
	}
	_, err = d.dir.Collect()
	return err
}

// TestCrashesLoseNothingSynced lets the machine crash at random places of
// rewrites and appends, between which operations fail: what was synced is there
// afterwards, and nothing else than what was written.
func TestCrashesLoseNothingSynced(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for seed := range rounds {
		chance := rand.New(rand.NewSource(int64(seed)))
		fs := aoftest.New()
		safe := 0
		for range 4 {
			d := openDisk(t, fs)
			if d.next < safe {
				t.Fatalf("seed %d: %d numbers were synced, %d are there\n%s", seed, safe, d.next, d.dir.Manifest().Format())
			}
			if !d.live(chance) {
				t.Fatalf("seed %d: the AOF can't be opened", seed)
			}
			safe = d.safe
			fs = fs.Crash(chance)
		}
	}
}

// live does what comes, until an operation that ends with a crash.
func (d *disk) live(chance *rand.Rand) bool {
	if d.open() != nil {
		return false
	}
	// What is behind the last whole line is cut off, as the loader does.
	d.trim()
	steps, failAt := 2+chance.Intn(40), 5+chance.Intn(60)
	operations := 0
	crashed := chance.Intn(2) == 0
	d.fs.Fail(func(op, _ string) error {
		operations++
		switch {
		case op == "write", op == "truncate":
			return nil
		case operations == failAt, crashed && operations > failAt:
			return syscall.EIO
		}
		return nil
	})
	for range steps {
		switch {
		case crashed && operations >= failAt:
			return true
		case chance.Intn(8) == 0:
			_ = d.rewrite(true) // after an error the old files count
		default:
			d.append(chance)
		}
	}
	return true
}

// trim cuts the last file after its last whole line.
func (d *disk) trim() {
	files := d.dir.Manifest().Files()
	last := files[len(files)-1]
	if last.Kind == aof.Base {
		return
	}
	text := string(d.fs.Data(d.dir.File(last.Name)))
	keep := 0
	for line := range strings.Lines(text) {
		n := -1
		if _, err := fmt.Sscanf(line, "%d\n", &n); err != nil || n >= d.next || !strings.HasSuffix(line, "\n") {
			break
		}
		keep += len(line)
	}
	if err := d.dir.Cut(last.Name, int64(keep)); err != nil {
		d.t.Fatal(err)
	}
}

func TestUpgrade(t *testing.T) {
	old := dirName[:len(dirName)-len("/appendonlydir")] + "/a"
	for _, c := range []struct {
		why     string
		prepare func(fs *aoftest.FS, d *aof.Dir)
		want    bool
	}{
		{"an old file alone", func(*aoftest.FS, *aof.Dir) {}, true},
		{"an upgrade that was broken off", func(fs *aoftest.FS, _ *aof.Dir) {
			write(t, fs, dirName+"/a.manifest", "file a seq 1 type b\n")
		}, true},
		{"an AOF of its own", func(fs *aoftest.FS, _ *aof.Dir) {
			write(t, fs, dirName+"/a.manifest", "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n")
		}, false},
		{"an upgrade that is over", func(fs *aoftest.FS, _ *aof.Dir) {
			write(t, fs, dirName+"/a.manifest", "file a seq 1 type b\n")
			write(t, fs, dirName+"/a", "")
		}, false},
	} {
		fs := aoftest.New()
		write(t, fs, old, "old")
		d := aof.NewDir(fs, dirName, "a")
		c.prepare(fs, d)
		if err := d.Load(); err != nil {
			t.Fatal(err)
		}
		moved, err := d.Upgrade(old)
		if err != nil || moved != c.want {
			t.Errorf("%s: %v, %v", c.why, moved, err)
		}
		if moved && (string(fs.Data(dirName+"/a")) != "old" || d.Manifest().Base.Name != "a") {
			t.Errorf("%s: the file was not moved", c.why)
		}
	}
}

func write(t *testing.T, fs *aoftest.FS, name, text string) {
	t.Helper()
	f, err := fs.Open(name, os.O_CREATE|os.O_WRONLY)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGivenUpRewrite: one that is not wanted any more takes no place, and what
// it has left is removed at the next start.
func TestGivenUpRewrite(t *testing.T) {
	fs := aoftest.New()
	d := aof.NewDir(fs, dirName, "a")
	_, temp, err := d.TempBase()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.TempIncrement(); err != nil {
		t.Fatal(err)
	}
	_, _, err = d.Adopt(aof.Rewritten{Temp: temp, Suffix: "rdb", Wanted: func() bool { return false }})
	if err != aof.ErrGivenUp || !d.Manifest().Empty() {
		t.Errorf("%v, %s", err, d.Manifest().Format())
	}
	if _, _, _, err := d.OpenLast(); err != nil {
		t.Fatal(err)
	}
	names, _ := fs.List(dirName)
	if got := strings.Join(names, " "); got != "a.1.incr.aof a.manifest" {
		t.Errorf("left are %s", got)
	}
}
