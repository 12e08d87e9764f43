// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/difftest"
)

// awaitInfo waits until INFO has a line.
func awaitInfo(t *testing.T, c *difftest.Client, section, line string) {
	t.Helper()
	var text string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if text = c.Ask(t, "INFO", section).Str; strings.Contains(text, line+"\r\n") {
			return
		}
	}
	t.Fatalf("INFO %s does not come to %q:\n%s", section, line, text)
}

func TestActiveExpireCycle(t *testing.T) {
	n := start(t)
	c := n.Dial(t)
	for i := range 3000 {
		c.Send(t, "SELECT", fmt.Sprint(i%3))
		c.Send(t, "SET", fmt.Sprintf("gone:%d", i), "x", "PX", "1")
		c.Send(t, "SET", fmt.Sprintf("here:%d", i), "x", "EX", "1000")
	}
	for range 9000 {
		if _, err := c.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	awaitInfo(t, c, "stats", "expired_keys:3000")
	for db := range 3 {
		c.Ask(t, "SELECT", fmt.Sprint(db))
		want(t, c.Ask(t, "DBSIZE"), "1000")
	}
}

func TestActiveExpireCycleCanBeStopped(t *testing.T) {
	n := start(t, "--hz", "500")
	c := n.Dial(t)
	c.Ask(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	c.Ask(t, "SET", "a", "1", "PX", "1")
	c.Ask(t, "DEBUG", "SLEEP", "0.05") // 25 turns
	want(t, c.Ask(t, "DBSIZE"), "1")
	want(t, c.Ask(t, "EXISTS", "a"), "0")
	want(t, c.Ask(t, "DBSIZE"), "0")
}

// TestExpiryStandsStillWhilePaused holds the stream still: keys are hidden and
// stay.
func TestExpiryStandsStillWhilePaused(t *testing.T) {
	n := start(t, "--hz", "500")
	c := n.Dial(t)
	c.Ask(t, "SET", "a", "1", "PX", "20")
	want(t, c.Ask(t, "CLIENT", "PAUSE", "100000", "WRITE"), "OK")
	c.Ask(t, "DEBUG", "SLEEP", "0.05")
	want(t, c.Ask(t, "GET", "a"), "(nil)")
	want(t, c.Ask(t, "DBSIZE"), "1")
	want(t, c.Ask(t, "CLIENT", "UNPAUSE"), "OK")
	awaitInfo(t, c, "stats", "expired_keys:1")
	want(t, c.Ask(t, "DBSIZE"), "0")
}

// TestKeysOfAWritableReplicaExpire holds a replica to its own keys.
func TestKeysOfAWritableReplicaExpire(t *testing.T) {
	n := start(t, "--replica-read-only", "no")
	c := n.Dial(t)
	c.Ask(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	c.Ask(t, "SET", "of the master", "1", "PX", "1")
	want(t, c.Ask(t, "REPLICAOF", "127.0.0.1", "1"), "OK")
	c.Ask(t, "SET", "own", "1", "PX", "1")
	c.Ask(t, "SET", "other", "1")
	c.Ask(t, "PEXPIRE", "other", "1")
	awaitInfo(t, c, "stats", "slave_expires_tracked_keys:0")
	want(t, c.Ask(t, "DBSIZE"), "1")
	want(t, c.Ask(t, "GET", "of the master"), "(nil)") // hidden, and not removed
	want(t, c.Ask(t, "DBSIZE"), "1")
}
