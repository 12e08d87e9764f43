// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/api/v1alpha1/directives"
	"github.com/espalier-io/espalier/node/config"
)

// The node itself reads here what it is given: the two sides share no code, so
// this is where they meet.

// load has the node read the configuration of an entry's members, with the
// mounted files in a folder of the test.
func load(t *testing.T, group *v1alpha1.ReplicationGroup, entry, password string) *config.Values {
	t.Helper()
	dir := t.TempDir()
	for name, content := range NodeSecret(group, password, "token").Data {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(RedisConf(group, entry, "group-1"), secretDir, dir)
	text = strings.ReplaceAll(text, "dir "+dataDir, "dir "+t.TempDir())
	c, err := config.FromText(text)
	if err != nil {
		t.Fatalf("the node refuses its configuration: %v\n%s", err, text)
	}
	return c.Current()
}

func TestNodeReadsItsConfiguration(t *testing.T) {
	group := readGroup(t, "tree")
	root, relay, leaf := load(t, group, "root", "p"), load(t, group, "relay", "p"), load(t, group, "leaf", "p")
	for name, v := range map[string]*config.Values{"root": root, "relay": relay, "leaf": leaf} {
		if !v.Managed || v.ManagedGroupID != "group-1" || v.AdminPort != AdminPort || v.Port != RedisPort || v.ProtectedMode {
			t.Errorf("%s: managed %t of group %q, admin port %d, port %d, protected %t", name, v.Managed, v.ManagedGroupID, v.AdminPort, v.Port, v.ProtectedMode)
		}
		if v.MaxMemory != 100<<20 {
			t.Errorf("%s: maxmemory %d, want that of spec.config", name, v.MaxMemory)
		}
		if filepath.Base(v.AdminTokenFile) != TokenKey {
			t.Errorf("%s: token file %q", name, v.AdminTokenFile)
		}
	}
	for _, want := range []struct {
		name   string
		values *config.Values
		save   string
	}{{"root: None", root, ""}, {"relay: the group's", relay, v1alpha1.DefaultSave}, {"leaf: its own", leaf, "60 1"}} {
		points := make([]string, len(want.values.Save))
		for i, p := range want.values.Save {
			points[i] = p.String()
		}
		if got := strings.Join(points, " "); got != want.save {
			t.Errorf("%s: save points %q, want %q", want.name, got, want.save)
		}
	}
}

func TestPasswordsArriveUnchanged(t *testing.T) {
	group := readGroup(t, "star")
	for _, password := range []string{
		"simple", "with blank", `quo"te's`, `back\slash \n`, "$(x) `y` #z", "schlüssel", "\x01\xff", "a\nport 1", strings.Repeat("x", 500),
	} {
		v := load(t, group, "", password)
		if v.RequirePass != password || v.MasterAuth != password {
			t.Errorf("password %q arrives as %q and %q", password, v.RequirePass, v.MasterAuth)
		}
		if v.Port != RedisPort {
			t.Errorf("password %q changed the port to %d", password, v.Port)
		}
	}
}

// TestDirectives holds the lists of what a group's config may hold against what
// the node knows and obeys.
func TestDirectives(t *testing.T) {
	known := config.Names()
	inert := map[string]string{}
	for _, d := range config.Inert() {
		inert[d.Name], inert[d.Alias] = d.Reason, d.Reason
	}
	for name, kind := range directives.Permitted {
		if _, err := config.FromText(name + " " + kind.Example); err != nil {
			t.Errorf("%s %s: %v", name, kind.Example, err)
		}
		if !slices.Contains(known, name) {
			t.Errorf("%s is permitted, and the node does not know it", name)
		}
		if reason, ok := inert[name]; ok {
			t.Errorf("%s is permitted, and without effect: %s", name, reason)
		}
	}
	for _, name := range known {
		_, owned := directives.IsOwned(name)
		_, isInert := inert[name]
		_, permitted := directives.Permitted[name]
		_, older := directives.Spellings[name]
		if !owned && !isInert && !older && !permitted {
			t.Errorf("the node obeys %s, and it is neither permitted nor owned: decide", name)
		}
	}
}
