// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/espalier-io/espalier/node/resp"
)

// rawDial connects without anything on Go's heap.
func rawDial(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func rawAsk(t *testing.T, fd int, request []byte, reply []byte) {
	t.Helper()
	if n, err := unix.Write(fd, request); n != len(request) || err != nil {
		t.Fatal(n, err)
	}
	for len(reply) > 0 {
		n, err := unix.Read(fd, reply)
		if n <= 0 || err != nil {
			t.Fatal(n, err)
		}
		reply = reply[n:]
	}
}

func TestNoAllocationPerRequest(t *testing.T) {
	f := start(t, transports[0], Options{})
	fd := rawDial(t, f.address)
	defer unix.Close(fd)
	request := bytes.Repeat(resp.AppendCommand(nil, "ECHO", "0123456789"), 16)
	reply := make([]byte, 16*len("$10\r\n0123456789\r\n"))
	partial := len(request) - 5 // an end that has to be kept in the connection
	ask := func() {
		rawAsk(t, fd, request, reply)
		rawAsk(t, fd, request[:partial], reply[:15*len(reply)/16])
		rawAsk(t, fd, request[partial:], reply[:len(reply)/16])
	}
	for range 100 {
		ask()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 2000
	for range rounds {
		ask()
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > rounds/10 {
		t.Errorf("%d allocations in %d requests", n, 32*rounds)
	}
}

func TestIdleConnectionsAreCheap(t *testing.T) {
	f := start(t, transports[0], Options{})
	const n = 2000
	request := resp.AppendCommand(nil, "ECHO", "x")
	reply := make([]byte, len("$1\r\nx\r\n"))
	fds := make([]int, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range fds {
		fds[i] = rawDial(t, f.address)
		defer unix.Close(fds[i])
		rawAsk(t, fds[i], request, reply)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("%d bytes of heap for each of %d connections, the test's session included", each, n)
	if each > 1500 {
		t.Error("that is too much")
	}
}

// After a burst the buffers are given back.
func TestBuffersShrink(t *testing.T) {
	f := start(t, transports[0], Options{})
	c := f.dial()
	c.send("NAME burst")
	c.expect("OK")
	value := string(bytes.Repeat([]byte("v"), 3<<20))
	go c.Write(resp.AppendCommand(nil, "LEN", value))
	c.expect("3145728")
	s := f.named("burst")
	c.send("BIG 5000000")
	if v, err := c.Reply(); err != nil || len(v.Str) != 5000000 {
		t.Fatal(len(v.Str), err)
	}
	c.send("PING")
	c.expect("PONG")
	if used, free := s.conn.InputBuffer(); used+free != 0 {
		t.Errorf("an idle connection holds %d bytes of input buffer", used+free)
	}
	f.Lock()
	defer f.Unlock()
	if b := s.reply.Take(nil); cap(b) != 0 {
		t.Errorf("an idle session holds %d bytes of reply buffer", cap(b))
	}
}

// An event for a descriptor that was closed and is somebody else's by now goes
// nowhere.
func TestStaleEvents(t *testing.T) {
	s, err := New(newToy(t), Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	l := s.loops[0]
	socketpair := func() int {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(pair[1]) })
		return pair[0]
	}
	l.arrive(accepted{fd: socketpair(), path: "x"})
	first := l.conns[0]
	stale := unix.EpollEvent{Events: unix.EPOLLHUP | unix.EPOLLIN, Fd: first.slot, Pad: int32(first.serial)}
	l.drop(first)
	l.arrive(accepted{fd: socketpair(), path: "x"})
	second := l.conns[0]
	if second == nil || second.slot != first.slot {
		t.Fatal("the slot is not used again, the test shows nothing")
	}
	second.closing = true // so that a hang-up would end it
	l.event(stale)
	if second.gone() {
		t.Error("a stale event has ended another connection")
	}
	stale.Pad = int32(second.serial)
	if l.event(stale); !second.gone() {
		t.Error("an event of its own has not ended it, the test shows nothing")
	}
}

// Out of descriptors, a loop lets connections wait instead of spinning, and
// takes them when it can.
func TestOutOfDescriptors(t *testing.T) {
	warned := make(chan string, 1)
	f := start(t, transports[0], Options{Warn: func(msg string) {
		select {
		case warned <- msg:
		default:
		}
	}})
	first := rawDial(t, f.address)
	defer unix.Close(first)
	request, reply := resp.AppendCommand(nil, "ECHO", "x"), make([]byte, len("$1\r\nx\r\n"))
	rawAsk(t, first, request, reply)

	second, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(second)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(second, &unix.SockaddrUnix{Name: f.address}); err != nil {
		restore()
		t.Fatal(err)
	}
	msg := <-warned
	restore()
	if want := "Accepting client connection: too many open files"; msg != want {
		t.Errorf("warned %q, want %q", msg, want)
	}
	rawAsk(t, first, request, reply)
	rawAsk(t, second, request, reply)
}

// Both options are inherited from the listening socket.
func TestSocketOptions(t *testing.T) {
	f := start(t, transports[1], Options{KeepAlive: 90 * time.Second})
	c := f.dial()
	c.send("NAME a")
	c.expect("OK")
	conn := f.named("a").conn
	fd := conn.FD()
	noDelay := func(want bool) {
		t.Helper()
		value, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		if err != nil || (value != 0) != want {
			t.Errorf("TCP_NODELAY is %d, %v, want %v", value, err, want)
		}
	}
	noDelay(true)
	for _, on := range []bool{false, true, false} {
		conn.SetNoDelay(!on)
		conn.SetNoDelay(on)
		c.send("PING")
		c.expect("PONG")
		noDelay(on)
	}
	for option, want := range map[int]int{unix.TCP_KEEPIDLE: 90, unix.TCP_KEEPINTVL: 30, unix.TCP_KEEPCNT: 3} {
		if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, option); got != want || err != nil {
			t.Errorf("option %d is %d, %v, want %d", option, got, err, want)
		}
	}
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); on != 1 || err != nil {
		t.Errorf("SO_KEEPALIVE is %d, %v", on, err)
	}
}

func TestZoneID(t *testing.T) {
	if n, err := zoneID("7"); n != 7 || err != nil {
		t.Errorf("by number: %d, %v", n, err)
	}
	if n, err := zoneID("lo"); n == 0 || err != nil {
		t.Errorf("by name: %d, %v", n, err)
	}
	if _, err := zoneID("no such interface"); err == nil {
		t.Error("unknown: no error")
	}
}
