// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/aof/aoftest"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
)

var managedOptions = []string{"--managed", "yes", "--admin-port", "1", "--admin-token-file", "unused"}

// TestWritesWithoutPositionStay: a plain node tells no positions once its backlog
// is gone. Started under an operator it keeps every write; only its place in a
// history is not known.
func TestWritesWithoutPositionStay(t *testing.T) {
	n := startFaulty(t, aoftest.New(), "--appendfsync", "always", "--repl-backlog-ttl", "1")
	r := newFakeReplica(t, n.socket)
	c := n.dial(t)
	want(t, c.Ask(t, "SET", "first", "1"), "OK")
	eventually(t, "a position is told", func() bool { return bytes.Contains(n.fs.Data(incrementOf(n)), []byte("#EP:")) })
	r.conn.Close()
	eventually(t, "the backlog is given up", func() bool {
		return strings.Contains(c.Ask(t, "INFO", "replication").Str, "repl_backlog_active:0")
	})
	for i := range 100 {
		want(t, c.Ask(t, "SET", fmt.Sprint("k", i), "v"), "OK")
	}
	n.stop()
	again := n.again(t, managedOptions...)
	if s := again.State(); s.Keys != 101 || s.Offset != 0 {
		t.Errorf("started anew it says %+v", s)
	}
}

func incrementOf(n *faulty) string {
	return filepath.Join(n.dir, "appendonlydir", "appendonly.aof.1.incr.aof")
}

// TestDamageAmongSyncedWrites: under always what lies before a whole write was on
// the disk. Damage there is the disk's, and nothing of what follows is given up.
func TestDamageAmongSyncedWrites(t *testing.T) {
	n := startFaulty(t, aoftest.New(), append([]string{"--appendfsync", "always"}, managedOptions...)...)
	grant(t, n)
	c := n.dial(t)
	want(t, c.Ask(t, "SET", "first", "1"), "OK")
	want(t, c.Ask(t, "SET", "a", strings.Repeat("x", 10000)), "OK")
	for i := range 20 {
		want(t, c.Ask(t, "SET", fmt.Sprint("k", i), "v"), "OK")
	}
	n.stop()
	path := incrementOf(n)
	text := n.fs.Data(path)
	text[bytes.Index(text, []byte("xxxx"))+100] ^= 1
	f, err := n.fs.Open(path, os.O_WRONLY|os.O_TRUNC)
	if err == nil {
		_, err = f.Write(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.ParseCommandLine(append([]string{"--dir", n.dir, "--save", "", "--port", "0",
		"--appendonly", "yes", "--appendfsync", "always"}, managedOptions...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	again := engine.New(cfg, log.New(io.Discard, time.Now), families())
	again.UseDisk(n.fs)
	if err := again.Load(); err == nil || !strings.Contains(err.Error(), "acknowledged writes follow the damage") {
		t.Errorf("a damaged file: %v", err)
	}
	if !bytes.Equal(n.fs.Data(path), text) {
		t.Error("the file was changed")
	}
}
