// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
)

// options are those of both servers: nothing is written to disk.
var options = []string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}

// peer is a server under measurement.
type peer struct {
	name string
	port int
	cmd  *exec.Cmd
	dir  string
}

// startPeer runs a server with its own port and directory, and waits until it
// answers.
func startPeer(ctx context.Context, name, binary string) (p *peer, err error) {
	p = &peer{name: name}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "espalier-bench-"); err != nil {
		return nil, err
	}
	args := append([]string{"--port", strconv.Itoa(p.port), "--dir", p.dir, "--logfile", filepath.Join(p.dir, "log")}, options...)
	p.cmd = exec.CommandContext(ctx, binary, args...)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		os.RemoveAll(p.dir)
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	if err := p.awaitAnswer(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

func (p *peer) addr() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

// awaitAnswer makes sure that it is our process that answers: the port was free
// a moment ago, which promises nothing.
func (p *peer) awaitAnswer() error {
	const patience = 10 * time.Second
	err := errors.New("no answer")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var c *redisclient.Conn
		if c, err = redisclient.Dial(p.addr(), ""); err != nil {
			continue
		}
		fields, err := c.Info("server")
		c.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if pid := fields["process_id"]; pid != strconv.Itoa(p.cmd.Process.Pid) {
			return fmt.Errorf("%s: port %d belongs to process %s", p.name, p.port, pid)
		}
		return nil
	}
	return fmt.Errorf("%s on port %d: %w", p.name, p.port, err)
}

func (p *peer) stop() {
	p.cmd.Process.Signal(syscall.SIGKILL) // it has nothing to save
	p.cmd.Wait()
	os.RemoveAll(p.dir)
}

// cpu is the CPU time that the process has used so far, by the kernel's account
// in proc(5)'s stat, in steps of 10 ms.
func (p *peer) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return cpuTime(string(stat))
}

// cpuTime adds fields 14 and 15, utime and stime, in ticks of 1/100 s. The
// name, field 2, is in parentheses and may hold anything.
func cpuTime(stat string) (time.Duration, error) {
	const tick = 10 * time.Millisecond
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("unexpected stat %q", stat)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// resident is the process's resident memory in bytes, from proc(5)'s status.
func (p *peer) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return residentBytes(string(status))
}

func residentBytes(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in %q", status)
}

// pair is the node and its rival.
type pair struct{ node, redis *peer }

func (c *campaign) startPair(ctx context.Context) (pair, error) {
	node, err := startPeer(ctx, "node", c.node)
	if err != nil {
		return pair{}, err
	}
	redis, err := startPeer(ctx, "redis-server", c.redis)
	if err != nil {
		node.stop()
		return pair{}, err
	}
	return pair{node, redis}, nil
}

func (p pair) both() []*peer { return []*peer{p.node, p.redis} }

func (p pair) stop() {
	p.node.stop()
	p.redis.stop()
}
