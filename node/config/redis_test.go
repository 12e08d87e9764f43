// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/google/go-cmp/cmp"
)

// own are the directives that Redis does not have.
var own = []string{"admin-bind", "admin-port", "admin-token-file", "managed", "managed-group-id", "replica-protect-dataset"}

func pairs(v resp.Value) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		m[v.Elems[i].Str] = v.Elems[i+1].Str
	}
	return m
}

// TestDirectivesAreRedis compares names and defaults. There is no list of
// directives that the node lacks: it has all.
func TestDirectivesAreRedis(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	want := pairs(server.Do("CONFIG", "GET", "*"))
	got := map[string]string{}
	for _, p := range New().Get("*") {
		got[p.Name] = p.Value
	}
	for _, name := range own {
		delete(got, name)
	}
	// What the server of the test was started with.
	for _, name := range []string{"dir", "port", "save", "unixsocket"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
		delete(got, name)
		delete(want, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CONFIG GET * (-Redis +node):\n%s", diff)
	}
	for name := range byName {
		if byName[name].is(hidden) {
			if got, want := get(New(), name), pairs(server.Do("CONFIG", "GET", name))[name]; got != want {
				t.Errorf("%s is %q by default, in Redis %q", name, got, want)
			}
		}
	}
}

// TestSetAgainstRedis gives every directive values that are right, at an edge,
// or wrong, and compares the answers and what CONFIG GET shows afterwards.
func TestSetAgainstRedis(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	node := New()
	values := []string{
		"", "yes", "NO", "maybe", "0", "1", "-1", "5", "05", "+5", " 5", "99", "101", "65535", "65536", "2147483647",
		"2147483648", "4294967295", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
		"1kb", "1K", "3mb", "1GB", "2x", "50%", "101%", "777", "888", "abc", "a b", "60 1 300 5", "60 1  300", "0 1",
		"normal 1mb 2 3", "slave 0 0 0 pubsub 1 1 1", "master 0 0 0", "normal 1 2", "no one", "127.0.0.1 1", "1 2 3", "0 0 9999",
		"KEA", "Kg$", "Kq", "nosave now", "save nosave", "default", "force", "50 99 100", "101 5", "a/b", "local",
		"everysec", "debug", "noeviction", "volatile-ttl", "swapdb", "clients", "{title} x", "{what}", "host-1.example", "no_host",
	}
	// Left out: what would end or move the server of the test, and what the
	// node refuses on purpose (the tests of refusals have those).
	skipped := map[string]string{
		"bind": "listens", "port": "listens", "unixsocket": "is the test's own", "dir": "is protected",
		"maxclients": "is bounded by the machine in Redis", "watchdog-period": "ends the server if it is slow",
		"appendonly": "writes files", "tls-replication": "is refused", "cluster-enabled": "is refused", "oom-score-adj": "needs privileges",
		"oom-score-adj-values": "needs privileges", "activedefrag": "depends on Redis's allocator", "requirepass": "locks the test out",
		"latency-tracking-info-percentiles": "is emptied by a wrong value in Redis",
		"maxmemory":                         "evicts", "loading-process-events-interval-bytes": "is an int in Redis",
	}
	for _, name := range allNames {
		d := byName[name]
		if skipped[d.name] != "" || slices.Contains(own, d.name) || strings.HasPrefix(d.name, "tls-") {
			continue
		}
		for _, value := range values {
			if outOfOurRange(d, value) {
				continue
			}
			got, want := "OK", server.Ask("CONFIG", "SET", name, value).Str
			if err := node.Set(Client{}, name, value); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("CONFIG SET %s %q:\n node  %s\n Redis %s", name, value, got, want)
			}
			if got, want := get(node, name), pairs(server.Do("CONFIG", "GET", name))[name]; got != want {
				t.Errorf("after CONFIG SET %s %q: node %q, Redis %q", name, value, got, want)
			}
		}
	}
}

// outOfOurRange are durations beyond 292 years, which the node cuts down.
func outOfOurRange(d *directive, value string) bool {
	return value == "9223372036854775807" && (d.name == "repl-backlog-ttl" || d.name == "slowlog-log-slower-than")
}

