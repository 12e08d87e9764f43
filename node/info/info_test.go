// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package info

import (
	"math"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
	"github.com/google/go-cmp/cmp"
)

func registry() *Registry {
	var r Registry
	r.Register("server", "Server", ByDefault, func(f *Fields) { f.Str("redis_version", "7.0.15") })
	r.Register("memory", "Memory", ByDefault, func(f *Fields) {
		f.Bytes("used_memory", 1536)
		f.Float("mem_fragmentation_ratio", 1.005, 2)
		f.Uint("most", math.MaxUint64)
	})
	r.Register("replication", "Replication", ByDefault, func(f *Fields) {
		f.Bool("master_sync_in_progress", true)
		f.Int("slave_repl_offset", -1)
	})
	r.Register("commandstats", "Commandstats", InAll, func(*Fields) {})
	r.Register("modules", "Module", InEverything, func(*Fields) {})
	r.Register("debug", "Debug", ByName, func(*Fields) {})
	r.Register("keyspace", "Keyspace", ByDefault, func(*Fields) {})
	return &r
}

func TestText(t *testing.T) {
	const want = "# Memory\r\nused_memory:1536\r\nused_memory_human:1.50K\r\nmem_fragmentation_ratio:1.00\r\nmost:18446744073709551615\r\n" +
		"\r\n# Replication\r\nmaster_sync_in_progress:1\r\nslave_repl_offset:-1\r\n\r\n# Keyspace\r\n"
	if got := string(registry().Text("KEYSPACE", "replication", "memory", "memory", "unknown")); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSelection(t *testing.T) {
	const byDefault = "Server Memory Replication Keyspace"
	for _, c := range []struct{ names, want string }{
		{"", byDefault},
		{"default", byDefault},
		{"DEFAULT memory", byDefault},
		{"default commandstats", "Server Memory Replication Commandstats Keyspace"},
		{"all", "Server Memory Replication Commandstats Keyspace"},
		{"all debug", "Server Memory Replication Commandstats Debug Keyspace"},
		{"everything", "Server Memory Replication Commandstats Module Keyspace"},
		{"Everything all default", "Server Memory Replication Commandstats Module Keyspace"},
		{"debug", "Debug"},
		{"nothing", ""},
	} {
		var titles []string
		for _, s := range Parse(string(registry().Text(strings.Fields(c.names)...))).Sections {
			titles = append(titles, s.Title)
		}
		if got := strings.Join(titles, " "); got != c.want {
			t.Errorf("INFO %s: %s, want %s", c.names, got, c.want)
		}
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 1<<20 - 1: "1024.00K", 1 << 20: "1.00M", 1610612736: "1.50G",
		1 << 40: "1.00T", 1 << 50: "1.00P", 1<<60 - 1: "1024.00P", 1 << 60: "1152921504606846976B",
	} {
		if got := HumanBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	text := Parse("stray:1\n# Replication\r\nrole:slave\r\nslave0:ip=::1,port=6379,state=online,offset=7,lag=0\r\nno field\r\n\r\n#Clients\nrole:second\nconnected_clients:12\n")
	want := []Section{
		{"", []Field{{"stray", "1"}}},
		{"Replication", []Field{{"role", "slave"}, {"slave0", "ip=::1,port=6379,state=online,offset=7,lag=0"}}},
		{"Clients", []Field{{"role", "second"}, {"connected_clients", "12"}}},
	}
	if diff := cmp.Diff(want, text.Sections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := text.Get("role"); got != "slave" {
		t.Errorf("role %q", got)
	}
	if n, err := text.Int("connected_clients"); n != 12 || err != nil {
		t.Errorf("connected_clients %d, %v", n, err)
	}
	if _, err := text.Int("role"); err == nil {
		t.Error("a role is a number")
	}
	if _, err := text.Int("nothing"); err == nil {
		t.Error("a missing field is a number")
	}
	if _, ok := text.Lookup("nothing"); ok {
		t.Error("a missing field is there")
	}
	if text.Section("replication") == nil || text.Section("Nothing") != nil {
		t.Error("sections are not found by their titles")
	}
	sub := Subfields(text.Get("slave0"))
	if diff := cmp.Diff(map[string]string{"ip": "::1", "port": "6379", "state": "online", "offset": "7", "lag": "0"}, sub); diff != "" {
		t.Errorf("slave0 (-want +got):\n%s", diff)
	}
}

// TestSectionsAgainstRedis: the selection rules are those of Redis, shown with
// the sections that both have.
func TestSectionsAgainstRedis(t *testing.T) {
	server := redistest.Start(t, t.TempDir(), "--enable-debug-command", "yes")
	titles := func(text string) string {
		var found []string
		for _, s := range Parse(text).Sections {
			switch s.Title {
			case "Server", "Memory", "Replication", "Commandstats", "Keyspace":
				found = append(found, s.Title)
			}
		}
		return strings.Join(found, " ")
	}
	for _, names := range []string{"", "default", "all", "everything", "memory", "MEMORY keyspace", "default commandstats", "all memory", "memory everything", "nothing"} {
		fields := strings.Fields(names)
		want := titles(server.Do(append([]string{"INFO"}, fields...)...).Str)
		if got := titles(string(registry().Text(fields...))); got != want {
			t.Errorf("INFO %s: %s, Redis %s", names, got, want)
		}
	}
	for _, name := range []string{"used_memory", "used_memory_peak", "total_system_memory", "maxmemory"} {
		text := Parse(server.Do("INFO", "memory").Str)
		n, err := text.Int(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := HumanBytes(uint64(n)), text.Get(name+"_human"); got != want {
			t.Errorf("%s: %s, Redis %s", name, got, want)
		}
	}
}

// FuzzParse: no text crashes the reader, and each field can be found.
func FuzzParse(f *testing.F) {
	f.Add("# A\r\nb:c\r\n\r\nd:e=f,g=h\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		parsed := Parse(text)
		for _, s := range parsed.Sections {
			for _, field := range s.Fields {
				if _, ok := parsed.Lookup(field.Name); !ok {
					t.Errorf("%q is not found", field.Name)
				}
				Subfields(field.Value)
			}
		}
	})
}
