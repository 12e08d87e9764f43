// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hazard

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/podhost"
	"github.com/espalier-io/espalier/hack/redisclient"
)

// server is a process that is restarted with the same arguments.
type server struct {
	binary, dir string
	args        []string
	port        int

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// serve starts a server for the length of the test and waits until it answers.
func serve(t *testing.T, binary string, port int, args ...string) *server {
	t.Helper()
	s := &server{binary: binary, dir: t.TempDir(), args: args, port: port}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	if err := s.up(); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // none if it never wrote one
		t.Fatalf("%v\n%s", err, log)
	}
	return s
}

func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(s.binary, s.args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, out, out
	if err := s.cmd.Start(); err != nil {
		return err
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() {
		cmd.Wait() // killed; there is nothing to learn from it
		close(exited)
	}()
	return nil
}

func (s *server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd.Process.Kill() // it may have ended by itself
	<-s.exited
}

func (s *server) up() error {
	return await(s.addr()+" answers", 15*time.Second, func() (bool, error) {
		c, err := redisclient.Dial(s.addr(), "")
		if err != nil {
			return false, err
		}
		defer c.Close()
		return true, c.OK("PING")
	})
}

// freePorts finds ports that nobody listens on now.
func freePorts(t *testing.T, n int) []int {
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

// redisBinary is Debian's redis-server.
func redisBinary(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("the hazard is shown beside a real Redis: %v (Debian: apt-get install redis-server)", err)
	}
	return path
}

// nodeBinary builds the node once for the whole test.
var nodeBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "espalier-node")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "node")
	cmd := exec.Command("go", "build", "-o", path, "github.com/espalier-io/espalier/cmd/node")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the node: %w\n%s", err, out)
	}
	return path, nil
})

func builtNode(t *testing.T) string {
	t.Helper()
	path, err := nodeBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	podhost.OwnNetwork()
	code := m.Run()
	if c, err := theCluster(); err == nil {
		c.close()
	}
	if path, err := nodeBinary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// tree is a master with two replicas, as plain processes without persistence.
type tree struct {
	servers    []*server // the first is the master
	pause      time.Duration
	shield     bool
	promotions int
}

func newTree(t *testing.T, binary string, options ...string) *tree {
	t.Helper()
	ports := freePorts(t, 3)
	tr := &tree{}
	for i, port := range ports {
		args := append([]string{"--port", strconv.Itoa(port), "--save", "", "--repl-diskless-sync-delay", "0"}, options...)
		s := serve(t, binary, port, args...)
		tr.servers = append(tr.servers, s)
		if i > 0 {
			if err := s.tell("REPLICAOF", "127.0.0.1", strconv.Itoa(ports[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tr.linked(); err != nil {
		t.Fatal(err)
	}
	return tr
}

func redisAlone(t *testing.T) setup { return newTree(t, redisBinary(t)) }

func nodesAlone(t *testing.T) setup {
	tr := newTree(t, builtNode(t), "--replica-protect-dataset", "yes")
	tr.shield = true
	return tr
}

func (tr *tree) master() (addr, password string) { return tr.servers[0].addr(), "" }

func (tr *tree) members() (addrs []string, password string) {
	for _, s := range tr.servers {
		addrs = append(addrs, s.addr())
	}
	return addrs, ""
}

func (tr *tree) promoted() int { return tr.promotions }

// next makes the freshest of the shielded replicas the master, as a person who
// is called would: REPLICAOF NO ONE there, REPLICAOF it everywhere else.
func (tr *tree) next() error {
	if !tr.shield {
		return nil
	}
	best, furthest := 0, int64(-1)
	for i, s := range tr.servers[1:] {
		offset, err := s.offset()
		if err != nil {
			return err
		}
		if offset > furthest {
			best, furthest = i+1, offset
		}
	}
	tr.servers[0], tr.servers[best] = tr.servers[best], tr.servers[0]
	if err := tr.servers[0].tell("REPLICAOF", "NO", "ONE"); err != nil {
		return err
	}
	for _, s := range tr.servers[1:] {
		if err := s.tell("REPLICAOF", "127.0.0.1", strconv.Itoa(tr.servers[0].port)); err != nil {
			return err
		}
	}
	tr.promotions++
	return tr.linked()
}

func (s *server) tell(argv ...string) error {
	c, err := redisclient.Dial(s.addr(), "")
	if err != nil {
		return err
	}
	defer c.Close()
	return c.OK(argv...)
}

func (s *server) replication() (map[string]string, error) {
	c, err := redisclient.Dial(s.addr(), "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Info("replication")
}

func (s *server) offset() (int64, error) {
	f, err := s.replication()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(f["slave_repl_offset"], 10, 64)
}

func (tr *tree) restart() error {
	tr.servers[0].kill()
	time.Sleep(tr.pause) // the restart's delay is what is being measured
	if err := tr.servers[0].start(); err != nil {
		return err
	}
	return tr.servers[0].up()
}

// settle waits until the replicas follow the restarted master, or, shielded,
// until they say that they refuse to.
func (tr *tree) settle() error {
	if !tr.shield {
		return tr.linked()
	}
	return tr.each("refuses the empty master", func(f map[string]string) bool {
		return strings.HasPrefix(f["master_link_reason"], "refused")
	})
}

// linked waits until every replica's link is up.
func (tr *tree) linked() error {
	return tr.each("follows the master", func(f map[string]string) bool {
		return f["master_link_status"] == "up" && f["master_sync_in_progress"] == "0"
	})
}

func (tr *tree) each(what string, holds func(replication map[string]string) bool) error {
	for _, s := range tr.servers[1:] {
		err := await(s.addr()+" "+what, 20*time.Second, func() (bool, error) {
			f, err := s.replication()
			if err != nil {
				return false, err
			}
			return holds(f), fmt.Errorf("link %s, %q", f["master_link_status"], f["master_link_reason"])
		})
		if err != nil {
			return err
		}
	}
	return nil
}
