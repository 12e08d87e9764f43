// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/aof/aoftest"
)

const dirName = "/data/appendonlydir"

// fixture is a log on a file layer that can fail.
type fixture struct {
	*aof.Log
	fs       *aoftest.FS
	released atomic.Int64
	lost     atomic.Bool
	mu       sync.Mutex
	warnings []string
}

func newFixture(t *testing.T, policy aof.Policy) *fixture {
	t.Helper()
	f := &fixture{fs: aoftest.New()}
	file, err := f.fs.Open(dirName+"/one", os.O_CREATE|os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.fs.SyncDir(dirName); err != nil {
		t.Fatal(err)
	}
	f.Log = aof.NewLog(file, aof.Options{
		Policy:   policy,
		Released: func(mark int64) { f.released.Store(mark) },
		Notice:   f.warn, Warn: f.warn,
		Lost: func(error) { f.lost.Store(true) },
	})
	t.Cleanup(f.Abandon)
	return f
}

func (f *fixture) warn(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

func (f *fixture) warned(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(strings.Join(f.warnings, "\n"), text)
}

func (f *fixture) data(name string) string { return string(f.fs.Data(dirName + "/" + name)) }

func failing(ops string, err error) func(op, _ string) error {
	return func(op, _ string) error {
		if strings.Contains(ops, op) {
			return err
		}
		return nil
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestOneSyncServesAll: whoever comes while a sync runs waits for the next one,
// together with all others.
func TestOneSyncServesAll(t *testing.T) {
	f := newFixture(t, aof.Always)
	f.fs.HoldSyncs(true)
	f.Append([]byte("first"), 5)
	var waiting sync.WaitGroup
	waiting.Go(func() { f.Settle() })
	f.fs.AwaitSync()
	for i := range 20 {
		f.Append([]byte("."), int64(6+i))
	}
	for range 8 {
		waiting.Go(func() {
			if !f.Settle() {
				t.Error("nothing may be told although all went well")
			}
		})
	}
	if f.released.Load() != 0 {
		t.Errorf("released up to %d before anything was synced", f.released.Load())
	}
	f.fs.HoldSyncs(false)
	waiting.Wait()
	if n := f.fs.Syncs(); n != 2 {
		t.Errorf("%d syncs for nine who waited, want 2", n)
	}
	if f.released.Load() != 25 {
		t.Errorf("released up to %d, want 25", f.released.Load())
	}
}

// TestAlwaysLosesNothingSilently: after a failed sync or write nobody is told.
func TestAlwaysLosesNothingSilently(t *testing.T) {
	for _, op := range []string{"sync", "write"} {
		f := newFixture(t, aof.Always)
		f.fs.Fail(failing(op, syscall.EIO))
		f.Append([]byte("x"), 1)
		if f.Settle() {
			t.Errorf("a failed %s is told", op)
		}
		if !f.lost.Load() || f.released.Load() != 0 {
			t.Errorf("after a failed %s: lost %v, released %d", op, f.lost.Load(), f.released.Load())
		}
		if f.Settle() {
			t.Errorf("after a failed %s, later ones are told", op)
		}
	}
}

// TestFullDisk: the half of a write that the disk took is cut off again, writes
// are refused, and once there is room, all of it is written, in order.
func TestFullDisk(t *testing.T) {
	for _, truncates := range []bool{true, false} {
		f := newFixture(t, aof.EverySecond)
		f.Append([]byte("one "), 4)
		f.Settle()
		f.fs.SetRoom(3)
		if !truncates {
			f.fs.Fail(failing("truncate", syscall.EIO))
		}
		f.Append([]byte("two two "), 12)
		f.Settle()
		if got := f.Failing(); got != "No space left on device" {
			t.Errorf("writes are refused for %q", got)
		}
		if got := f.data("one"); truncates && got != "one " {
			t.Errorf("the file holds %q", got)
		}
		f.Append([]byte("three "), 18)
		f.fs.Fail(nil)
		f.fs.SetRoom(-1)
		await(t, "the disk to be tried again", func() bool { return f.Failing() == "" })
		f.Settle()
		if got := f.data("one"); got != "one two two three " {
			t.Errorf("truncates %v: the file holds %q", truncates, got)
		}
		if !f.warned("AOF write error looks solved, Redis can write again.") {
			t.Errorf("the log says %q", f.warnings)
		}
	}
}

// TestFailedSyncIsNotForgotten: that a later sync succeeds says nothing of what
// an earlier one did not bring to the disk. A new base and increment do.
func TestFailedSyncIsNotForgotten(t *testing.T) {
	f := newFixture(t, aof.EverySecond)
	f.fs.Fail(failing("sync", syscall.EIO))
	f.Append([]byte("x"), 1)
	f.Settle()
	await(t, "a sync to fail", func() bool { return f.Failing() != "" })
	f.fs.Fail(nil)
	f.Append([]byte("y"), 2)
	syncs := f.fs.Syncs()
	await(t, "the next sync", func() bool { return f.fs.Syncs() > syncs })
	if !f.Status().Unsynced {
		t.Error("a file is trusted again after a failed sync")
	}
	f.Rebased(10)
	if !f.Status().Unsynced {
		t.Error("a file that goes on being written to is trusted again")
	}
	turned := make(chan error, 1)
	f.Turn(&aof.Turn{
		Open: func() (aof.File, error) { return f.fs.Open(dirName+"/two", os.O_CREATE|os.O_WRONLY) },
		Done: func(err error) { turned <- err },
	})
	if err := <-turned; err != nil {
		t.Fatal(err)
	}
	await(t, "the turn", func() bool { return f.Status().Size == 0 })
	f.Rebased(10)
	if s := f.Status(); s.Unsynced || s.Failing != "" {
		t.Errorf("a new base and file are not trusted: %+v", s)
	}
}

// TestTurn: what was appended before the turn is in the old file, and on the
// disk before the new one is begun; what follows is in the new one.
func TestTurn(t *testing.T) {
	for _, policy := range []aof.Policy{aof.Always, aof.EverySecond, aof.Never} {
		f := newFixture(t, policy)
		f.Append([]byte("before "), 7)
		turned := make(chan error, 1)
		f.Turn(&aof.Turn{
			Open: func() (aof.File, error) {
				if f.fs.Syncs() == 0 {
					t.Error("the old file was not synced")
				}
				return f.fs.Open(dirName+"/two", os.O_CREATE|os.O_WRONLY)
			},
			Done: func(err error) { turned <- err },
		})
		f.Append([]byte("after"), 12)
		f.Settle()
		if err := <-turned; err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if one, two := f.data("one"), f.data("two"); one != "before " || two != "after" {
			t.Errorf("policy %d: %q and %q", policy, one, two)
		}
	}
}

// TestTurnFails: all stays in the old file, in order.
func TestTurnFails(t *testing.T) {
	f := newFixture(t, aof.Always)
	f.Append([]byte("before "), 7)
	turned := make(chan error, 1)
	f.Turn(&aof.Turn{
		Open: func() (aof.File, error) { return nil, syscall.EMFILE },
		Done: func(err error) { turned <- err },
	})
	f.Append([]byte("after"), 12)
	if !f.Settle() {
		t.Error("nothing may be told")
	}
	if err := <-turned; err != syscall.EMFILE {
		t.Errorf("the turn says %v", err)
	}
	if got := f.data("one"); got != "before after" {
		t.Errorf("the file holds %q", got)
	}
}

// TestSlowSyncHoldsNobody: while a sync runs in the background, Settle neither
// waits nor writes, and what was put off is written when it ends.
func TestSlowSyncHoldsNobody(t *testing.T) {
	f := newFixture(t, aof.EverySecond)
	f.Append([]byte("one "), 4)
	f.Settle()
	f.fs.HoldSyncs(true)
	f.fs.AwaitSync()
	f.Append([]byte("two"), 7)
	f.Settle()
	if s := f.Status(); s.Pending != 1 || s.Buffered != 3 {
		t.Errorf("while a sync runs: %+v", s)
	}
	f.fs.HoldSyncs(false)
	await(t, "what was put off", func() bool { return f.data("one") == "one two" })
}

// TestPolicyChanges: from Always on, what was appended before is synced too.
func TestPolicyChanges(t *testing.T) {
	f := newFixture(t, aof.Never)
	f.Append([]byte("x"), 1)
	f.Settle()
	if n := f.fs.Syncs(); n != 0 {
		t.Errorf("%d syncs under no", n)
	}
	f.SetPolicy(aof.Always)
	if !f.Settle() || f.fs.Syncs() != 1 || f.released.Load() != 1 {
		t.Errorf("after the change: %d syncs, released %d", f.fs.Syncs(), f.released.Load())
	}
	f.Append(nil, 9) // the stream goes on without a change of the data set
	if !f.Settle() || f.fs.Syncs() != 1 || f.released.Load() != 9 {
		t.Errorf("without bytes: %d syncs, released %d", f.fs.Syncs(), f.released.Load())
	}
}

// TestClose: all is on the disk, later appends are dropped, and nobody waits for
// ever.
func TestClose(t *testing.T) {
	f := newFixture(t, aof.Always)
	f.Append([]byte("x"), 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.Append([]byte("y"), 2)
	if !f.Settle() || f.data("one") != "x" || f.fs.Syncs() == 0 {
		t.Errorf("after Close the file holds %q, %d syncs", f.data("one"), f.fs.Syncs())
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
