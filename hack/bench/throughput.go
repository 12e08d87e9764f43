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
	keys     int    // that it touches at random
	aim      float64
	cpuAim   float64
	with     string // what is special about the servers
}

func (l load) String() string {
	text := fmt.Sprintf("%s, pipeline %d, %s keys", l.command, l.pipeline, thousands(l.keys))
	if l.with != "" {
		text += ", " + l.with
	}
	return text
}

// thousands writes 100000 as 100k and 6000000 as 6M.
func thousands(n int) string {
	if n%1_000_000 == 0 {
		return strconv.Itoa(n/1_000_000) + "M"
	}
	return strconv.Itoa(n/1000) + "k"
}

// args is redis-benchmark's command line, but for the address. Its keys are
// key:000000000000 and so on, the loader's.
func (l load) args() []string {
	return []string{"-t", strings.ToLower(l.command), "-c", strconv.Itoa(clients), "-n", strconv.Itoa(l.requests),
		"-P", strconv.Itoa(l.pipeline), "-r", strconv.Itoa(l.keys), "-d", strconv.Itoa(valueSize), "--csv"}
}

// loads are what the aims are about. Without pipelining the client is the
// bottleneck, so there the CPU time tells more.
func (c *campaign) loads() []load {
	return []load{
		{command: "SET", pipeline: 1, requests: c.plain, keys: c.fewKeys, aim: 0.95, cpuAim: 1},
		{command: "GET", pipeline: 1, requests: c.plain, keys: c.fewKeys, aim: 0.95, cpuAim: 1},
		{command: "SET", pipeline: 16, requests: c.batched, keys: c.fewKeys, aim: 1.4},
		{command: "GET", pipeline: 16, requests: c.batched, keys: c.fewKeys, aim: 1.4},
	}
}

// throughput measures requests per second and the server's CPU time for each
// request, on a data set that the processor's caches nearly hold.
func (c *campaign) throughput(ctx context.Context, t *table) error {
	servers, err := c.startPair(ctx)
	if err != nil {
		return err
	}
	defer servers.stop()
	for _, p := range servers.both() {
		if err := fill(p, c.fewKeys, value); err != nil {
			return err
		}
	}
	return c.measureAll(ctx, servers, c.loads(), t)
}

// measureAll adds two rows for each load.
func (c *campaign) measureAll(ctx context.Context, servers pair, loads []load, t *table) error {
	for _, l := range loads {
		fmt.Printf("redis-benchmark %s, %d pairs: ", strings.Join(l.args(), " "), c.pairs)
		speed := row{name: l.String(), unit: "requests/s", aim: l.aim, atLeast: true}
		cpu := row{name: l.String(), unit: "CPU µs/request", digits: 2, aim: l.cpuAim}
		for range c.pairs {
			us, err := measure(ctx, servers.node, l)
			if err != nil {
				return err
			}
			they, err := measure(ctx, servers.redis, l)
			if err != nil {
				return err
			}
			speed.add(us.perSecond, they.perSecond)
			cpu.add(us.cpu, they.cpu)
			fmt.Printf(" %.2f×", us.perSecond/they.perSecond)
		}
		fmt.Println()
		t.rows = append(t.rows, speed, cpu)
	}
	return nil
}

// measured is one run of redis-benchmark.
type measured struct {
	perSecond float64 // requests
	cpu       float64 // µs of the server's CPU time for each request
}

func measure(ctx context.Context, p *peer, l load) (m measured, err error) {
	before, err := p.cpu()
	if err != nil {
		return m, err
	}
	cmd := exec.CommandContext(ctx, "redis-benchmark", append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(p.port)}, l.args()...)...)
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
