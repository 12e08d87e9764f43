// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// fullSync measures full syncs end to end, from REPLICAOF until the replica has
// all keys, and how much memory the master needs meanwhile, with and without
// clients that write. Each replica is a process of its own, that begins empty.
func (c *replicationCampaign) fullSync(ctx context.Context, t *table) error {
	us, they := c.launches(diskless...)
	servers, err := c.startPair(ctx, diskless...)
	if err != nil {
		return err
	}
	defer servers.stop()
	for _, p := range servers.both() {
		if err := fill(p, c.keys, record); err != nil {
			return err
		}
	}
	name := "full sync of " + thousands(c.keys) + " keys"
	times := row{name: name, unit: "s", digits: 2, aim: 0.6}
	cpu := row{name: name, unit: "CPU s, both ends", digits: 2}
	fmt.Printf("%s, %d pairs: ", name, c.pairs)
	for range c.pairs {
		mine, err := c.syncOnce(ctx, us, servers.node)
		if err != nil {
			return err
		}
		its, err := c.syncOnce(ctx, they, servers.redis)
		if err != nil {
			return err
		}
		times.add(mine.took.Seconds(), its.took.Seconds())
		cpu.add(mine.cpu.Seconds(), its.cpu.Seconds())
		fmt.Printf(" %.2f×", mine.took.Seconds()/its.took.Seconds())
	}
	fmt.Println()
	t.rows = append(t.rows, times, cpu)
	for _, writes := range []float64{0, 20_000} {
		grown := row{name: name, unit: "memory during/before", digits: 2, limit: 1.1}
		if writes > 0 {
			grown.name += fmt.Sprintf(", %s requests/s", thousands(int(writes)))
		}
		mine, err := c.growth(ctx, us, servers.node, writes)
		if err != nil {
			return err
		}
		its, err := c.growth(ctx, they, servers.redis, writes)
		if err != nil {
			return err
		}
		grown.add(mine, its)
		t.rows = append(t.rows, grown)
	}
	return nil
}

// synced is one full sync.
type synced struct {
	took time.Duration
	cpu  time.Duration // of the master, its child and the replica
}

// syncOnce lets a new replica take a full sync.
func (c *replicationCampaign) syncOnce(ctx context.Context, l launch, master *peer) (s synced, err error) {
	replica, err := l.start(ctx)
	if err != nil {
		return s, err
	}
	defer replica.stop()
	before, err := master.cpu()
	if err != nil {
		return s, err
	}
	if s.took, err = replica.follow(master, c.keys); err != nil {
		return s, err
	}
	// redis-server's child is counted when it was waited for.
	if err := idle(master); err != nil {
		return s, err
	}
	after, err := master.cpu()
	if err != nil {
		return s, err
	}
	loading, err := replica.cpu()
	s.cpu = after - before + loading
	return s, err
}

// idle waits until no child of a server is left.
func idle(p *peer) error {
	c, err := p.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return awaitField(c, "persistence", "rdb_bgsave_in_progress", "0")
}

// growth is the most memory that a master and its children take during a full
// sync, as a multiple of what it takes at rest, with so many requests per second
// (half of them writes) or none. Asking for it takes time, so that no time is
// measured here.
func (c *replicationCampaign) growth(ctx context.Context, l launch, master *peer, rate float64) (float64, error) {
	const often = 50 * time.Millisecond
	if rate > 0 {
		clients, err := startOpenLoop(master, c.keys, rate)
		if err != nil {
			return 0, err
		}
		defer clients.stop()
	}
	before, err := master.memory()
	if err != nil {
		return 0, err
	}
	end := make(chan error, 1)
	go func() {
		_, err := c.syncOnce(ctx, l, master)
		end <- err
	}()
	most := before
	for tick := time.NewTicker(often); ; {
		select {
		case err := <-end:
			tick.Stop()
			fmt.Printf("%s with %.0f requests/s: %d MiB, during a full sync at most %d MiB\n", master.name, rate, before>>20, most>>20)
			return float64(most) / float64(before), err
		case <-tick.C:
			now, err := master.memory()
			if err != nil {
				return 0, err
			}
			most = max(most, now)
		}
	}
}

// memory is what the server and its children take, in bytes: the sum of their
// proportional set sizes, in which a page that two of them share counts once.
func (p *peer) memory() (int64, error) {
	pid := p.cmd.Process.Pid
	sum, err := proportional(pid)
	if err != nil {
		return 0, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			more, _ := proportional(pid) // a child that has just ended takes nothing
			sum += more
		}
	}
	return sum, nil
}

// proportional is a process's Pss from proc(5)'s smaps_rollup, in bytes.
func proportional(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return kibibytes(string(text), "Pss:")
}
