// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// asNode makes the test binary be the node: exit codes and signals need a
// process of their own.
const asNode = "ESPALIER_TEST_AS_NODE"

func TestMain(m *testing.M) {
	if os.Getenv(asNode) != "" {
		os.Exit(run(os.Args, os.Stdin, os.Stderr))
	}
	os.Exit(m.Run())
}

// patience bounds every wait.
const patience = 20 * time.Second

// child is a node in a process of its own.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	seen  strings.Builder
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asNode+"=1")
	return cmd
}

func launch(t *testing.T, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: command(args...), lines: make(chan string, 1000)}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() }) // may have ended by itself
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			c.lines <- scanner.Text()
		}
	}()
	return c
}

// await reads the log up to a line that holds the text.
func (c *child) await(text string) string {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				c.t.Fatalf("the node ended without logging %q:\n%s", text, c.seen.String())
			}
			c.seen.WriteString(line + "\n")
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			c.t.Fatalf("the node does not log %q:\n%s", text, c.seen.String())
		}
	}
}

// exit waits for the end and returns the exit code.
func (c *child) exit() int {
	c.t.Helper()
	for line := range c.lines {
		c.seen.WriteString(line + "\n")
	}
	_ = c.cmd.Wait() // the code tells
	return c.cmd.ProcessState.ExitCode()
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func ask(t *testing.T, port int, argv ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
		t.Fatal(err)
	}
	v, err := resp.NewReader(conn, 4096).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return v.Text()
}

func TestLifeOfAProcess(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte("dir "+dir+"\npidfile node.pid\nsave 3600 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := launch(t, file, "--port", fmt.Sprint(port), "--bind", "127.0.0.1")
	pid := c.await(" PID: ")
	if want := fmt.Sprintf(" PID: %d", c.cmd.Process.Pid); !strings.HasSuffix(pid, want) {
		t.Errorf("the banner says %q, want %q", pid, want)
	}
	if line := c.await("# Server initialized"); !strings.Contains(line, ":M ") {
		t.Errorf("the line does not tell a master: %s", line)
	}
	c.await("* Ready to accept connections")
	if written, err := os.ReadFile(filepath.Join(dir, "node.pid")); err != nil || string(written) != fmt.Sprintf("%d\n", c.cmd.Process.Pid) {
		t.Errorf("pidfile: %q, %v", written, err)
	}
	if got := ask(t, port, "SET", "a", "1"); got != "OK" {
		t.Errorf("SET: %s", got)
	}
	other := freePort(t)
	if got := ask(t, port, "CONFIG", "SET", "port", fmt.Sprint(other)); got != "OK" {
		t.Errorf("CONFIG SET port: %s", got)
	}
	if got := ask(t, other, "GET", "a"); got != "1" {
		t.Errorf("GET over the new port: %s", got)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := c.exit(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	for _, line := range []string{"# Received SIGTERM scheduling shutdown...", "# User requested shutdown...",
		"* Saving the final RDB snapshot before exiting.", "* DB saved on disk", "* Removing the pid file.",
		"# Redis is now ready to exit, bye bye..."} {
		if !strings.Contains(c.seen.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, c.seen.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node.pid")); err == nil {
		t.Error("the pidfile is left behind")
	}
	if form := regexp.MustCompile(`(?m)^\d+:[CMS] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [-.*#] `); !form.MatchString(c.seen.String()) {
		t.Errorf("the log's lines are not Redis's:\n%s", c.seen.String())
	}

	again := launch(t, file, "--port", fmt.Sprint(port), "--bind", "127.0.0.1")
	again.await("* DB loaded from disk")
	again.await("* Ready to accept connections")
	if got := ask(t, port, "GET", "a"); got != "1" {
		t.Errorf("GET after the restart: %s", got)
	}
	if got := ask(t, port, "CONFIG", "GET", "nosuch"); got != "[]" {
		t.Errorf("CONFIG GET: %s", got)
	}
}

func TestRefusalsToStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "dump.rdb"), []byte("REDIS0010 and then nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"a wrong directive", []string{"--nosuch", "x"}, "*** FATAL CONFIG FILE ERROR"},
		{"a missing file", []string{"/nowhere/redis.conf"}, "Fatal error, can't open config file"},
		{"a port that is taken", []string{"--bind", "127.0.0.1", "--port", fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)}, "Failed listening on port"},
		{"a damaged dump", []string{"--port", "0", "--dir", damaged}, "Fatal error loading the DB"},
		{"help", []string{"--help"}, "Usage: node"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := command(c.args...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run() // the code tells
			if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit code %d, want 1, and %q in:\n%s", code, c.says, out.String())
			}
		})
	}
}

func TestVersion(t *testing.T) {
	out, err := command("--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "Redis server v=7.0.15 sha=") {
		t.Errorf("%q, %v", out, err)
	}
}

// TestAProcessThatLoadsEndsAtOnce holds the loading up and asks for the end.
func TestAProcessThatLoadsEndsAtOnce(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	c := launch(t, "--dir", dir, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--enable-debug-command", "yes")
	c.await("* Ready to accept connections")
	ask(t, port, "DEBUG", "POPULATE", "1000")
	ask(t, port, "SAVE")
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.exit()

	slow := launch(t, "--dir", dir, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--key-load-delay", "1000000")
	slow.await("# Server initialized")
	if got := ask(t, port, "GET", "key:1"); !strings.HasPrefix(got, "LOADING ") {
		t.Errorf("GET while loading: %s", got)
	}
	if got := ask(t, port, "INFO", "persistence"); !strings.Contains(got, "loading:1\r\n") || !strings.Contains(got, "loading_total_bytes:") {
		t.Errorf("INFO while loading:\n%s", got)
	}
	if err := slow.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := slow.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
