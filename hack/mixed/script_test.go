// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// act is something that happens to a tree.
type act string

const (
	cutMaster      act = "loses its link"
	cutReplicas    act = "loses its replicas' links"
	cutAll         act = "is the top of a tree whose links are all cut"
	stray          act = "follows nobody for a while"
	stall          act = "stands still for a while"
	crash          act = "saves, and crashes under load"
	restart        act = "is shut down with a dump and started again"
	kill           act = "is killed with a dump and started again"
	lose           act = "comes back without its data"
	wipe           act = "is the top, and comes back without its data"
	move           act = "moves to another parent"
	switchover     act = "hands the lead over by REPLICAOF"
	failover       act = "hands the lead over by FAILOVER"
	succeed        act = "is killed, succeeded, and follows with its dump"
	succeedAndLose act = "is killed, succeeded, and follows without its data"
)

// acts are all of them: how often they are drawn, and to whom they can happen.
var acts = []struct {
	act    act
	weight int
	who    func(parents []int, i int) bool
}{
	{cutMaster, 5, isReplica},
	{cutReplicas, 3, hasReplicas},
	{cutAll, 2, isTop},
	{stray, 3, isReplica},
	{stall, 2, func([]int, int) bool { return true }},
	{crash, 3, func(parents []int, i int) bool { return !hasReplicas(parents, i) }},
	{restart, 4, func([]int, int) bool { return true }},
	{kill, 3, func([]int, int) bool { return true }},
	{lose, 2, isReplica},
	{wipe, 1, isTop},
	{move, 4, isReplica},
	{switchover, 4, isTop},
	{failover, 3, isTop},
	{succeed, 3, isTop},
	{succeedAndLose, 1, isTop},
}

func isTop(parents []int, i int) bool       { return parents[i] == none }
func isReplica(parents []int, i int) bool   { return parents[i] != none }
func hasReplicas(parents []int, i int) bool { return slices.Contains(parents, i) }

// event is an act, to whom it happens, and the tree that it leaves: the
// parent of each member.
type event struct {
	act     act
	who     int
	parents []int
}

func (e event) String() string { return fmt.Sprintf("%d %s; the tree is %v", e.who, e.act, e.parents) }

// eventsPerRound is how many events a round has, each with a load around it.
const eventsPerRound = 2

// roundsPerScript is how many rounds a script has.
const roundsPerScript = 10

// script draws the events of a run from a seed. It looks at nothing but the
// shape, so that every arrangement of kinds plays the same.
func script(seed uint64, parents []int) []event {
	r := rand.New(rand.NewPCG(seed, uint64(len(parents))))
	var events []event
	for len(events) < roundsPerScript*eventsPerRound {
		e := draw(r, parents)
		events = append(events, e)
		parents = e.parents
	}
	return events
}

// draw makes an event that can happen to a tree.
func draw(r *rand.Rand, parents []int) event {
	weights := 0
	for _, a := range acts {
		weights += a.weight
	}
	for {
		at, i := r.IntN(weights), 0
		for ; at >= acts[i].weight; i++ {
			at -= acts[i].weight
		}
		e := event{act: acts[i].act, who: r.IntN(len(parents)), parents: slices.Clone(parents)}
		if acts[i].who(parents, e.who) && e.reshape(r) {
			return e
		}
	}
}

// reshape gives the event's tree the shape that it has afterwards; false if
// there is none.
func (e *event) reshape(r *rand.Rand) bool {
	switch e.act {
	case move:
		to := r.IntN(len(e.parents))
		if to == e.parents[e.who] || below(e.parents, to, e.who) {
			return false
		}
		e.parents[e.who] = to
	case failover:
		heir := r.IntN(len(e.parents))
		if e.parents[heir] != e.who {
			return false
		}
		e.parents[heir], e.parents[e.who] = none, heir
	case switchover, succeed, succeedAndLose:
		order := r.Perm(len(e.parents))
		if order[0] == e.who {
			return false
		}
		e.parents[order[0]] = none
		for n, i := range order[1:] {
			e.parents[i] = order[r.IntN(n+1)]
		}
	}
	return true
}

// below tells whether i is at j or below it.
func below(parents []int, i, j int) bool {
	for ; i != none; i = parents[i] {
		if i == j {
			return true
		}
	}
	return false
}
