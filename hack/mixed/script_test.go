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

// acts are all of them: how often each is in a script, and to whom it can happen.
// In every tree of more than one there is such a member.
var acts = []struct {
	act   act
	times int
	who   func(parents []int, i int) bool
}{
	{cutMaster, 2, isReplica},
	{cutReplicas, 1, hasReplicas},
	{cutAll, 1, isTop},
	{stray, 1, isReplica},
	{stall, 1, func([]int, int) bool { return true }},
	{crash, 1, func(parents []int, i int) bool { return !hasReplicas(parents, i) }},
	{restart, 2, func([]int, int) bool { return true }},
	{kill, 1, func([]int, int) bool { return true }},
	{lose, 1, isReplica},
	{wipe, 1, isTop},
	{move, 2, isReplica},
	{switchover, 2, isTop},
	{failover, 1, isTop},
	{succeed, 2, isTop},
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

// A script has ten rounds of two events, each event with a load around it.
const (
	roundsPerScript = 10
	eventsPerRound  = 2
)

// script draws the order of the acts and to whom they happen from a seed. It
// looks at nothing but the shape, so that every arrangement of kinds plays the
// same.
func script(seed uint64, parents []int) []event {
	r := rand.New(rand.NewPCG(seed, uint64(len(parents))))
	var order []int
	for i, a := range acts {
		order = append(order, slices.Repeat([]int{i}, a.times)...)
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var events []event
	for _, i := range order {
		e := draw(r, acts[i].act, acts[i].who, parents)
		events, parents = append(events, e), e.parents
	}
	return events
}

// draw makes an event that can happen to a tree out of an act.
func draw(r *rand.Rand, what act, who func([]int, int) bool, parents []int) event {
	for {
		e := event{act: what, who: r.IntN(len(parents)), parents: slices.Clone(parents)}
		if who(parents, e.who) && e.reshape(r) {
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
