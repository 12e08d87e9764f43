// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Bench measures the node beside redis-server, on one machine and in one run:
//
//	go run ./hack/bench -node bin/node
//
// What counts are the ratios. The servers are measured in turn, node, redis,
// node, redis, …, each ratio is that of two neighbours in time, and the median
// of them is what is compared with the aim: a machine that other work makes
// slow for a while is slow for both. Both servers run with the same options and
// without persistence, unless that is what is measured, on loopback.
//
// It measures throughput as redis-benchmark sees it and the server's CPU time
// (throughput.go), and the resident memory of a large data set (memory.go); with
// -replication full syncs, persistence and the lag of a tree in their place
// (replication.go). A missed aim is printed, not an error: this is a benchmark,
// not a test.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var c replicationCampaign
	flag.StringVar(&c.node, "node", "bin/node", "the node's binary")
	flag.StringVar(&c.redis, "redis", "redis-server", "the redis-server to compare with")
	short := flag.Bool("short", false, "a quick look: fewer pairs, fewer keys")
	replication := flag.Bool("replication", false, "measure replication and persistence")
	only := flag.String("only", "", "throughput or memory, of replication sync, pauses, replicas, aof or lag; all when empty")
	keys := flag.Int("keys", 0, "the keys of a full sync, if not as many as planned")
	pairs := flag.Int("pairs", 0, "the measurements of each, if not as many as planned")
	seconds := flag.Duration("steady", 0, "the length of a steady load, if not as planned")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := (&c.campaign).run
	if *replication {
		run = c.run
		c.size(*short)
	} else {
		c.campaign.size(*short)
	}
	c.keys, c.pairs, c.seconds = cmp.Or(*keys, c.keys), cmp.Or(*pairs, c.pairs), cmp.Or(*seconds, c.seconds)
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// campaign is what is measured and how much of it.
type campaign struct {
	node, redis string // binaries

	pairs    int // of measurements, for each load
	plain    int // requests of one measurement, pipeline 1
	batched  int // the same, pipeline 16
	fewKeys  int
	manyKeys int // for the resident memory
}

// size takes about four minutes, or half of one for a quick look, on two CPUs.
func (c *campaign) size(short bool) {
	c.pairs, c.plain, c.batched, c.fewKeys, c.manyKeys = 9, 150_000, 1_500_000, 100_000, 6_000_000
	if short {
		c.pairs, c.plain, c.batched, c.manyKeys = 3, 50_000, 500_000, 1_000_000
	}
}

func (c *campaign) run(ctx context.Context, only string) error {
	if err := c.describe(os.Stdout); err != nil {
		return err
	}
	var t table
	if only == "" || only == "throughput" {
		if err := c.throughput(ctx, &t); err != nil {
			return err
		}
	}
	if only == "" || only == "memory" {
		if err := c.memory(ctx, &t); err != nil {
			return err
		}
	}
	t.print(os.Stdout)
	fmt.Printf("Load average: %s afterwards.\n", loadAverage())
	return nil
}
