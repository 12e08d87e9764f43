// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redistest runs a real redis-server for a test, as the oracle that
// the node's formats and replies are compared with. A machine without Redis
// skips those tests and says so.
package redistest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// patience bounds every wait of this package.
const patience = 20 * time.Second

// Server is a running redis-server that listens on a socket in its directory.
type Server struct {
	Dir    string
	Socket string // path of the Unix socket that it listens on

	t       testing.TB
	process *exec.Cmd
	log     bytes.Buffer
	conn    net.Conn
	replies *resp.Reader
}

// Binary is the path of one of Redis's programs; the test is skipped if there
// is none.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs a real Redis to compare with: %v (Debian: apt-get install redis-server redis-tools)", err)
	}
	return path
}

// Start runs redis-server in a directory with further options, without save
// points unless the options give some. It is stopped with the test.
func Start(t testing.TB, dir string, options ...string) *Server {
	t.Helper()
	return StartAs(t, "", dir, append([]string{"--save", ""}, options...)...)
}

// StartAs runs redis-server with just these arguments, and those that it can
// be reached by. The password is that which the arguments set, or "".
func StartAs(t testing.TB, password, dir string, args ...string) *Server {
	t.Helper()
	binary := Binary(t, "redis-server")
	// A path of its own, as those of sockets must be short.
	run, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	socket := filepath.Join(run, "s")
	s := &Server{Dir: dir, Socket: socket, t: t}
	args = append(append([]string(nil), args...), "--port", "0", "--unixsocket", socket, "--dir", dir)
	s.process = exec.Command(binary, args...)
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = s.process.Wait() // its log tells more than its status
	}()
	t.Cleanup(func() {
		_ = s.process.Process.Kill() // may have ended by itself
		<-exited
	})
	s.connect(socket, password, exited)
	return s
}

// connect waits until the server answers.
func (s *Server) connect(socket, password string, exited <-chan struct{}) {
	s.t.Helper()
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	deadline := time.After(patience)
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			s.conn, s.replies = conn, resp.NewReader(conn, 64<<10)
			s.t.Cleanup(func() { conn.Close() })
			if password != "" {
				s.Do("AUTH", password)
			}
			if s.Ask("PING").Str == "PONG" {
				return
			}
			conn.Close() // it is loading
		}
		select {
		case <-retry.C:
		case <-exited:
			s.t.Fatalf("redis-server ended:\n%s", s.log.String())
		case <-deadline:
			s.t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// Ask sends a command and returns the reply, an error reply too.
func (s *Server) Ask(argv ...string) resp.Value {
	s.t.Helper()
	if err := s.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		s.t.Fatalf("%.200q: %v", argv, err)
	}
	v, err := s.replies.Reply()
	if err != nil {
		s.t.Fatalf("%.200q: %v", argv, err)
	}
	return v
}

// Do sends a command that must not fail.
func (s *Server) Do(argv ...string) resp.Value {
	s.t.Helper()
	v := s.Ask(argv...)
	if err := v.Err(); err != nil {
		s.t.Fatalf("%.200q: %v", argv, err)
	}
	return v
}
