// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func get(c *Config, name string) string {
	for _, p := range c.Get(name) {
		return p.Value
	}
	return "(none)"
}

func TestSetReachesTheField(t *testing.T) {
	c := New()
	if err := c.Set(Client{Local: true},
		"repl-timeout", "7", "slave-read-only", "no", "maxmemory", "1gb",
		"loglevel", "WARNING", "save", "60 1 300 10", "repl-backlog-size", "2mb",
		"client-output-buffer-limit", "replica 1mb 512kb 30", "bind", "127.0.0.1 -::1",
		"maxmemory-policy", "allkeys-lfu", "slowlog-log-slower-than", "-1",
		"shutdown-on-sigterm", "nosave force"); err != nil {
		t.Fatal(err)
	}
	type shape struct {
		ReplTimeout, SlowerThan time.Duration
		ReadOnly                bool
		MaxMemory               uint64
		LogLevel                LogLevel
		Save                    []SavePoint
		Backlog                 int64
		Limit                   OutputBufferLimit
		Bind                    []string
		Policy                  MaxMemoryPolicy
		Sigterm                 ShutdownFlags
	}
	want := shape{
		7 * time.Second, -time.Microsecond, false, 1 << 30, LogWarning,
		[]SavePoint{{time.Minute, 1}, {5 * time.Minute, 10}}, 2 << 20,
		OutputBufferLimit{1 << 20, 512 << 10, 30 * time.Second},
		[]string{"127.0.0.1", "-::1"}, AllKeysLFU, ShutdownNoSave | ShutdownForce,
	}
	for name, v := range map[string]*Values{"fields": &c.Values, "Current": c.Current()} {
		got := shape{
			v.ReplTimeout, v.SlowlogLogSlowerThan, v.ReplicaReadOnly, v.MaxMemory, v.LogLevel, v.Save, v.ReplBacklogSize,
			v.OutputBufferLimits[ClientReplica], v.Bind, v.MaxMemoryPolicy, v.ShutdownOnSigterm,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSetRefusals(t *testing.T) {
	for _, c := range []struct {
		pairs  []string
		client Client
		want   string
	}{
		{[]string{"nonsense", "1"}, Client{}, "ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'"},
		{[]string{"hz"}, Client{}, "ERR syntax error"},
		{[]string{"databases", "1"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config"},
		{[]string{"slaveof", "a 1"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'slaveof') - can't set immutable config"},
		{[]string{"dir", "/"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config"},
		{[]string{"hz", "20", "HZ", "30"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter"},
		{[]string{"replica-read-only", "no", "slave-read-only", "no"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'slave-read-only') - duplicate parameter"},
		{[]string{"repl-diskless-load", "swapdb"}, Client{Loading: true}, "LOADING Redis is loading the dataset in memory"},
		{[]string{"SLAVE-read-only", "maybe"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'slave-read-only') - argument must be 'yes' or 'no'"},
		{[]string{"appendonly", "yes"}, Client{Loading: true}, "LOADING Redis is loading the dataset in memory"},
		{[]string{"appendfsync", "sometimes"}, Client{}, "ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the following: everysec, always, no"},
	} {
		conf := New()
		before := conf.Get("*")
		err := conf.Set(c.client, c.pairs...)
		if err == nil || err.Error() != c.want {
			t.Errorf("CONFIG SET %q: %v\n want %s", c.pairs, err, c.want)
		}
		if diff := cmp.Diff(before, conf.Get("*")); diff != "" {
			t.Errorf("CONFIG SET %q was refused and changed\n%s", c.pairs, diff)
		}
	}
}

func TestProtectedDirectivesByPermission(t *testing.T) {
	for _, c := range []struct {
		permission string
		local      bool
		allowed    bool
	}{{"no", true, false}, {"local", true, true}, {"local", false, false}, {"yes", false, true}} {
		conf, err := FromText("enable-protected-configs " + c.permission)
		if err != nil {
			t.Fatal(err)
		}
		if err := conf.Set(Client{Local: c.local}, "dbfilename", "x.rdb"); (err == nil) != c.allowed {
			t.Errorf("enable-protected-configs %s, local %v: %v", c.permission, c.local, err)
		}
	}
}

// TestSetIsAllOrNothing: a bad last value, and a hook that fails, undo the
// first ones.
func TestSetIsAllOrNothing(t *testing.T) {
	c := New()
	var seen []string
	note := func(c *Config) error {
		seen = append(seen, get(c, "hz")+"/"+get(c, "port"))
		return nil
	}
	c.OnChange("hz", note)
	c.OnChange("port", func(c *Config) error {
		if c.Port == 1 {
			return errors.New("Unable to listen on this port. Check server logs.")
		}
		return note(c)
	})
	if err := c.Set(Client{}, "hz", "50", "port", "99999999"); err == nil {
		t.Error("a port out of range was accepted")
	}
	if len(seen) != 0 {
		t.Errorf("hooks ran for a refused change: %q", seen)
	}
	err := c.Set(Client{}, "hz", "50", "port", "1")
	const want = "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if diff := cmp.Diff([]string{"50/1", "10/6379", "10/6379"}, seen); diff != "" {
		t.Errorf("hooks of a failed change, then of its undoing (-want +got):\n%s", diff)
	}
	if c.Hz != 10 || c.Port != 6379 || c.Current().Hz != 10 {
		t.Errorf("a failed change left hz %d, port %d", c.Hz, c.Port)
	}
	seen = nil
	if err := c.Set(Client{}, "hz", "50", "port", "7000"); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(Client{}, "hz", "50"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"50/7000", "50/7000"}, seen); diff != "" {
		t.Errorf("hooks run for changes only (-want +got):\n%s", diff)
	}
}

func TestGet(t *testing.T) {
	c := New()
	for _, row := range []struct {
		patterns []string
		want     []string
	}{
		{[]string{"hz"}, []string{"hz"}},
		{[]string{"Hz", "hz", "hz"}, []string{"Hz", "hz"}},
		{[]string{"nothing"}, nil},
		{[]string{"replica-p*", "slave-p*"}, []string{"replica-priority", "replica-protect-dataset", "slave-priority"}},
		{[]string{"port", "por?", "*-port"}, []string{"port", "admin-port", "cluster-announce-bus-port", "cluster-announce-port", "cluster-announce-tls-port", "cluster-port", "replica-announce-port", "slave-announce-port", "tls-port"}},
		{[]string{"key-load-del*"}, nil},
		{[]string{"key-load-delay"}, []string{"key-load-delay"}},
		{[]string{"RDBCOMP*"}, []string{"rdbcompression"}},
	} {
		var got []string
		for _, p := range c.Get(row.patterns...) {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("CONFIG GET %q (-want +got):\n%s", row.patterns, diff)
		}
	}
}

func TestReplicaOfIsShown(t *testing.T) {
	c := New()
	c.SetReplicaOf(HostPort{"10.0.0.7", 6380})
	if got := get(c, "slaveof"); got != "10.0.0.7 6380" {
		t.Errorf("slaveof is %q", got)
	}
	if c.Current().ReplicaOf.Port != 6380 {
		t.Error("Current does not show it")
	}
	c.SetReplicaOf(HostPort{})
	if got := get(c, "replicaof"); got != "" {
		t.Errorf("replicaof is %q", got)
	}
}

// TestCurrentStays: a copy that was handed out does not change.
func TestCurrentStays(t *testing.T) {
	c := New()
	old := c.Current()
	if err := c.Set(Client{}, "save", "1 1", "hash-max-listpack-entries", "7", "bind", "::1"); err != nil {
		t.Fatal(err)
	}
	was := &Config{Values: *old}
	for name, want := range map[string]string{
		"save": "3600 1 300 100 60 10000", "hash-max-ziplist-entries": "512", "bind": "* -::*",
	} {
		if got := get(was, name); got != want {
			t.Errorf("%s became %q in an old copy", name, got)
		}
	}
}

func TestTable(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(names) != len(byName) {
		t.Error("Names is not the sorted list of all spellings")
	}
	for _, d := range Inert() {
		if d.Reason == "" {
			t.Errorf("%s is without effect for no reason", d.Name)
		}
	}
	for _, name := range []string{"requirepass", "masterauth", "masteruser", "MasterAuth"} {
		if !Sensitive(name) {
			t.Errorf("%s is shown in logs", name)
		}
	}
	if Sensitive("hz") || Sensitive("nonsense") {
		t.Error("too much is masked")
	}
}

func TestDirResolvesPaths(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := FromText("dir " + root + "\ndir ./data\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Dir, filepath.Join(root, "data"); got != want {
		t.Errorf("dir is %s, want %s", got, want)
	}
	if got, want := c.Path("dump.rdb"), filepath.Join(root, "data", "dump.rdb"); got != want {
		t.Errorf("Path gives %s, want %s", got, want)
	}
	for dir, want := range map[string]string{
		filepath.Join(root, "nowhere"): "No such file or directory", file: "Not a directory",
	} {
		if _, err := FromText("dir " + dir); err == nil || !strings.HasSuffix(err.Error(), "\n"+want) {
			t.Errorf("dir %s: %v, want %s", dir, err, want)
		}
	}
}
