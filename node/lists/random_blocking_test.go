// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package lists_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/redistest"
)

// crowd is a server with clients that wait.
type crowd struct {
	t     *testing.T
	admin *difftest.Client
	wait  []*difftest.Client
	ids   []string
}

func newCrowd(t *testing.T, socket string, size int) *crowd {
	c := &crowd{t: t, admin: difftest.Dial(t, socket)}
	for i := range size {
		c.wait = append(c.wait, difftest.Dial(t, socket))
		c.ids = append(c.ids, c.wait[i].Ask(t, "CLIENT", "ID").Text())
	}
	return c
}

// round lets the clients wait, one after the other, runs commands, and tells all
// replies: those of the commands, who was still waiting at the end, what each
// client got, and the digest of the data.
func (c *crowd) round(waits, lines []string) (transcript []string) {
	c.admin.Ask(c.t, "FLUSHALL")
	for i, line := range waits {
		c.wait[i].Send(c.t, strings.Fields(line)...)
		c.await(fmt.Sprintf("blocked_clients:%d", i+1))
	}
	note := func(what, text string) { transcript = append(transcript, what+" → "+text) }
	for _, line := range lines {
		note(line, c.admin.Ask(c.t, strings.Fields(line)...).Text())
	}
	for i, line := range waits {
		waiting := c.admin.Ask(c.t, "CLIENT", "UNBLOCK", c.ids[i]).Text()
		v, err := c.wait[i].Receive()
		if err != nil {
			c.t.Fatal(err)
		}
		note(fmt.Sprintf("%d> %s", i, line), waiting+" "+v.Text())
	}
	note("digest", c.admin.Ask(c.t, "DEBUG", "DIGEST").Text())
	return transcript
}

func (c *crowd) await(text string) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(c.admin.Ask(c.t, "INFO", "clients").Str, text+"\r\n"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited in vain for %s", text)
		}
	}
}

// TestRandomWaits lets the same clients of both servers wait for the same keys
// and changes these at random: the same clients have to get the same elements.
func TestRandomWaits(t *testing.T) {
	const clients, rounds = 6, 150
	redis := newCrowd(t, redistest.Start(t, t.TempDir(), "--enable-debug-command", "yes").Socket, clients)
	node := newCrowd(t, difftest.StartNode(t, families, "--enable-debug-command", "yes").Socket, clients)
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	for n := range rounds {
		var waits, lines []string
		for range clients {
			waits = append(waits, g.blockingLine())
		}
		for range 1 + g.IntN(8) {
			lines = append(lines, g.changes()...)
		}
		want, got := redis.round(waits, lines), node.round(waits, lines)
		for i := range want {
			if want[i] != got[i] {
				t.Fatalf("round %d differs in line %d\n  redis %s\n  node  %s\nall of it by redis:\n%s", n, i, want[i], got[i], strings.Join(want, "\n"))
			}
		}
	}
}

func (g *generator) some() string {
	keys := []string{"k1", "k2", "k3", "k4"}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return strings.Join(keys[:1+g.IntN(3)], " ")
}

func (g *generator) oneKey() string { return g.of("k1", "k2", "k3", "k4") }

// blockingLine is a command that waits while there are no keys.
func (g *generator) blockingLine() string {
	switch g.IntN(8) {
	case 0, 1:
		return g.of("BLPOP ", "BRPOP ") + g.some() + " 0"
	case 2, 3:
		return fmt.Sprintf("BLMOVE %s %s %s %s 0", g.oneKey(), g.oneKey(), g.end(), g.end())
	case 4:
		return fmt.Sprintf("BRPOPLPUSH %s %s 0", g.oneKey(), g.oneKey())
	case 5:
		return g.of("BZPOPMIN ", "BZPOPMAX ") + g.some() + " 0"
	}
	keys := g.some()
	return fmt.Sprintf("BLMPOP 0 %d %s %s COUNT %d", len(strings.Fields(keys)), keys, g.end(), 1+g.IntN(3))
}

// changes is a command, or a transaction, that makes or breaks lists and sorted
// sets.
func (g *generator) changes() []string {
	key := g.oneKey()
	switch g.IntN(10) {
	case 0, 1, 2, 3:
		return []string{fmt.Sprintf("%s %s a b c d", g.of("LPUSH", "RPUSH"), key)[:len("LPUSH k1 a")+2*g.IntN(4)]}
	case 4:
		return []string{"ZADD " + key + " 1 x 2 y"}
	case 5:
		return []string{"RPUSH spare s t", g.of("RENAME spare ", "COPY spare ") + key}
	case 6:
		return []string{"RPUSH source u v", "LMOVE source " + key + " LEFT RIGHT"}
	case 7:
		return []string{g.of("DEL ", "LPOP ") + key}
	case 8:
		lines := []string{"MULTI"}
		for range 1 + g.IntN(4) {
			lines = append(lines, g.of("RPUSH ", "LPUSH ")+g.oneKey()+" m n", g.of("DEL ", "LPOP ", "LLEN ")+g.oneKey())
		}
		return append(lines, "EXEC")
	}
	return []string{"SELECT 1", "DEL k1 k2 k3 k4", "RPUSH " + key + " o p", g.of("SWAPDB 0 1", "MOVE "+key+" 0"), "SELECT 0"}
}
