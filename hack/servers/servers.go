// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package servers runs redis-servers and nodes as processes for tests: started
// again with the same arguments, killed, frozen and thawed.
package servers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
)

// Server is a process that is started again with the same arguments, in a
// directory of its own.
type Server struct {
	Port int
	Dir  string

	binary string
	args   []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// New prepares a server for the length of the test, in the given directory.
func New(t *testing.T, binary, dir string, port int, args ...string) *Server {
	t.Helper()
	s := &Server{binary: binary, Dir: dir, args: args, Port: port}
	t.Cleanup(s.Kill)
	return s
}

// Serve starts a server for the length of the test and waits until it answers.
func Serve(t *testing.T, binary string, port int, args ...string) *Server {
	t.Helper()
	s := New(t, binary, t.TempDir(), port, args...)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Up(); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// Addr is where it listens.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Log is what all its processes have printed.
func (s *Server) Log() []byte {
	log, _ := os.ReadFile(filepath.Join(s.Dir, "log")) // none if it never wrote one
	return log
}

// Start starts a process; the one before must have ended.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(s.binary, s.args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.Dir, out, out
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() {
		_ = cmd.Wait() // killed; there is nothing to learn from it
		close(exited)
	}()
	return nil
}

// Kill ends the process, if there is one, with SIGKILL and waits for its end.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.exited
}

// Ended waits until the process has ended by itself.
func (s *Server) Ended(limit time.Duration) error {
	s.mu.Lock()
	exited := s.exited
	s.mu.Unlock()
	select {
	case <-exited:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("%s still runs after %v", s.Addr(), limit)
	}
}

// Freeze stops the process where it is (SIGSTOP), and waits until it stands.
func (s *Server) Freeze() error {
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return Await(s.Addr()+" stands still", 10*time.Second, func() (bool, error) {
		state, err := s.state()
		return state == 'T', err
	})
}

// Thaw lets a frozen process go on (SIGCONT).
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Signal(sig)
}

// state is the process's state as /proc has it.
func (s *Server) state() (byte, error) {
	s.mu.Lock()
	pid := s.cmd.Process.Pid
	s.mu.Unlock()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	for i := len(raw) - 1; i > 0; i-- {
		if raw[i] == ')' && i+2 < len(raw) {
			return raw[i+2], nil
		}
	}
	return 0, fmt.Errorf("/proc/%d/stat reads %q", pid, raw)
}

// Up waits until the process answers.
func (s *Server) Up() error {
	return Await(s.Addr()+" answers", 15*time.Second, func() (bool, error) {
		c, err := redisclient.Dial(s.Addr(), "")
		if err != nil {
			return false, err
		}
		defer c.Close()
		// An error is an answer too (-NOAUTH), but for the one that asks to wait.
		err = c.OK("PING")
		return err == nil || !strings.Contains(err.Error(), "LOADING"), err
	})
}

// Tell sends one command that is answered by OK.
func (s *Server) Tell(argv ...string) error {
	c, err := redisclient.Dial(s.Addr(), "")
	if err != nil {
		return err
	}
	defer c.Close()
	return c.OK(argv...)
}

// Replication is INFO replication.
func (s *Server) Replication() (map[string]string, error) {
	c, err := redisclient.Dial(s.Addr(), "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Info("replication")
}

// Await polls until a condition holds, for at most limit. It polls because the
// conditions are those of other processes, which announce nothing.
func Await(what string, limit time.Duration, holds func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	var last error
	for time.Now().Before(deadline) {
		ok, err := holds()
		if ok {
			return nil
		}
		last = err
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s: not within %v (last: %v)", what, limit, last)
}

// FreePorts finds ports that nobody listens on now.
func FreePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// Redis is Debian's redis-server.
func Redis(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("a real Redis is needed: %v (Debian: apt-get install redis-server)", err)
	}
	return path
}

// nodeDir is where NodeBinary has built the node, "" if it has not.
var nodeDir string

// NodeBinary builds the node once for a test binary. RemoveNode removes it.
var NodeBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "espalier-node")
	if err != nil {
		return "", err
	}
	nodeDir = dir
	path := filepath.Join(dir, "node")
	cmd := exec.Command("go", "build", "-o", path, "github.com/espalier-io/espalier/cmd/node")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the node: %w\n%s", err, out)
	}
	return path, nil
})

// Node is the node's binary.
func Node(t *testing.T) string {
	t.Helper()
	path, err := NodeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// RemoveNode removes what NodeBinary built; for the end of TestMain.
func RemoveNode() {
	if nodeDir != "" {
		os.RemoveAll(nodeDir)
	}
}
