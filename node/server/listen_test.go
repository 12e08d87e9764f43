// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// idle makes a running server without addresses.
func idle(t *testing.T) *fixture {
	return start(t, transport{"none", func(testing.TB, *Server) (string, string) { return "", "" }}, Options{
		KeepAlive: 300 * time.Second,
	})
}

func (f *fixture) reaches(network, address string) bool {
	nc, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return false
	}
	nc.Close()
	return true
}

func TestListenAddresses(t *testing.T) {
	f := idle(t)
	port := freePort(t)
	four, six := fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("[::1]:%d", port)
	hasSix := false
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		hasSix = true
		l.Close()
	}
	for _, c := range []struct {
		bind      []string
		port      int
		four, six bool
	}{
		{[]string{"127.0.0.1"}, port, true, false},
		{[]string{"127.0.0.1", "-::1"}, port, true, true},
		{[]string{"*", "-::*"}, port, true, true},
		{[]string{"-::1"}, port, false, true},
		{[]string{"localhost"}, port, true, false},
		{[]string{"127.0.0.1", "-192.0.2.1"}, port, true, false}, // not an address of this machine
		{nil, port, false, false},
		{[]string{"*"}, 0, false, false},
	} {
		// Each call replaces the addresses of the one before.
		if err := f.server.Listen(c.bind, c.port); err != nil {
			t.Errorf("%v: %v", c.bind, err)
			continue
		}
		if got := f.reaches("tcp", four); got != c.four {
			t.Errorf("%v: reached over IPv4: %v", c.bind, got)
		}
		if got := f.reaches("tcp", six); got != (c.six && hasSix) {
			t.Errorf("%v: reached over IPv6: %v", c.bind, got)
		}
	}
}

func TestListenFailures(t *testing.T) {
	f := idle(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	err = f.server.Listen([]string{"-127.0.0.1"}, port)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), fmt.Sprintf("127.0.0.1 port %d", port)) {
		t.Errorf("port in use: %v", err)
	}
	port = freePort(t)
	if err = f.server.Listen([]string{"127.0.0.1", "192.0.2.1"}, port); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("address of another machine: %v", err)
	}
	if f.reaches("tcp", fmt.Sprintf("127.0.0.1:%d", port)) {
		t.Error("an address is open after a failure")
	}
	if err = f.server.Listen([]string{"no.such.host.invalid"}, port); err == nil {
		t.Error("unknown host: no error")
	}
	if err = f.server.ListenUnix(filepath.Join(t.TempDir(), "no", "such", "directory"), 0); err == nil {
		t.Error("socket in a directory that does not exist: no error")
	}
}

func TestUnixSocket(t *testing.T) {
	f := idle(t)
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("left over"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.server.ListenUnix(path, 0o720); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o720 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	f.network, f.address = "unix", path
	c := f.dial()
	c.send("NAME u")
	c.expect("OK")
	conn := f.named("u").conn
	if !conn.IsUnix() || conn.RemoteAddr() != path+":0" || conn.LocalAddr() != path+":0" {
		t.Errorf("unix %v, remote %s, local %s", conn.IsUnix(), conn.RemoteAddr(), conn.LocalAddr())
	}
	f.server.StopAccepting()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	c.send("PING")
	c.expect("PONG")
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		way  transport
		host string
	}{{transports[1], "127.0.0.1"}, {transports[1], "::1"}, {transports[2], "127.0.0.1"}} {
		t.Run(c.way.name+"/"+c.host, func(t *testing.T) {
			f := start(t, c.way, Options{KeepAlive: 300 * time.Second})
			if c.host == "::1" {
				port := freePort(t)
				if err := f.server.Listen([]string{"::1"}, port); err != nil {
					t.Fatal(err)
				}
				f.address = net.JoinHostPort("::1", fmt.Sprint(port))
				if !f.reaches("tcp", f.address) {
					t.Skip("this machine has no IPv6")
				}
			}
			client := f.dial()
			client.send("NAME a")
			client.expect("OK")
			conn := f.named("a").conn
			remote, local := client.Conn.LocalAddr().String(), client.Conn.RemoteAddr().String()
			if conn.RemoteAddr() != remote || conn.LocalAddr() != local || conn.IsUnix() {
				t.Errorf("remote %s, local %s, want %s, %s", conn.RemoteAddr(), conn.LocalAddr(), remote, local)
			}
			for _, on := range []bool{false, true, false} {
				conn.SetNoDelay(!on)
				conn.SetNoDelay(on)
				client.send("PING")
				client.expect("PONG")
			}
			if err := f.server.SetKeepAlive(60 * time.Second); err != nil {
				t.Error(err)
			}
			client.send("PING")
			client.expect("PONG")
		})
	}
}
