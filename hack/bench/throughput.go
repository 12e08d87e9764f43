// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

const (
	clients   = 50
	valueSize = 32
)

// load is one row of redis-benchmark.
type load struct {
	command  string // "SET" or "GET"
	pipeline int    // requests that a client sends before it reads
	requests int    // of one measurement
}

func (l load) String() string { return fmt.Sprintf("%s, pipeline %d", l.command, l.pipeline) }

// args is redis-benchmark's command line. Its keys are key:000000000000 and so
// on, the loader's.
func (l load) args(port, keySpace int) []string {
	return []string{"-h", "127.0.0.1", "-p", strconv.Itoa(port), "-t", strings.ToLower(l.command),
		"-c", strconv.Itoa(clients), "-n", strconv.Itoa(l.requests), "-P", strconv.Itoa(l.pipeline),
		"-r", strconv.Itoa(keySpace), "-d", strconv.Itoa(valueSize), "--csv"}
}

func (c *campaign) loads() []load {
	return []load{
		{"SET", 1, c.plain}, {"GET", 1, c.plain},
		{"SET", 16, c.batched}, {"GET", 16, c.batched},
	}
}

// throughput measures requests per second and the server's CPU time for each
// request. Without pipelining the client is the bottleneck, so there the CPU
// time tells more.
func (c *campaign) throughput(ctx context.Context, t *table) error {
	servers, err := c.startPair(ctx)
	if err != nil {
		return err
	}
	defer servers.stop()
	for _, p := range []*peer{servers.node, servers.redis} {
		if err := fill(p, c.keySpace); err != nil {
			return err
		}
	}
	for _, l := range c.loads() {
		fmt.Fprintf(os.Stderr, "redis-benchmark %s, %d pairs: ", strings.Join(l.args(0, c.keySpace)[4:], " "), c.pairs)
		speed := row{name: l.String(), unit: "requests/s", aim: 1.4, atLeast: true}
		cpu := row{name: l.String(), unit: "CPU µs/request", digits: 2}
		if l.pipeline == 1 {
			speed.aim, cpu.aim = 0.95, 1.0
		}
		for range c.pairs {
			us, err := c.measure(ctx, servers.node, l)
			if err != nil {
				return err
			}
			they, err := c.measure(ctx, servers.redis, l)
			if err != nil {
				return err
			}
			speed.add(us.perSecond, they.perSecond)
			cpu.add(us.cpu, they.cpu)
			fmt.Fprintf(os.Stderr, " %.2f×", us.perSecond/they.perSecond)
		}
		fmt.Fprintln(os.Stderr)
		t.rows = append(t.rows, speed, cpu)
	}
	return nil
}

// measured is one run of redis-benchmark.
type measured struct {
	perSecond float64 // requests
	cpu       float64 // µs of the server's CPU time for each request
}

func (c *campaign) measure(ctx context.Context, p *peer, l load) (m measured, err error) {
	before, err := p.cpu()
	if err != nil {
		return m, err
	}
	cmd := exec.CommandContext(ctx, "redis-benchmark", l.args(p.port, c.keySpace)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("redis-benchmark against %s: %w", p.name, err)
	}
	after, err := p.cpu()
	if err != nil {
		return m, err
	}
	m.perSecond, err = requestsPerSecond(string(out))
	m.cpu = float64((after - before).Microseconds()) / float64(l.requests)
	return m, err
}

// requestsPerSecond reads redis-benchmark's CSV: a header and one row, whose
// second field it is.
func requestsPerSecond(out string) (float64, error) {
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) < 2 {
		return 0, fmt.Errorf("redis-benchmark said %q", out)
	}
	return strconv.ParseFloat(rows[1][1], 64)
}
