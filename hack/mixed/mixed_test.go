// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/espalier-io/espalier/hack/servers"
)

// TestMain lets more runs go on at once than there are processors, unless told
// how many: most of a run is waiting for the next try of a link.
func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if !told {
		if err := flag.Set("test.parallel", "6"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	servers.RemoveNode()
	os.Exit(code)
}

// number is a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// seeds are those of the scripts to be played.
func seeds(t *testing.T) []uint64 {
	t.Helper()
	first := number(t, "ESPALIER_MIXED_SEED", 1)
	rounds := number(t, "ESPALIER_MIXED_ROUNDS", roundsPerScript)
	var all []uint64
	for n := uint64(0); n*roundsPerScript < rounds; n++ {
		all = append(all, first+n)
	}
	return all
}

// shape is a tree by its parents.
type shape struct {
	name    string
	parents []int
}

var (
	chain = shape{"chain", []int{none, 0, 1}}
	trees = []shape{
		{"binary", []int{none, 0, 0, 1, 1, 2, 2}},
		{"broom", []int{none, 0, 1, 2, 3, 3, 3}},
		{"star with a branch", []int{none, 0, 0, 0, 0, 4, 5}},
	}
)

// TestChains plays scripts on every arrangement of a chain of three.
func TestChains(t *testing.T) {
	t.Parallel()
	var all [][]kind
	for n := range 1 << len(chain.parents) {
		all = append(all, arrangement(n, len(chain.parents)))
	}
	var tb table
	t.Run("all", func(t *testing.T) {
		for _, seed := range seeds(t) {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				compare(t, &tb, seed, chain, all)
			})
		}
	})
	fmt.Printf("\nChains of three:\n\n%s\n", &tb)
}

// TestTrees plays scripts on trees of seven: on redis-servers only, and on two
// arrangements that are each other's opposite, other ones with each seed.
func TestTrees(t *testing.T) {
	t.Parallel()
	const members, most = 7, 1<<7 - 1
	var tb table
	t.Run("all", func(t *testing.T) {
		for _, seed := range seeds(t) {
			for n, s := range trees {
				t.Run(fmt.Sprintf("seed %d/%s", seed, s.name), func(t *testing.T) {
					t.Parallel()
					// Odd steps go through all arrangements but those of one kind only.
					sample := int(seed*37+uint64(n)*53)%(most-1) + 1
					compare(t, &tb, seed, s, [][]kind{
						arrangement(0, members), arrangement(sample, members), arrangement(most-sample, members),
					})
				})
			}
		}
	})
	fmt.Printf("\nTrees of seven:\n\n%s\n", &tb)
}

// arrangement gives each member its kind by the bits of n.
func arrangement(n, members int) []kind {
	var kinds []kind
	for i := range members {
		kinds = append(kinds, []kind{aRedis, aNode}[n>>i&1])
	}
	return kinds
}

// nameOf writes an arrangement down, the top first.
func nameOf(kinds []kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, "-")
}

// compare plays one script on several arrangements of a tree at once. None may
// need more full resyncs than a tree of redis-servers only, at any event.
func compare(t *testing.T, tb *table, seed uint64, s shape, arrangements [][]kind) {
	events := script(seed, s.parents)
	// Played by whoever asks first; the others wait for it.
	redis := sync.OnceValues(func() (outcome, error) {
		_, o, err := show(t, tb, seed, s, arrangement(0, len(s.parents)), events)
		return o, err
	})
	for _, kinds := range arrangements {
		t.Run(nameOf(kinds), func(t *testing.T) {
			t.Parallel()
			if !slices.Contains(kinds, aNode) {
				if _, err := redis(); err != nil {
					t.Error(err)
				}
				return
			}
			tr, got, err := show(t, tb, seed, s, kinds, events)
			if err != nil {
				t.Error(err)
				return
			}
			want, err := redis()
			if err != nil {
				t.Errorf("there is nothing to compare with: %v", err)
			}
			if got.first.full > want.first.full {
				t.Errorf("seed %d: growing the tree took %d full syncs, with redis-servers only %d", seed, got.first.full, want.first.full)
			}
			for i, e := range events {
				if got.events[i].full > want.events[i].full {
					t.Errorf("seed %d, event %d, %v: %d full resyncs, with redis-servers only %d",
						seed, i, e, got.events[i].full, want.events[i].full)
					t.Logf("the logs of the event:\n%s", tr.logs(got.began[i]))
				}
			}
		})
	}
}

// settings are low, so that both encodings of every type occur; what else is set
// belongs to the comparison (doc.go).
const settings = `save ""
enable-debug-command yes
repl-diskless-sync-delay 0
repl-ping-replica-period 3600
repl-backlog-size 64mb
hash-max-listpack-entries 32
set-max-intset-entries 32
zset-max-listpack-entries 32
list-max-listpack-size 16
`

// show plays a script on a tree of its own and notes what it cost. The logs of
// one that fails are shown.
func show(t *testing.T, tb *table, seed uint64, s shape, kinds []kind, events []event) (*tree, outcome, error) {
	config := settings + "repl-diskless-sync " + []string{"yes", "no"}[seed%2] +
		"\nrepl-diskless-load " + []string{"swapdb", "disabled"}[seed/2%2] + "\n"
	tr := newTree(t, kinds, s.parents, config)
	o, err := perform(tr, seed, events, func(i int, cost syncs) {
		t.Logf("event %d: %v: %d full, %d partial", i, events[i], cost.full, cost.partial)
	})
	err = errors.Join(err, tr.sound())
	if err != nil {
		t.Logf("the ends of all logs:\n%s", tr.logs(time.Time{}))
		return tr, o, fmt.Errorf("seed %d, %s of %s: %w", seed, s.name, nameOf(kinds), err)
	}
	tb.add(row{seed: seed, shape: s.name, kinds: kinds, outcome: o})
	return tr, o, nil
}

// row is a script played to its end.
type row struct {
	seed  uint64
	shape string
	kinds []kind
	outcome
}

// table collects rows from runs that go on at once.
type table struct {
	mu   sync.Mutex
	rows []row
}

func (tb *table) add(r row) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.rows = append(tb.rows, r)
}

// String sets the redis-servers only above what is compared with them.
func (tb *table) String() string {
	slices.SortFunc(tb.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.seed, b.seed), cmp.Compare(a.shape, b.shape), -cmp.Compare(nameOf(a.kinds), nameOf(b.kinds)))
	})
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "seed\tshape\tarrangement\tfirst syncs\tevents\tfull\tpartial\ttook")
	for _, r := range tb.rows {
		sum := r.sum()
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%d\t%d\t%v\n",
			r.seed, r.shape, nameOf(r.kinds), r.first.full, len(r.events), sum.full, sum.partial, r.took.Round(time.Second))
	}
	w.Flush()
	return b.String()
}
