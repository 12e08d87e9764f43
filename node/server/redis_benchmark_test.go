// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package server

import (
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/espalier-io/espalier/node/resp"
)

// BenchmarkAgainstRedis measures this package below a map beside redis-server,
// in turn and on the same machine: requests per second as redis-benchmark sees
// them, and the CPU time of the server per request. The ratios are what
// counts: x-throughput above 1 and x-cpu below 1 are in our favour.
func BenchmarkAgainstRedis(b *testing.B) {
	for _, binary := range []string{"redis-server", "redis-benchmark"} {
		if _, err := exec.LookPath(binary); err != nil {
			b.Skipf("needs %s (Debian packages redis-server, redis-tools) in PATH", binary)
		}
	}
	ours, theirs := startBare(b), startRedis(b)
	for _, pipeline := range []int{1, 16} {
		for _, command := range []string{"set", "get"} {
			b.Run(fmt.Sprintf("%s/pipeline %d", command, pipeline), func(b *testing.B) {
				var us, they measured
				for b.Loop() {
					they.add(measure(b, theirs, command, pipeline))
					us.add(measure(b, ours, command, pipeline))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(us.perSecond(), "requests/s")
				b.ReportMetric(us.cpuPerRequest(), "cpu-µs/request")
				b.ReportMetric(us.perSecond()/they.perSecond(), "x-throughput")
				b.ReportMetric(us.cpuPerRequest()/they.cpuPerRequest(), "x-cpu")
			})
		}
	}
}

// peer is a server under measurement.
type peer struct {
	port int
	cpu  func() time.Duration // used so far
}

type measured struct {
	requests int
	wall     time.Duration
	cpu      time.Duration
}

func (m *measured) add(o measured) {
	m.requests += o.requests
	m.wall += o.wall
	m.cpu += o.cpu
}

func (m *measured) perSecond() float64 { return float64(m.requests) / m.wall.Seconds() }
func (m *measured) cpuPerRequest() float64 {
	return float64(m.cpu.Nanoseconds()) / 1000 / float64(m.requests)
}

func measure(b *testing.B, p peer, command string, pipeline int) measured {
	requests := 150000
	if pipeline > 1 {
		requests = 1000000
	}
	before := p.cpu()
	out, err := exec.Command("redis-benchmark", "-p", strconv.Itoa(p.port), "-t", command, "-c", "50",
		"-n", strconv.Itoa(requests), "-P", strconv.Itoa(pipeline), "-r", "100000", "-d", "32", "--csv").Output()
	cpu := p.cpu() - before
	if err != nil {
		b.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) != 2 {
		b.Fatalf("redis-benchmark said %q", out)
	}
	perSecond, err := strconv.ParseFloat(rows[1][1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return measured{requests, time.Duration(float64(requests) / perSecond * 1e9), cpu}
}

// bare is the least that SET and GET need.
type bare struct {
	mu   sync.Mutex
	data map[string][]byte
}

type bareSession struct {
	*bare
	reply resp.Writer
}

func (h *bare) Lock()        { h.mu.Lock() }
func (h *bare) Unlock()      { h.mu.Unlock() }
func (h *bare) BatchBegin()  {}
func (h *bare) BatchEnd()    {}
func (h *bare) Settle() bool { return true }

func (h *bare) Guarded() uint64 { return 0 }
func (h *bare) Release() bool   { return true }

func (h *bare) Connected(Conn) (Session, error) { return &bareSession{bare: h}, nil }

func (s *bareSession) Announce([][]byte)               {}
func (s *bareSession) KeepAlive()                      {}
func (s *bareSession) ProtocolError(msg string)        { s.reply.Error("ERR " + msg) }
func (s *bareSession) Limits() resp.Limits             { return resp.Limits{} }
func (s *bareSession) TakeReplies(spare []byte) []byte { return s.reply.Take(spare) }
func (s *bareSession) Disconnected()                   {}

func (s *bareSession) Execute(argv [][]byte) Verdict {
	switch {
	case len(argv) == 3 && string(argv[0]) == "SET":
		if v, ok := s.data[string(argv[1])]; ok && len(v) == len(argv[2]) {
			copy(v, argv[2])
		} else {
			s.data[string(argv[1])] = append([]byte(nil), argv[2]...)
		}
		s.reply.OK()
	case len(argv) == 2 && string(argv[0]) == "GET":
		if v, ok := s.data[string(argv[1])]; ok {
			s.reply.Bulk(v)
		} else {
			s.reply.Null()
		}
	default:
		s.reply.ArrayLen(0) // redis-benchmark asks for the configuration
	}
	return Next
}

func startBare(b testing.TB) peer {
	s, err := New(&bare{data: map[string][]byte{}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	port := freePort(b)
	if err := s.Listen([]string{"127.0.0.1"}, port); err != nil {
		b.Fatal(err)
	}
	s.Start()
	b.Cleanup(s.Stop)
	return peer{port, func() time.Duration {
		var usage unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
			b.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}}
}

func startRedis(b testing.TB) peer {
	port := freePort(b)
	cmd := exec.Command("redis-server", "--port", strconv.Itoa(port), "--save", "", "--dir", b.TempDir())
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			b.Fatal("redis-server does not answer")
		}
	}
	return peer{port, func() time.Duration { return processCPU(b, cmd.Process.Pid) }}
}

// processCPU reads utime and stime, in ticks of 10 ms, fields 14 and 15 of
// proc(5)'s stat.
func processCPU(b testing.TB, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
