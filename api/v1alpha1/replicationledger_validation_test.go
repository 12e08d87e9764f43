// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Replids and run ids of the tests: 40 times the digit.
var (
	idA = strings.Repeat("a", 40)
	idB = strings.Repeat("b", 40)
	idC = strings.Repeat("c", 40)
)

func grant(epoch int, replid string) string {
	return fmt.Sprintf("{epoch: %d, node: n-0, podUID: u, runID: %s, replid: %s}", epoch, idC, replid)
}

func entry(epoch int, replid string) string {
	return fmt.Sprintf("{epoch: %d, replid: %s, forkOffset: 0}", epoch, replid)
}

// entries are history entries of the epochs from the first to the last.
func entries(first, last int) string {
	list := make([]string, 0, last-first+1)
	for epoch := first; epoch <= last; epoch++ {
		list = append(list, fmt.Sprintf("{epoch: %d, replid: '%040x', forkOffset: 0}", epoch, epoch))
	}
	return strings.Join(list, ", ")
}

func ledger(epoch int, phase string, everOpen bool, rest string) string {
	return fmt.Sprintf("{groupID: g, epoch: %d, phase: %s, everOpen: %t, %s}", epoch, phase, everOpen, rest)
}

func TestLedgerFacts(t *testing.T) {
	for _, test := range []struct {
		name, spec string
		want       refusal
	}{
		{"first attempt", `{groupID: g, epoch: 1, phase: Fencing, everOpen: false}`, refusal{}},
		{"open", ledger(2, "Open", true, "grant: "+grant(2, idB)+", allMustReport: true, decision: d, history: [{epoch: 1, replid: "+idA+", forkOffset: 0, opened: true},{epoch: 2, replid: "+idB+", parent: "+idA+", forkOffset: 7}], members: [{name: n-0, claimUID: u, dirID: d, place: p, parent: q, podUID: u, runID: "+idC+", dead: true, upstreams: ["+idA+", '*']}]"), refusal{}},
		{"the longest history", ledger(512, "Fencing", true, "history: ["+entries(1, 512)+"]"), refusal{}},

		{"offered without a grant", `{groupID: g, epoch: 1, phase: Offered, everOpen: false}`, refusal{"spec.grant", "Offered and Open need the grant of this epoch"}},
		{"offered with an old grant", ledger(2, "Offered", false, "grant: "+grant(1, idA)+", history: ["+entry(1, idA)+"]"), refusal{"spec.grant", "Offered and Open need the grant of this epoch"}},
		{"a grant of the future", ledger(1, "Fencing", false, "grant: "+grant(2, idA)+", history: ["+entry(2, idA)+"]"), refusal{"spec.grant.epoch", "epoch to come"}},
		{"a grant without history", ledger(1, "Offered", false, "grant: "+grant(1, idA)), refusal{"spec.grant.replid", "must be in the history"}},
		{"a grant of another history", ledger(1, "Offered", false, "grant: "+grant(1, idA)+", history: ["+entry(1, idB)+"]"), refusal{"spec.grant.replid", "must be in the history"}},
		{"open, but never open", ledger(1, "Open", false, "grant: "+grant(1, idA)+", history: ["+entry(1, idA)+"]"), refusal{"spec.everOpen", "set with the first Open"}},
		{"no replid", ledger(1, "Fencing", false, "history: [{epoch: 1, replid: x, forkOffset: 0}]"), refusal{"spec.history[0].replid", "should match"}},
		{"an epoch twice", ledger(1, "Fencing", false, "history: ["+entry(1, idA)+","+entry(1, idB)+"]"), refusal{"spec.history[1]", "Duplicate value"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := api.Create(withDeadline(t), object(t, "ReplicationLedger", "cache", test.spec), client.DryRunAll, client.FieldValidation("Strict"))
			test.want.check(t, err)
		})
	}
}

