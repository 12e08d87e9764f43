// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/aof/aoftest"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/log"
)

// TestMachineCrashes loses what was not synced, torn and with holes, between
// writes and rewrites. Under always all that was acknowledged is there again; a
// node either starts with a data set that there was, or refuses aloud. A managed
// one starts always, and knows its place.
func TestMachineCrashes(t *testing.T) {
	managed := []string{"--managed", "yes", "--admin-port", "1", "--admin-token-file", "unused"}
	for name, options := range map[string][]string{
		"always": {"--appendfsync", "always"}, "everysec": {"--appendfsync", "everysec"},
		"always, managed": append([]string{"--appendfsync", "always"}, managed...),
	} {
		t.Run(name, func(t *testing.T) {
			chance := rand.New(rand.NewSource(int64(len(name))))
			refused := 0
			for range 25 {
				if !crashOnce(t, chance, options) {
					refused++
				}
			}
			t.Logf("%d of 25 starts were refused", refused)
			if refused == 25 || refused > 0 && strings.Contains(name, "managed") {
				t.Errorf("%d starts were refused", refused)
			}
		})
	}
}

// sendPair writes a number under two keys, in a transaction.
func sendPair(t *testing.T, c *difftest.Client, number int) {
	t.Helper()
	c.Send(t, "MULTI")
	c.Send(t, "SET", "left", strconv.Itoa(number))
	c.Send(t, "SET", "right", strconv.Itoa(number))
	c.Send(t, "EXEC")
}

// crashOnce is one life and what comes after it; false is a start refused.
func crashOnce(t *testing.T, chance *rand.Rand, options []string) bool {
	t.Helper()
	n := startFaulty(t, aoftest.New(), options...)
	always, managed := options[1] == "always", len(options) > 2
	if managed {
		grant(t, n)
	}
	c := n.dial(t)
	acked, position := 0, map[int64]int{}
	for i := range 3 + chance.Intn(40) {
		if chance.Intn(12) == 0 {
			c.Ask(t, "BGREWRITEAOF")
		}
		sendPair(t, c, i+1)
		for range 4 {
			if _, err := c.Receive(); err != nil {
				t.Fatal(err)
			}
		}
		acked = i + 1
		if managed {
			offset, _ := strconv.ParseInt(infoField(t, c, "replication", "master_repl_offset"), 10, 64)
			position[offset] = acked
		}
	}
	sent := acked
	if always && chance.Intn(2) == 0 {
		n.fs.HoldSyncs(true)
		sent++
		sendPair(t, c, sent) // on its way when the machine crashes
		n.fs.AwaitSync()
	}
	left := n.fs.Crash(chance)
	dir := n.dir
	n.stop()

	cfg, err := config.Load(config.ParseCommandLine(append([]string{"--dir", dir, "--save", "", "--port", "0",
		"--appendonly", "yes"}, options...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	var text logText
	probe := engine.New(cfg, log.New(&text, time.Now), families())
	probe.UseDisk(left)
	if err := probe.Load(); err != nil {
		if !strings.Contains(text.String(), "the append only file appendonly.aof.") {
			t.Fatalf("refused with %v\n%s", err, text.String())
		}
		return false
	}
	probe.Start()
	probe.Stop()
	again := startFaultyIn(t, left, dir, options...)
	if managed {
		state := again.State()
		lastly, known := position[state.Position.Offset]
		if state.Position.Replid != puppetID || !known && sent == acked || known && lastly < acked {
			t.Fatalf("the position is %+v, %d were acknowledged, known are %v\n%s", state.Position, acked, position, again.log.String())
		}
		if _, refusal := again.Grant(controlapi.GrantRequest{GroupID: "g", RunID: again.RunID(), Epoch: 2,
			Role: controlapi.RoleMaster, Replid: strings.Repeat("e", 40), From: state.Position}); refusal != nil {
			t.Fatal(refusal)
		}
	}
	c = again.dial(t)
	l, r := c.Ask(t, "GET", "left").Text(), c.Ask(t, "GET", "right").Text()
	got, _ := strconv.Atoi(l) // no key is 0
	if l != r || got > sent || always && got < acked {
		t.Fatalf("%d were acknowledged, there are %s and %s\n%s", acked, l, r, again.log.String())
	}
	again.stop()
	return true
}

// TestHoleWithinAValue: zeros where a page of a value should be are noticed by
// the checksum of the position behind it.
func TestHoleWithinAValue(t *testing.T) {
	for name, options := range map[string][]string{
		"managed":        {"--managed", "yes", "--admin-port", "1", "--admin-token-file", "unused"},
		"with a replica": {},
	} {
		n := startFaulty(t, aoftest.New(), append([]string{"--appendfsync", "always"}, options...)...)
		managed := len(options) > 0
		if managed {
			grant(t, n)
		} else {
			newFakeReplica(t, n.socket) // from now on the stream counts
		}
		c := n.dial(t)
		want(t, c.Ask(t, "SET", "a", "1"), "OK")
		position := n.State().Position
		if managed {
			eventually(t, "the state to be published", func() bool { position = n.State().Position; return position.Offset > 0 })
		}
		want(t, c.Ask(t, "SET", "a", strings.Repeat("x", 10000)), "OK")
		n.stop()
		path := filepath.Join(n.dir, "appendonlydir", "appendonly.aof.1.incr.aof")
		text := n.fs.Data(path)
		at := bytes.Index(text, []byte("xxxx"))
		clear(text[at+100 : at+4196])
		f, err := n.fs.Open(path, os.O_WRONLY|os.O_TRUNC)
		if err == nil {
			_, err = f.Write(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if managed {
			again := n.again(t, options...)
			if got := again.State().Position; got != position {
				t.Errorf("it stands at %+v, before the damaged write at %+v", got, position)
			}
			continue
		}
		cfg, err := config.Load(config.ParseCommandLine([]string{"--dir", n.dir, "--save", "", "--port", "0", "--appendonly", "yes"}), nil)
		if err != nil {
			t.Fatal(err)
		}
		var said logText
		probe := engine.New(cfg, log.New(&said, time.Now), families())
		probe.UseDisk(n.fs)
		if err := probe.Load(); err == nil || !strings.Contains(said.String(), "Bad file format") {
			t.Errorf("%s: %v\n%s", name, err, said.String())
		}
	}
}
