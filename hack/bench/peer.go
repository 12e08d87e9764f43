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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
)

// patience bounds everything that takes its time with a large data set.
const patience = 2 * time.Minute

// options are those of all servers: nothing is written to disk.
var options = []string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}

// peer is a server under measurement.
type peer struct {
	name string
	port int
	cmd  *exec.Cmd
	dir  string
}

// launch is how a server is started.
type launch struct {
	name, binary string
	options      []string // beside those of all servers
	within       []string // a command that becomes the one behind it, as taskset does
}

// start runs a server with its own port and directory, and waits until it
// answers.
func (l launch) start(ctx context.Context) (p *peer, err error) {
	p = &peer{name: l.name}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "espalier-bench-"); err != nil {
		return nil, err
	}
	argv := slices.Concat(l.within, []string{l.binary, "--port", strconv.Itoa(p.port), "--dir", p.dir,
		"--logfile", filepath.Join(p.dir, "log")}, options, l.options)
	p.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		os.RemoveAll(p.dir)
		return nil, fmt.Errorf("starting %s: %w", l.binary, err)
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
	const limit = 10 * time.Second
	err := errors.New("no answer")
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
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

// cpu is the CPU time that the process and its children that have ended have
// used so far, by the kernel's account in proc(5)'s stat, in steps of 10 ms.
func (p *peer) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return cpuTime(string(stat))
}

// cpuTime adds fields 14 to 17, utime, stime, cutime and cstime, in ticks of
// 1/100 s. The name, field 2, is in parentheses and may hold anything.
func cpuTime(stat string) (time.Duration, error) {
	const tick = 10 * time.Millisecond
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 15 {
		return 0, fmt.Errorf("unexpected stat %q", stat)
	}
	var sum time.Duration
	for _, field := range fields[11:15] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("unexpected stat %q", stat)
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// dial connects with much patience: a server may be busy with a data set.
func (p *peer) dial() (*redisclient.Conn, error) {
	return redisclient.DialTimeout(p.addr(), "", patience)
}

// resident is the process's resident memory in bytes, from proc(5)'s status.
func (p *peer) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return kibibytes(string(status), "VmRSS:")
}

// kibibytes finds a line of proc(5)'s status or smaps_rollup, in bytes.
func kibibytes(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, field); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in %q", field, text)
}

// pair is the node and its rival.
type pair struct{ node, redis *peer }

// launches are how the two are started, with the same options.
func (c *campaign) launches(options ...string) (node, redis launch) {
	return launch{name: "node", binary: c.node, options: options}, launch{name: "redis-server", binary: c.redis, options: options}
}

func (c *campaign) startPair(ctx context.Context, options ...string) (pair, error) {
	us, they := c.launches(options...)
	node, err := us.start(ctx)
	if err != nil {
		return pair{}, err
	}
	redis, err := they.start(ctx)
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
