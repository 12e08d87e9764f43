// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sim runs the replication machine of package repl, both ends, in an
// imagined world: nodes that crash and restart, links that deliver real
// protocol bytes late, in pieces, or not at all, and a clock that only moves
// when something happens. One seed gives one course of events, to the byte.
//
// What surrounds the machine here is what the engine puts around it: sessions,
// feeds, snapshots, the execution of the stream. The data set is a toy, a few
// keys and a running hash of every command that ever changed them, so that two
// data sets are equal exactly if the same commands made them in the same order.
//
// After every event the world is held against what it must be (audit.go):
//
//   - A data set is what its position says: whoever stands at the same offset
//     of the same history, by whatever name, holds what its originator held
//     there (truth.go keeps the record).
//   - An offset goes back only where a data set is installed, and a replica's
//     forth only with bytes of its master.
//   - A data set is given up only for one that is complete, verified and
//     acceptable: under Protect or a grant, for one that grew out of it.
//   - A frozen node stands still, a node without a role serves nobody.
//   - A replica that could resume does ask, and a master that could let it
//     resume does not send it a whole data set.
//
// The first violation ends a run; World.Err tells it. Start reading at World,
// then node.go; whose turn it is to do what is the caller's business: the tests
// draw it, a simulation of the operator may decide it.
package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
)

// World is a handful of nodes, the links between them, and time.
type World struct {
	// Rand draws everything that is left to chance.
	Rand *rand.Rand
	// Trace, if set, is told what happens, line by line.
	Trace func(line string)
	Stats Stats

	now   int64 // milliseconds
	queue queue
	last  uint64 // number of the latest event put into the queue
	nodes []*Node
	wires []*wire
	truth truth
	drawn int
	calm  bool
	err   error
}

// Stats is what has happened in a world.
type Stats struct {
	Events, Bytes               int64
	Crashes, Cuts, Hangs, Dials int64
	Writes                      int64
	FullSyncs, Partials         int64 // answered to replicas
	Installs, Refusals          int64 // of whole data sets, by replicas
	Shared                      int64 // replicas that shared a snapshot with another
	LateEvents                  int64
	Promotions, Handovers       int64
}

// Add adds another world's figures.
func (s *Stats) Add(o Stats) {
	s.Events += o.Events
	s.Bytes += o.Bytes
	s.Crashes += o.Crashes
	s.Cuts += o.Cuts
	s.Hangs += o.Hangs
	s.Dials += o.Dials
	s.Writes += o.Writes
	s.FullSyncs += o.FullSyncs
	s.Partials += o.Partials
	s.Installs += o.Installs
	s.Refusals += o.Refusals
	s.Shared += o.Shared
	s.LateEvents += o.LateEvents
	s.Promotions += o.Promotions
	s.Handovers += o.Handovers
}

// NewWorld makes an empty world.
func NewWorld(seed uint64) *World {
	return &World{
		Rand:  rand.New(rand.NewPCG(seed, 0)),
		now:   1_000_000,
		truth: truth{histories: make(map[string]*history), drawnBy: make(map[string]*Process)},
	}
}

// Now is the time, in milliseconds.
func (w *World) Now() int64 { return w.now }

// Nodes are all nodes, in the order in which they were added.
func (w *World) Nodes() []*Node { return w.nodes }

// Node finds a node by its name, nil if there is none.
func (w *World) Node(name string) *Node {
	for _, n := range w.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Calm ends all that fails by itself: loads, snapshots, commands.
func (w *World) Calm() { w.calm = true }

// Err is the first violation, nil while there is none.
func (w *World) Err() error { return w.err }

// Fail notes a violation. Only the first one counts: what follows from it is
// noise.
func (w *World) Fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %d: %s", w.now, fmt.Sprintf(format, args...))
		w.trace("VIOLATION %v", w.err)
	}
}

// After does something so many milliseconds from now.
func (w *World) After(ms int64, do func()) {
	w.last++
	heap.Push(&w.queue, moment{w.now + max(ms, 0), w.last, do})
}

// Run lets so many milliseconds pass, or fewer where a violation comes up.
func (w *World) Run(ms int64) {
	end := w.now + ms
	for w.err == nil && len(w.queue) > 0 && w.queue[0].at <= end {
		next := heap.Pop(&w.queue).(moment)
		w.now = next.at
		w.Stats.Events++
		next.do()
	}
	w.now = max(w.now, end)
}

// Until lets time pass until ok holds, which is asked every 100 ms, for so many
// milliseconds at most. It tells whether ok holds.
func (w *World) Until(ms int64, ok func() bool) bool {
	for end := w.now + ms; w.err == nil && w.now < end; {
		if ok() {
			return true
		}
		w.Run(100)
	}
	return w.err == nil && ok()
}

// chance is true once in so many times.
func (w *World) chance(oneIn int) bool { return w.Rand.IntN(oneIn) == 0 }

// fault is chance, as long as things may fail by themselves.
func (w *World) fault(oneIn int) bool { return !w.calm && w.chance(oneIn) }

func (w *World) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace(fmt.Sprintf("%d ", w.now) + fmt.Sprintf(format, args...))
	}
}

// Draw gives 40 hex digits that nobody has had before.
func (w *World) Draw() string {
	w.drawn++
	return fmt.Sprintf("%040x", w.drawn)
}

// moment is something to be done at a time; the earlier one drawn goes first.
type moment struct {
	at int64
	nr uint64
	do func()
}

type queue []moment

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].nr < q[j].nr
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(moment)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1].do = nil
	*q = old[:len(old)-1]
	return last
}
