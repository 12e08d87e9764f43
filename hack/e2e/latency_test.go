// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/hack/redisclient"
)

// The moments of a failover after a SIGKILL of the master, as this machine sees
// them.
const (
	deathSeen  = "death seen"  // the API server says that the container is terminated
	decided    = "decided"     // the ledger says Fencing, in the next epoch
	granted    = "granted"     // the ledger says Open: the new master has taken the role
	published  = "published"   // the Service's endpoint is the new master
	firstWrite = "first write" // the Service accepted a write
)

var moments = []string{deathSeen, decided, granted, published, firstWrite}

const (
	aim = 2 * time.Second
	// bound is what the median may not exceed anywhere; the aim is for an idle
	// machine.
	bound = 5 * time.Second
)

// rounds is how often the repeated tests repeat.
func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("E2E_ROUNDS"), "20"))
	if err != nil || n < 1 {
		t.Fatalf("E2E_ROUNDS: %q is no count", os.Getenv("E2E_ROUNDS"))
	}
	return n
}

// TestFailoverTime measures how long clients wait when the master dies.
func TestFailoverTime(t *testing.T) {
	needProcesses(t)
	g := grow(t, namespace(t, "failover-time"), "demo", sample(t, "demo"), tree5)
	var all []map[string]time.Duration
	for round := range rounds(t) {
		epoch, master := g.epoch(t), g.master(t)
		all = append(all, g.failOver(t, master, epoch))
		g.settle(t, epoch+1, 60*time.Second)
		if t.Failed() {
			t.Fatalf("in round %d", round+1)
		}
	}
	table, median := tabulate(all)
	fmt.Printf("\nSIGKILL of the master to the first write through the Service, %d rounds, in ms since the kill:\n\n%s\n", len(all), table)
	fmt.Printf("The median is %v; the aim is less than %v.\n\n", median.Round(time.Millisecond), aim)
	if median > bound {
		t.Errorf("the median is %v, more than %v", median, bound)
	}
}

// failOver kills the master and gives the time since of each moment.
func (g *group) failOver(t *testing.T, master string, epoch int64) map[string]time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var (
		mu      sync.Mutex
		at      = map[string]time.Time{}
		errs    []error
		looking sync.WaitGroup // until every watch has shown the present
		seeing  sync.WaitGroup
	)
	mark := func(moment string) {
		mu.Lock()
		defer mu.Unlock()
		if at[moment].IsZero() {
			at[moment] = time.Now()
		}
	}
	observe := func(watch func(present func()) error) {
		looking.Add(1)
		seeing.Go(func() {
			if err := watch(sync.OnceFunc(looking.Done)); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				cancel()
			}
		})
	}
	observe(func(present func()) error {
		defer present()
		return watch(ctx, g.api, &corev1.PodList{}, func(pod *corev1.Pod) (string, bool) {
			present()
			for _, s := range pod.Status.ContainerStatuses {
				if s.State.Terminated != nil {
					mark(deathSeen)
					return "", true
				}
			}
			return "the master's container runs", false
		}, client.InNamespace(g.Key.Namespace), client.MatchingFields{"metadata.name": master})
	})
	observe(func(present func()) error {
		defer present()
		return watch(ctx, g.api, &v1alpha1.ReplicationLedgerList{}, func(l *v1alpha1.ReplicationLedger) (string, bool) {
			present()
			if l.Spec.Epoch > epoch {
				mark(decided)
				if l.Spec.Phase == v1alpha1.LedgerOpen {
					mark(granted)
					return "", true
				}
			}
			return fmt.Sprintf("ledger epoch %d %s", l.Spec.Epoch, l.Spec.Phase), false
		}, g.named()...)
	})
	observe(func(present func()) error {
		defer present()
		return watch(ctx, g.api, &discoveryv1.EndpointSliceList{}, func(s *discoveryv1.EndpointSlice) (string, bool) {
			present()
			if s.Annotations[resources.AnnotationEpoch] != strconv.FormatInt(epoch, 10) && len(s.Endpoints) > 0 {
				mark(published)
				return "", true
			}
			return "endpoint of epoch " + s.Annotations[resources.AnnotationEpoch], false
		}, client.InNamespace(g.Key.Namespace), client.MatchingFields{"metadata.name": resources.MasterSliceName(g.Key.Name)})
	})
	looking.Wait()
	if ctx.Err() == nil {
		killed := g.sigkill(t, master)
		seeing.Go(func() { g.firstWrite(ctx, func() { mark(firstWrite) }) })
		seeing.Wait()
		times := map[string]time.Duration{}
		for _, moment := range moments {
			if at[moment].IsZero() {
				t.Errorf("not seen: %s", moment)
			}
			times[moment] = at[moment].Sub(killed)
		}
		for _, err := range errs {
			t.Error(err)
		}
		return times
	}
	t.Fatalf("the group cannot be watched: %v", errs)
	return nil
}

// firstWrite writes through the Service until it is accepted, each time over a
// new connection. The killed master accepts nothing, so who accepts is another.
func (g *group) firstWrite(ctx context.Context, accepted func()) {
	for ctx.Err() == nil {
		if c, err := redisclient.DialTimeout(g.service, g.password, 200*time.Millisecond); err == nil {
			err = c.OK("SET", "first", "write")
			c.Close()
			if err == nil {
				accepted()
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// tabulate gives a line per round and the median and worst of each moment and
// of the span before it.
func tabulate(all []map[string]time.Duration) (table string, median time.Duration) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	line := func(name string, of func(i int) time.Duration) {
		fmt.Fprint(w, name, "\t")
		for i := range moments {
			fmt.Fprint(w, of(i).Milliseconds(), "\t")
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "round\t"+strings.Join(moments, "\t")+"\t")
	for n, times := range all {
		line(strconv.Itoa(n+1), func(i int) time.Duration { return times[moments[i]] })
	}
	rank := func(of func(map[string]time.Duration) time.Duration, share float64) time.Duration {
		var sorted []time.Duration
		for _, times := range all {
			sorted = append(sorted, of(times))
		}
		slices.Sort(sorted)
		return sorted[int(share*float64(len(sorted)-1)+0.5)]
	}
	since := func(i int) func(map[string]time.Duration) time.Duration {
		return func(times map[string]time.Duration) time.Duration { return times[moments[i]] }
	}
	span := func(i int) func(map[string]time.Duration) time.Duration {
		return func(times map[string]time.Duration) time.Duration {
			if i == 0 {
				return times[moments[0]]
			}
			return times[moments[i]] - times[moments[i-1]]
		}
	}
	line("median", func(i int) time.Duration { return rank(since(i), 0.5) })
	line("worst", func(i int) time.Duration { return rank(since(i), 1) })
	line("median of the step", func(i int) time.Duration { return rank(span(i), 0.5) })
	line("worst of the step", func(i int) time.Duration { return rank(span(i), 1) })
	w.Flush()
	return b.String(), rank(since(len(moments)-1), 0.5)
}
