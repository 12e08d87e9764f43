// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/espalier-io/espalier/controllers/topology"
)

// TestStepsAreNamed holds the names of the steps against what a plan's actions
// say of themselves.
func TestStepsAreNamed(t *testing.T) {
	ledger := func(phase topology.LedgerPhase, what string) topology.Action {
		return topology.UpdateLedger{Ledger: topology.Ledger{Phase: phase, EverOpen: true}, What: what}
	}
	var named []string
	for _, action := range []topology.Action{
		ledger(topology.PhaseFencing, "root dead; Fencing epoch 2"),
		topology.Promise{},
		ledger(topology.PhaseOffered, "Offered epoch 2 to leaf-0(1999670a)"),
		topology.GrantMaster{},
		ledger(topology.PhaseOpen, "Open epoch 2; tree leaf-0(relay-0(root) relay-1(leaf-1))"),
		topology.Renew{},
		topology.PublishMaster{},
		ledger(topology.PhaseOpen, "relay-0 feeds from leaf-0(1999670a)"), // no step
		topology.GrantReplica{},
		topology.CreatePod{}, // no step
	} {
		if step := stepOf(action); step != "" {
			named = append(named, step)
		}
	}
	if !slices.Equal(named, crashSteps) {
		t.Errorf("steps in the order of a failover: %v, want %v", named, crashSteps)
	}
}

func TestCrashNeedsAStepAndAMarker(t *testing.T) {
	for _, c := range []struct{ step, marker string }{
		{"Breakfast", filepath.Join(t.TempDir(), "m")},
		{"Fencing", ""},
	} {
		if _, err := crashAfter(c.step, c.marker); err == nil {
			t.Errorf("crash after %q with marker %q is accepted", c.step, c.marker)
		}
	}
}
