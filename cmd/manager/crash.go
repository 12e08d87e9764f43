// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/espalier-io/espalier/controllers/topology"
)

// For tests: the operator may die between any two steps of a failover, and
// another one goes on. With --crash-after it does die, right behind a step and
// without a word to anyone, as if it were killed there.

// crashSteps are the places where it can be made to die, in the order in which
// a failover comes by them.
var crashSteps = []string{"Fencing", "Promise", "Offered", "GrantMaster", "Open", "Renew", "PublishMaster", "GrantReplica"}

func crashFlags(flags *pflag.FlagSet, o *options) {
	flags.StringVar(&o.crashAfter, "crash-after", "", "for tests: end hard after a step of a failover, once; one of "+strings.Join(crashSteps, ", "))
	flags.StringVar(&o.crashMarker, "crash-marker", "", "for tests: file that says that --crash-after has done its work")
	for _, name := range []string{"crash-after", "crash-marker"} {
		if err := flags.MarkHidden(name); err != nil {
			panic(err) // it was defined two lines above
		}
	}
}

// crashAfter gives a hook that ends the process after the named step. The file
// marker is made first: while it exists, nothing happens any more, so that the
// process that follows in the same container goes on.
func crashAfter(step, marker string) (func(topology.Action), error) {
	if !slices.Contains(crashSteps, step) {
		return nil, fmt.Errorf("--crash-after: %q is none of %s", step, strings.Join(crashSteps, ", "))
	}
	if marker == "" {
		return nil, fmt.Errorf("--crash-after needs --crash-marker")
	}
	return func(action topology.Action) {
		if stepOf(action) != step {
			return
		}
		file, err := os.OpenFile(marker, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return
		}
		file.Close()
		fmt.Fprintf(os.Stderr, `{"msg":"crash","after":%q}`+"\n", action)
		os.Exit(137)
	}, nil
}

// stepOf names the step of a failover that an action is; "" for others.
func stepOf(action topology.Action) string {
	switch a := action.(type) {
	case topology.UpdateLedger:
		if a.Ledger.EverOpen && strings.Contains(a.What, string(a.Ledger.Phase)+" epoch") {
			return string(a.Ledger.Phase)
		}
	case topology.Promise:
		return "Promise"
	case topology.GrantMaster:
		return "GrantMaster"
	case topology.Renew:
		return "Renew"
	case topology.PublishMaster:
		return "PublishMaster"
	case topology.GrantReplica:
		return "GrantReplica"
	}
	return ""
}
