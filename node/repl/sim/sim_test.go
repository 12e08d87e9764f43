// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	worlds = flag.Int("worlds", 1000, "how many worlds to run")
	seed   = flag.Uint64("seed", 0, "run one world only, and tell all that happens in it")
)

// TestWorlds runs many worlds, each of its own seed: every shape of a tree of up
// to seven nodes in turn, everything else drawn. ESPALIER_SIM_TIME, a duration,
// runs as many as fit into it, from a seed that no run before began with.
//
// A violation names its seed; go test -run TestWorlds -seed N -v tells what
// happened in that world, line by line.
func TestWorlds(t *testing.T) {
	all := shapes(7)
	if *seed != 0 {
		c := newCourse(*seed, all)
		c.Trace = func(line string) { t.Log(line) }
		if err := c.run(*seed); err != nil {
			t.Error(err)
		}
		return
	}
	first, last, end := uint64(1), uint64(*worlds), time.Time{}
	if text := os.Getenv("ESPALIER_SIM_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("ESPALIER_SIM_TIME: %v", err)
		}
		first, last, end = uint64(time.Now().UnixNano()), 1<<63, time.Now().Add(d)
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		total Stats
		next  = atomic.Uint64{}
		ran   int
	)
	next.Store(first)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for !t.Failed() && (end.IsZero() || time.Now().Before(end)) {
				s := next.Add(1) - 1
				if s > last {
					return
				}
				c := newCourse(s, all)
				err := c.run(s)
				mu.Lock()
				ran++
				total.Add(c.Stats)
				mu.Unlock()
				if err != nil {
					t.Errorf("-seed %d: %v", s, err)
				}
			}
		})
	}
	group.Wait()
	t.Logf("%d worlds from seed %d: %+v", ran, first, total)
}
