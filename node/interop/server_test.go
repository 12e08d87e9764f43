// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
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

	"github.com/espalier-io/espalier/node/resp"
)

// kind is which program a server runs.
type kind string

const (
	aNode  kind = "node"
	aRedis kind = "redis"
)

// nodeBinary is the node, built once for all tests.
var nodeBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	nodeBinary = filepath.Join(dir, "node")
	build := exec.Command("go", "build", "-o", nodeBinary, "github.com/espalier-io/espalier/cmd/node")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building the node:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience bounds every wait.
const patience = 60 * time.Second

// server is a process of either kind, with a connection to it.
type server struct {
	t    *testing.T
	kind kind
	name string
	dir  string
	port int
	args []string

	process *exec.Cmd
	exited  chan struct{}
	log     *logBuffer
	conn    net.Conn
	replies *resp.Reader
}

// start runs a server in a directory of its own, without save points unless
// the options, written as on the command line, set some.
func start(t *testing.T, k kind, name string, options ...string) *server {
	t.Helper()
	if k == aRedis {
		if _, err := exec.LookPath("redis-server"); err != nil {
			t.Skipf("needs a real Redis at the other end: %v (Debian: apt-get install redis-server redis-tools)", err)
		}
	}
	s := &server{t: t, kind: k, name: name, dir: t.TempDir(), port: freePort(t), log: &logBuffer{}}
	s.args = append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"}, options...)
	t.Cleanup(func() {
		s.kill()
		for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if s.kind == aNode && s.log.count(sign) > 0 {
				t.Errorf("%s logs a %s", s.name, sign)
			}
		}
		if t.Failed() {
			t.Logf("log of %s (%s):\n%s", s.name, s.kind, s.log.tail(60))
		}
	})
	s.run()
	return s
}

// freePort finds a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run starts the process, again after a kill, and waits until it answers.
func (s *server) run() {
	s.t.Helper()
	s.launch()
	s.await("an answer of "+s.name, func() bool {
		return s.connect() && !s.ask("PING").IsNull() && s.ask("PING").Err() == nil || s.answersErrors()
	})
}

// launch starts the process.
func (s *server) launch() {
	s.t.Helper()
	binary := nodeBinary
	if s.kind == aRedis {
		binary = "redis-server"
	}
	s.process = exec.Command(binary, s.args...)
	s.process.Dir = s.dir
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func() {
		defer close(s.exited)
		_ = s.process.Wait() // its log tells more than its status
	}()
}

// answersErrors: a server with a password, or with stale data, answers as well.
func (s *server) answersErrors() bool {
	if s.conn == nil {
		return false
	}
	err, isError := s.ask("PING").Err().(resp.Error)
	return isError && (err.Code() == "NOAUTH" || err.Code() == "MASTERDOWN")
}

func (s *server) connect() bool {
	s.hangUp()
	conn, err := net.Dial("tcp", s.addr())
	if err != nil {
		return false
	}
	s.conn, s.replies = conn, resp.NewReader(conn, 64<<10)
	return true
}

func (s *server) hangUp() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// kill ends the process at once, as a crash does.
func (s *server) kill() {
	s.hangUp()
	_ = s.process.Process.Kill() // may have ended by itself
	<-s.exited
}

// signal stops or continues the process.
func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// ask sends a command and returns the reply, be it an error; a null if there
// is none.
func (s *server) ask(argv ...string) resp.Value {
	if s.conn == nil {
		return resp.Value{Kind: resp.KindNull}
	}
	_ = s.conn.SetDeadline(time.Now().Add(patience)) // a broken connection shows in the write
	if _, err := s.conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		s.hangUp()
		return resp.Value{Kind: resp.KindNull}
	}
	v, err := s.replies.Reply()
	if err != nil {
		s.hangUp()
		return resp.Value{Kind: resp.KindNull}
	}
	return v
}

// do sends a command that must not fail.
func (s *server) do(argv ...string) resp.Value {
	s.t.Helper()
	v := s.ask(argv...)
	if err := v.Err(); err != nil || s.conn == nil {
		s.t.Fatalf("%s: %.200q: %v", s.name, argv, v.Text())
	}
	return v
}

// await waits for a condition.
func (s *server) await(what string, condition func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitLog waits for a line of the log, and returns how often it is there.
func (s *server) awaitLog(text string) int {
	s.t.Helper()
	s.await(fmt.Sprintf("%s to log %q", s.name, text), func() bool { return s.log.count(text) > 0 })
	return s.log.count(text)
}

// info gives the fields of a section of INFO.
func (s *server) info(section string) map[string]string {
	s.t.Helper()
	fields := map[string]string{}
	for line := range strings.SplitSeq(s.do("INFO", section).Str, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// number is a field of INFO that is one.
func (s *server) number(section, field string) int64 {
	s.t.Helper()
	n, err := strconv.ParseInt(s.info(section)[field], 10, 64)
	if err != nil {
		s.t.Fatalf("%s: INFO %s has %s:%q", s.name, section, field, s.info(section)[field])
	}
	return n
}

// follow makes s a replica of master, reached over addr ("host:port").
func (s *server) follow(addr string) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.do("REPLICAOF", host, port)
}

// awaitLink waits until the link to the master is up.
func (s *server) awaitLink() {
	s.t.Helper()
	s.await(s.name+"'s link to be up", func() bool { return s.info("replication")["master_link_status"] == "up" })
}

func (s *server) digest() string {
	s.t.Helper()
	return s.do("DEBUG", "DIGEST").Str
}

// awaitSame waits until the replicas stand where the master stands and hold
// the same data. The master may still go on a little by itself: what expires is
// deleted, and it pings.
func awaitSame(t *testing.T, master *server, replicas ...*server) {
	t.Helper()
	for _, r := range replicas {
		r.awaitLink()
		var differs string
		same := func() bool {
			at, want := master.number("replication", "master_repl_offset"), master.digest()
			there, got := r.number("replication", "master_repl_offset"), r.digest()
			// A link can be up for a moment with a process that is gone already.
			history, of := master.info("replication")["master_replid"], r.info("replication")["master_replid"]
			differs = fmt.Sprintf("%s at %.8s:%d holds %s (%s keys), %s at %.8s:%d holds %s (%s keys)",
				master.name, history, at, want, master.do("DBSIZE").Text(), r.name, of, there, got, r.do("DBSIZE").Text())
			return at == there && want == got && history == of
		}
		for deadline := time.Now().Add(patience); !same(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after %v %s", patience, differs)
			}
		}
	}
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) count(text string) int { return strings.Count(b.String(), text) }

func (b *logBuffer) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(b.String()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
