// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"slices"
	"strings"
	"testing"
)

// a was open up to 100, where b grew from it; c grew from b at 150, and was
// only offered; d grew from b at 160 and is open; x grew from a at 40, was open,
// and everyone who followed it is gone.
var family = []Mastership{
	{Epoch: 1, Replid: "a", Opened: true},
	{Epoch: 2, Replid: "x", Parent: "a", ForkOffset: 40, Opened: true},
	{Epoch: 3, Replid: "b", Parent: "a", ForkOffset: 100, Opened: true},
	{Epoch: 4, Replid: "c", Parent: "b", ForkOffset: 150},
	{Epoch: 5, Replid: "d", Parent: "b", ForkOffset: 160, Opened: true},
}

func TestStanding(t *testing.T) {
	for _, row := range []struct {
		why   string
		at    Position
		want  standing
		named bool
	}{
		{"no history stands at zero", Position{}, standing{known: true}, true},
		{"the newest history is never left", Position{"d", 500}, standing{true, 500, 0}, true},
		{"behind the fork is on the mainline", Position{"b", 120}, standing{true, 120, 0}, true},
		{"at the fork exactly", Position{"b", 160}, standing{true, 160, 0}, true},
		{"past the fork is a lost tail", Position{"b", 175}, standing{true, 160, 15}, false},
		{"two forks back", Position{"a", 130}, standing{true, 100, 30}, false},
		{"only offered: it holds its parent's bytes, but not by name", Position{"c", 150}, standing{true, 150, 0}, false},
		{"a side branch shares what it grew from", Position{"x", 90}, standing{true, 40, 50}, false},
		{"a side branch at its fork holds nothing of its own", Position{"x", 40}, standing{true, 40, 0}, false},
		{"unknown is foreign", Position{"z", 10}, standing{}, false},
		{"bytes without a history are foreign", Position{"", 10}, standing{}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			l := newLineage(family)
			if got := l.stand(row.at); got != row.want {
				t.Errorf("%s stands %+v, want %+v", row.at, got, row.want)
			}
			if got := l.named(row.at); got != row.named {
				t.Errorf("named %v, want %v", got, row.named)
			}
		})
	}
}

func TestAncestors(t *testing.T) {
	got := newLineage(family).ancestors("d")
	want := []Position{{"b", 160}, {"a", 100}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if floor := newLineage(family).floor(); floor != 160 {
		t.Errorf("the floor is %d, want the newest fork", floor)
	}
}

// A successor may be chosen that lacks bytes which the one before it had taken
// over: then no earlier history is shared further than that.
func TestLowerLaterFork(t *testing.T) {
	l := newLineage([]Mastership{
		{Epoch: 1, Replid: "h1", Opened: true},
		{Epoch: 2, Replid: "h2", Parent: "h1", ForkOffset: 100, Opened: true},
		{Epoch: 3, Replid: "h3", Parent: "h2", ForkOffset: 95, Opened: true},
	})
	for _, row := range []struct {
		at    Position
		want  standing
		named bool
	}{
		{Position{"h1", 98}, standing{true, 95, 3}, false},
		{Position{"h1", 95}, standing{true, 95, 0}, true},
		{Position{"h2", 98}, standing{true, 95, 3}, false},
		{Position{"h3", 98}, standing{true, 98, 0}, true},
	} {
		if got := l.stand(row.at); got != row.want {
			t.Errorf("%s stands %+v, want %+v", row.at, got, row.want)
		}
		if got := l.named(row.at); got != row.named {
			t.Errorf("%s named %v, want %v", row.at, got, row.named)
		}
	}
	if got, want := l.ancestors("h3"), []Position{{"h2", 95}, {"h1", 95}}; !slices.Equal(got, want) {
		t.Errorf("got the ancestors %v, want %v", got, want)
	}
}

// An empty start after a total loss shares nothing with what was before.
func TestAfterReinitialize(t *testing.T) {
	l := newLineage(append(slices.Clone(family), Mastership{Epoch: 6, Replid: "n", Opened: true}))
	if got, want := l.stand(Position{"d", 500}), (standing{true, 0, 500}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := l.ancestors("n"); len(got) > 0 {
		t.Errorf("it has the ancestors %v", got)
	}
}

// A contradictory history, however it came about, hangs nobody.
func TestRingOfHistories(t *testing.T) {
	l := newLineage([]Mastership{
		{Epoch: 1, Replid: "a", Parent: "b", ForkOffset: 5, Opened: true},
		{Epoch: 2, Replid: "b", Parent: "a", ForkOffset: 5, Opened: true},
		{Epoch: 3, Replid: "c", Parent: "c", ForkOffset: 5},
	})
	l.stand(Position{"a", 9})
	l.stand(Position{"c", 9})
	l.ancestors("b")
	l.tookWrites("c")
}

func TestLearn(t *testing.T) {
	node := func(replid string, offset int64, replid2 string, offset2 int64) NodeState {
		return NodeState{Position: Position{replid, offset}, Replid2: replid2, Offset2: offset2}
	}
	for _, row := range []struct {
		why     string
		history []Mastership
		held    []NodeState
		want    string // replids, oldest first, or the error
		fork    int64  // of the learnt ones with a parent; 0 where it does not matter
	}{
		{"one history", nil, []NodeState{node("a", 5, "", 0), node("a", 7, "", 0)}, "a", 0},
		{"nodes of two ages of one growth", nil, []NodeState{node("a", 5, "", 0), node("b", 9, "a", 6)}, "a b", 0},
		{"Redis writes zeros for no second history", nil, []NodeState{node("a", 5, strings.Repeat("0", 40), 0)}, "a", 0},
		{"two strangers", nil, []NodeState{node("a", 5, "", 0), node("b", 5, "", 0)}, "histories a and b do not grow from each other", 0},
		{"what is known is not learnt again", family, []NodeState{node("d", 500, "b", 161)}, "", 0},
		{"the ledger is one mastership behind", family, []NodeState{node("e", 600, "d", 501), node("d", 500, "b", 161)}, "e", 0},
		{"a link is missing", family, []NodeState{node("f", 600, "e", 501)}, "e is no growth", 0},
		{"a stranger beside the known", family, []NodeState{node("q", 3, "", 0)}, "history q does not grow from what is known", 0},
		{"data without a history", family, []NodeState{{Keys: 3}}, "there is data without a place in any history", 0},
		{"a replica that went over late tells where it stood", nil, []NodeState{node("b", 7, "a", 4), node("b", 9, "a", 6), node("b", 8, "a", 5), node("b", 7, "", 0)}, "a b", 5},
		{"two stories about one history", nil, []NodeState{node("b", 9, "a", 6), node("b", 9, "c", 4)}, "history b is told to have grown from a and from c", 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			learnt, err := newLineage(row.history).learn(row.held)
			var got []string
			for _, h := range learnt {
				got = append(got, h.Replid)
				if row.fork > 0 && h.Parent != "" && h.ForkOffset != row.fork {
					t.Errorf("%s forked at %d, want %d", h.Replid, h.ForkOffset, row.fork)
				}
			}
			told := strings.Join(got, " ")
			if err != nil {
				told = err.Error()
			}
			if row.want == "e is no growth" {
				if err == nil {
					t.Errorf("learnt %s across a gap", told)
				}
				return
			}
			if told != row.want {
				t.Errorf("got %q, want %q", told, row.want)
			}
		})
	}
}
