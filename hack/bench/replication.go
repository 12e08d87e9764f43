// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
)

// replicationCampaign is what is measured of replication and persistence, and
// how much of it:
//
//   - sync: a full sync of a gigabyte, its time and the master's memory (fullsync.go)
//   - pauses: the latency of a client during BGSAVE and full syncs (pauses.go)
//   - replicas: writes with two replicas attached
//   - aof: writes with the append-only file
//   - lag: how far the leaf of a tree of three levels is behind (lag.go)
//
// A tree is always of one kind: nodes, or redis-servers.
type replicationCampaign struct {
	campaign
	keys    int           // of the full syncs
	seconds time.Duration // of a steady load
}

// size takes about half an hour, or two minutes for a quick look, on two CPUs.
func (c *replicationCampaign) size(short bool) {
	c.campaign = campaign{node: c.node, redis: c.redis, pairs: 3, plain: 100_000, batched: 1_500_000, fewKeys: 100_000}
	c.keys, c.seconds = 5_000_000, 20*time.Second
	if short {
		c.pairs, c.plain, c.batched = 1, 20_000, 300_000
		c.keys, c.seconds = 200_000, 3*time.Second
	}
}

// diskless is how all masters give full syncs.
var diskless = []string{"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"}

// part is a measurement that can be asked for by its name.
type part struct {
	name    string
	measure func(context.Context, *table) error
	rows    int // that it adds
}

func (c *replicationCampaign) parts() []part {
	return []part{
		{"sync", c.fullSync, 4}, {"pauses", c.pauses, 6}, {"replicas", c.withReplicas, 2},
		{"aof", c.appendOnly, 8}, {"lag", c.lag, 2},
	}
}

func (c *replicationCampaign) run(ctx context.Context, only string) error {
	if err := c.describe(os.Stdout); err != nil {
		return err
	}
	var t table
	var failed error
	for _, part := range c.parts() {
		if only != "" && only != part.name {
			continue
		}
		if err := part.measure(ctx, &t); err != nil {
			failed = fmt.Errorf("%s: %w", part.name, err)
			break // half an hour may have gone into what there is: it is shown
		}
	}
	t.print(os.Stdout)
	fmt.Printf("Load average: %s afterwards.\n", loadAverage())
	return failed
}

// withReplicas measures pipelined writes to a master with two replicas.
func (c *replicationCampaign) withReplicas(ctx context.Context, t *table) error {
	servers, err := c.startPair(ctx, diskless...)
	if err != nil {
		return err
	}
	defer servers.stop()
	us, they := c.launches()
	for _, kind := range []struct {
		launch launch
		master *peer
	}{{us, servers.node}, {they, servers.redis}} {
		for range 2 {
			replica, err := kind.launch.start(ctx)
			if err != nil {
				return err
			}
			defer replica.stop()
			if _, err := replica.follow(kind.master, 0); err != nil {
				return err
			}
		}
	}
	return c.measureAll(ctx, servers, []load{
		{command: "SET", pipeline: 16, requests: c.batched, keys: c.fewKeys, aim: 1.2, with: "2 replicas"},
	}, t)
}

// appendOnly measures writes with the append-only file. It is not rewritten
// meanwhile.
func (c *replicationCampaign) appendOnly(ctx context.Context, t *table) error {
	for _, policy := range []string{"everysec", "always"} {
		servers, err := c.startPair(ctx, "--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0")
		if err != nil {
			return err
		}
		err = c.measureAll(ctx, servers, []load{
			{command: "SET", pipeline: 16, requests: c.batched, keys: c.fewKeys, aim: 1, with: "AOF " + policy},
			{command: "SET", pipeline: 1, requests: c.plain, keys: c.fewKeys, aim: 1, with: "AOF " + policy},
		}, t)
		servers.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// follow makes a server the replica of another one and gives the time until its
// link is up and it has as many keys as are expected.
func (p *peer) follow(master *peer, keys int) (time.Duration, error) {
	c, err := p.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	begin := time.Now()
	if err := c.OK("REPLICAOF", "127.0.0.1", strconv.Itoa(master.port)); err != nil {
		return 0, err
	}
	err = awaitField(c, "replication", "master_link_status", "up")
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	if n, err := c.Int("DBSIZE"); err != nil || n != int64(keys) {
		return 0, fmt.Errorf("%s has %d keys instead of %d after a full sync (%v)", p.name, n, keys, err)
	}
	return took, nil
}

// awaitField asks for a field of INFO until it reads as it is wanted.
func awaitField(c *redisclient.Conn, section, field string, wanted ...string) error {
	const often = 5 * time.Millisecond
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(often) {
		fields, err := c.Info(section)
		if err != nil {
			return err
		}
		if last = fields[field]; slices.Contains(wanted, last) {
			return nil
		}
	}
	return fmt.Errorf("%s is %q and not %q after %v", field, last, wanted, patience)
}