// TestFatalErrorsAreRedis compares what a start with a bad configuration
// prints.
func TestFatalErrorsAreRedis(t *testing.T) {
	binary := redistest.Binary(t, "redis-server")
	dir := t.TempDir()
	for i, text := range []string{
		"foo bar", "# fine\n\nport x", "port 1 2", "port", "save 1", "save \"60\"", "save a b", "maxmemory 1zb",
		"port \"1", "loglevel loud", "include nowhere.conf", "replicaof here", "replicaof a b", "databases 0", "hz x",
		"unixsocketperm 1000", "client-output-buffer-limit normal 0 0", "client-output-buffer-limit what 0 0 0",
		"bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "dbfilename a/b", "appendfilename \"\"", "shutdown-on-sigint save nosave",
		"include " + filepath.Join(dir, "bad*.inc"), "dir /nowhere", "list-max-ziplist-entries 1 2", "\"unclosed",
	} {
		if err := os.WriteFile(filepath.Join(dir, "bad1.inc"), []byte("port 7000\n  wrong  'a b' \n"), 0o600); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "redis.conf")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, file)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput() // the status is 1, as the text says
		want := string(out)
		if i := strings.Index(want, "# Fatal error"); i >= 0 {
			want = want[i+2:] // behind process and time
		}
		_, err := Load(CommandLine{ConfigFile: file}, nil)
		if err == nil {
			t.Errorf("%d: %q is accepted, Redis says %s", i, text, want)
			continue
		}
		got := strings.ReplaceAll(err.Error(), mustGetwd(t)+"/", "")
		if got+"\n" != want {
			t.Errorf("%d: %q:\n node  %q\n Redis %q", i, text, got+"\n", want)
		}
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return wd
}

// TestCommandLineIsRedis starts Redis with arguments and compares the settings
// that come out.
func TestCommandLineIsRedis(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	conf := "timeout 9\nsave 7 7\nrequirepass \"with \\x41 blank\"\nmasterauth ''\nslave-priority 7\n"
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := []string{"timeout", "save", "masterauth", "replica-priority", "hz", "loglevel", "replicaof", "repl-timeout", "client-output-buffer-limit", "masteruser", "shutdown-on-sigterm"}
	for _, args := range [][]string{
		{"--timeout", "5", "--loglevel", "warning"},
		{"--save", "", "--hz", "20"},
		{"--save", "--hz", "20"},
		{"--hz", "20", "--save"},
		{"--save", "60 1 30 2"},
		{"--save", "60", "1", "--save", "30", "2"},
		{"--replicaof", "127.0.0.1 1"},
		{"--slaveof", "127.0.0.1", "1"},
		{"--slaveof", "no", "one"},
		{"--masterauth", "--secret", "--hz", "20"},
		{"--masterauth=x y", "1"},
		{"--timeout 5", "--hz 20"},
		{"--timeout", "5", "--HZ", "20"},
		{file}, {file, "--timeout", "6"}, {file, "--save", "1", "1"}, {file, "--save", ""},
		{"--client-output-buffer-limit", "slave 1mb 2mb 3", "--shutdown-on-sigterm", "nosave", "now"},
		{"--masteruser", "a \"b\" \x01\xff"},
		{"--hz"},
		{"--hz", "20", "30"},
		{"stray"},
	} {
		want, ok := redisSettings(t, args, shown)
		c, err := Load(ParseCommandLine(args), strings.NewReader(""))
		if (err == nil) != ok {
			t.Errorf("%q: accepted by Redis %v, by the node: %v", args, ok, err)
			continue
		}
		if !ok {
			continue
		}
		got := map[string]string{}
		for _, p := range c.Get(shown...) {
			got[p.Name] = p.Value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-Redis +node):\n%s", args, diff)
		}
	}
}

// redisSettings runs Redis with arguments and asks it for settings; ok is
// false if it does not start.
func redisSettings(t *testing.T, args, names []string) (settings map[string]string, ok bool) {
	t.Helper()
	check := exec.Command(redistest.Binary(t, "redis-server"), append(args, "--port", "-1")...)
	out, _ := check.CombinedOutput() // it ends at the port at the latest
	if !strings.Contains(string(out), ">>> 'port \"-1\"'") {
		return nil, false
	}
	password := ""
	if strings.HasSuffix(args[0], ".conf") {
		password = "with A blank"
	}
	server := redistest.StartAs(t, password, t.TempDir(), args...)
	return pairs(server.Do(append([]string{"CONFIG", "GET"}, names...)...)), true
}
