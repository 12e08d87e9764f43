// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hazard shows the empty-master hazard as a measurement: a master
// without persistence is killed under load and comes back at once, again and
// again, and what was acknowledged is counted afterwards. Real Redis, with and
// without Sentinel, stands beside the node.
//
// What an acknowledged write is, package writer says.
package hazard

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/espalier-io/espalier/hack/writer"
)

// rounds is how often each set-up is put through the hazard.
func rounds(t *testing.T) int {
	n, err := strconv.Atoi(cmpOr(os.Getenv("HAZARD_ROUNDS"), "20"))
	if err != nil || n < 1 {
		t.Fatalf("HAZARD_ROUNDS: %q is no count", os.Getenv("HAZARD_ROUNDS"))
	}
	return n
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// result is a row of the table.
type result struct {
	order        int
	name         string
	rounds       int
	acknowledged int // writes confirmed by a replica before the restart, all rounds
	lost         int // of these, missing on every member afterwards
	wiped        int // rounds that lost everything
	promotions   int
}

// table collects the rows of tests that run beside each other and prints them
// together.
type table struct {
	mu   sync.Mutex
	rows []result
}

func (tb *table) add(r result) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.rows = append(tb.rows, r)
}

func (tb *table) String() string {
	slices.SortFunc(tb.rows, func(a, b result) int { return a.order - b.order })
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "set-up\trounds\tacknowledged\tlost\trounds that lost all\tpromotions")
	for _, r := range tb.rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", r.name, r.rounds, r.acknowledged, r.lost, r.wiped, r.promotions)
	}
	w.Flush()
	return b.String()
}

// setup is a master with replicas that can be put through the hazard.
type setup interface {
	// master is the address that writers write to now, "" while there is none,
	// and the password.
	master() (addr, password string)
	// restart kills the process of the present master and brings it back in the
	// way that is being shown.
	restart() error
	// settle waits until the members agree again, as far as they will.
	settle() error
	// members are the addresses of all that hold data, and their password.
	members() (addrs []string, password string)
	// next readies the set-up for another round after the counting: what a
	// person would do where nothing else does.
	next() error
	// promoted is how many masters were made so far.
	promoted() int
}

func TestHazard(t *testing.T) {
	n := rounds(t)
	var tb table
	t.Run("rows", func(t *testing.T) {
		for i, row := range []struct {
			name  string
			make  func(t *testing.T) setup
			holds bool // whether nothing may be lost
		}{
			{"Redis, instant restart", redisAlone, false},
			{"Redis with three Sentinels (5 s), restart after 0.2 s", redisWithSentinels, false},
			{"node, replica-protect-dataset yes, instant restart (promoted by hand)", nodesAlone, true},
			{"node under the operator, re-run behind its back", nodesBehindTheBack, true},
			{"node under the operator, with the gate", nodesUnderTheGate, true},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				r := put(t, row.make(t), n)
				r.order, r.name = i, row.name
				tb.add(r)
				switch {
				case r.acknowledged < n:
					t.Errorf("only %d writes were acknowledged in %d rounds: the measurement says nothing", r.acknowledged, n)
				case row.holds && r.lost > 0:
					t.Errorf("%d of %d acknowledged writes were lost", r.lost, r.acknowledged)
				case !row.holds && r.wiped < n-r.promotions:
					t.Errorf("the hazard struck in %d of %d rounds without a failover only: it is not shown", r.wiped, n-r.promotions)
				case !row.holds && r.wiped == 0:
					t.Error("the hazard never struck: it is not shown")
				}
			})
		}
	})
	fmt.Printf("\nThe empty-master hazard, %d rounds each, writers running:\n\n%s\n", n, &tb)
}

// put puts a set-up through n rounds.
func put(t *testing.T, s setup, n int) result {
	t.Helper()
	r := result{rounds: n}
	for round := range n {
		w := writer.Start(s.master, fmt.Sprintf("r%d", round))
		if err := w.Await(50, 30*time.Second); err != nil {
			w.Stop()
			t.Fatalf("round %d: %v", round, err)
		}
		before := w.Count()
		if err := s.restart(); err != nil {
			t.Fatalf("round %d: restart: %v", round, err)
		}
		keys := w.Stop()
		if err := s.settle(); err != nil {
			t.Fatalf("round %d: settle: %v", round, err)
		}
		lost, err := missing(s, keys)
		if err != nil {
			t.Fatalf("round %d: count: %v", round, err)
		}
		r.acknowledged += len(keys)
		r.lost += len(lost)
		if len(lost) >= before && !slices.ContainsFunc(keys[:before], func(k string) bool { return !lost[k] }) {
			r.wiped++
		}
		if err := s.next(); err != nil {
			t.Fatalf("round %d: next: %v", round, err)
		}
	}
	r.promotions = s.promoted()
	return r
}

// missing gives the keys that are not on the member which holds the most of
// them.
func missing(s setup, keys []string) (map[string]bool, error) {
	addrs, password := s.members()
	var best map[string]bool
	for _, addr := range addrs {
		lost, err := writer.Missing(addr, password, keys)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		if best == nil || len(lost) < len(best) {
			best = lost
		}
	}
	return best, nil
}
