// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package walls holds the direction of the project's imports: what may know
// what. The reasons stand in controllers/DESIGN.md and node/DESIGN.md.
package walls

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/espalier-io/espalier/"

// wall says what the packages below From must not import, themselves or
// through others.
type wall struct {
	from string
	why  string
	// except is a package below From that has a wall of its own.
	except string
	// barred are import path prefixes; a prefix without a dot in its first
	// element is meant inside the module.
	barred []string
	// only, when set, bars everything but the standard library and these.
	only []string
}

var walls = []wall{
	{from: "node", why: "a node runs without Kubernetes",
		barred: []string{"k8s.io/", "sigs.k8s.io/", "api/", "controllers/"}},
	{from: "controllers/topology", why: "the planner is pure: standard library only", only: []string{}},
	{from: "node/controlapi", why: "the contract imports nothing", only: []string{}},
	{from: "node/guard", why: "the guard is pure and runs in the simulation", only: []string{"node/controlapi"}},
	{from: "node/repl", why: "the replication machine is pure and runs in the simulation", except: "node/repl/sim",
		only: []string{"node/resp", "node/controlapi"}},
	{from: "node/repl/sim", why: "the simulation runs what is pure, in a world of its own",
		only: []string{"node/repl", "node/resp", "node/guard", "node/controlapi"}},
	{from: "node/listpack", why: "a listpack is bytes and nothing else", only: []string{}},
	{from: "node/intset", why: "an intset is bytes and nothing else", only: []string{}},
	{from: "node/store", why: "the store knows no command, no client and no disk",
		only: []string{"golang.org/x/sys", "node/listpack", "node/intset"}},
	{from: "node/rdb", why: "the dump format knows no store", only: []string{"node/listpack", "node/intset"}},
	{from: "node/dataset", why: "between the store and its dumps stands nothing else",
		only: []string{"node/store", "node/rdb", "node/listpack", "node/intset", "golang.org/x/sys"}},
	{from: "node/resp", why: "the protocol knows no server", only: []string{}},
	{from: "node/command", why: "command families see the store and a narrow context",
		only: []string{"node/store", "node/listpack", "node/intset", "node/resp", "golang.org/x/sys"}},
	{from: "api", why: "the API's types know no controller", barred: []string{"controllers/", "node/"}},
	{from: "controllers/resources", why: "builders know no planner and no node", barred: []string{"controllers/topology", "node/"}},
	{from: "controllers/nodeclient", why: "the client of the control API knows its contract only",
		barred: []string{"k8s.io/", "sigs.k8s.io/", "controllers/topology", "node/engine", "node/server", "node/store"}},
}

// pureBarred are standard packages that a pure package must do without: its
// clock, its chance and its world are passed in.
var pureBarred = map[string][]string{
	"controllers/topology": {"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os"},
	"node/guard":           {"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os"},
	"node/repl":            {"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os"},
	"node/repl/sim":        {"context", "log", "log/slog", "math/rand", "net", "os"},
}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", module+"...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestWalls(t *testing.T) {
	all := list(t)
	standard := map[string]bool{}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	checked := map[string]int{}
	for _, p := range all {
		for i := range walls {
			w := &walls[i]
			if !below(p.ImportPath, module+w.from) || w.except != "" && below(p.ImportPath, module+w.except) {
				continue
			}
			checked[w.from]++
			for _, dep := range p.Deps {
				if !standard[dep] && w.bars(dep) {
					t.Errorf("%s imports %s: %s", p.ImportPath, dep, w.why)
				}
			}
			for _, dep := range p.Imports {
				for _, barred := range pureBarred[w.from] {
					if dep == barred {
						t.Errorf("%s imports %s: %s", p.ImportPath, dep, w.why)
					}
				}
			}
		}
	}
	for _, w := range walls {
		if checked[w.from] == 0 {
			t.Errorf("there is no package below %s: the wall guards nothing", w.from)
		}
	}
}

func (w *wall) bars(dep string) bool {
	if below(dep, module+w.from) {
		return false
	}
	if w.only != nil {
		for _, allowed := range w.only {
			if below(dep, qualify(allowed)) {
				return false
			}
		}
		return true
	}
	for _, barred := range w.barred {
		if below(dep, qualify(strings.TrimSuffix(barred, "/"))) {
			return true
		}
	}
	return false
}

// qualify puts the module's path before a path inside it.
func qualify(path string) string {
	head, _, _ := strings.Cut(path, "/")
	if strings.Contains(head, ".") {
		return path
	}
	return module + path
}

func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}