func TestLedgerTransitions(t *testing.T) {
	historyA, historyAB := "history: ["+entry(1, idA)+"]", "history: ["+entry(1, idA)+","+entry(2, idB)+"]"
	offered := ledger(1, "Offered", false, "grant: "+grant(1, idA)+", "+historyA)
	open := ledger(1, "Open", true, "grant: "+grant(1, idA)+", "+historyA)
	for _, test := range []struct {
		name, before, after string
		want                refusal
	}{
		{"decide", ledger(1, "Fencing", false, ""), offered, refusal{}},
		{"open", offered, open, refusal{}},
		{"fence", open, ledger(2, "Fencing", true, "grant: "+grant(1, idA)+", "+historyA), refusal{}},
		{"give up an attempt", offered, ledger(2, "Fencing", false, "grant: "+grant(1, idA)+", "+historyA), refusal{}},
		{"decide again", open, ledger(2, "Offered", true, "grant: "+grant(2, idB)+", "+historyAB), refusal{}},
		{"history opened", ledger(1, "Fencing", true, historyA), ledger(1, "Fencing", true, strings.Replace(historyA, "forkOffset", "opened: true, forkOffset", 1)), refusal{}},
		{"a new process", ledger(1, "Fencing", true, "members: [{name: a, runID: "+idA+", dead: true}]"), ledger(1, "Fencing", true, "members: [{name: a, runID: "+idB+"}]"), refusal{}},
		{"a dead process lives", ledger(1, "Fencing", true, "members: [{name: a, runID: "+idA+", dead: true}]"), ledger(1, "Fencing", true, "members: [{name: a, runID: "+idA+"}]"), refusal{"spec.members[0].dead", "a dead process never lives again"}},
		{"drop the oldest of many", ledger(300, "Fencing", true, "history: ["+entries(1, 300)+"]"), ledger(301, "Fencing", true, "history: ["+entries(45, 301)+"]"), refusal{}},

		{"epoch falls", ledger(2, "Fencing", false, ""), ledger(1, "Fencing", false, ""), refusal{"spec.epoch", "the epoch never falls"}},
		{"phase falls", open, ledger(1, "Offered", true, "grant: "+grant(1, idA)+", "+historyA), refusal{"spec.phase", "from Fencing to Offered to Open"}},
		{"phase falls to the start", offered, ledger(1, "Fencing", false, "grant: "+grant(1, idA)+", "+historyA), refusal{"spec.phase", "from Fencing to Offered to Open"}},
		{"another group", open, strings.Replace(open, "groupID: g", "groupID: h", 1), refusal{"spec.groupID", "the group id never changes"}},
		{"never was open", open, ledger(2, "Fencing", false, "grant: "+grant(1, idA)+", "+historyA), refusal{"spec.everOpen", "everOpen never goes back"}},
		{"grant to another process", open, strings.Replace(open, "runID: "+idC, "runID: "+idB, 1), refusal{"spec.grant", "the grant of an epoch never changes"}},
		{"grant to another pod", open, strings.Replace(open, "podUID: u", "podUID: v", 1), refusal{"spec.grant", "the grant of an epoch never changes"}},
		{"grant forgotten", open, ledger(2, "Fencing", true, historyA), refusal{"spec.grant", "never removed"}},
		{"history rewritten", ledger(1, "Fencing", false, historyA), ledger(1, "Fencing", false, "history: ["+entry(1, idB)+"]"), refusal{"spec.history[0]", "a history entry never changes"}},
		{"fork moved", ledger(1, "Fencing", false, historyA), ledger(1, "Fencing", false, strings.Replace(historyA, "forkOffset: 0", "forkOffset: 1", 1)), refusal{"spec.history[0]", "a history entry never changes"}},
		{"history closed again", ledger(1, "Fencing", true, strings.Replace(historyA, "forkOffset", "opened: true, forkOffset", 1)), ledger(1, "Fencing", true, historyA), refusal{"spec.history[0]", "a history that was opened stays so"}},
		{"history forgotten", ledger(2, "Fencing", false, historyAB), ledger(2, "Fencing", false, "history: ["+entry(2, idB)+"]"), refusal{"spec.history", "a history entry is never removed"}},
		{"history forgotten whole", ledger(2, "Fencing", false, historyAB), ledger(2, "Fencing", false, ""), refusal{"spec.history", "a history entry is never removed"}},
		{"history put before", ledger(2, "Fencing", false, "history: ["+entry(2, idB)+"]"), ledger(2, "Fencing", false, historyAB), refusal{"spec.history", "history is only added to at its end"}},
		{"the newest dropped", ledger(300, "Fencing", true, "history: ["+entries(1, 300)+"]"), ledger(300, "Fencing", true, "history: ["+entries(1, 299)+"]"), refusal{"spec.history", "a history entry is never removed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkTransition(t, "ReplicationLedger", test.before, test.after, test.want)
		})
	}
}
