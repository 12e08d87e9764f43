// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"strings"
	"testing"
)

// TestHalfTransactionIsNotRepeated: a local write makes a command within the
// master's transaction fail. What the transaction did before must not be done
// again: only a full sync goes on from there.
func TestHalfTransactionIsNotRepeated(t *testing.T) {
	p := newPuppet(t, func(asked string) string {
		if strings.HasPrefix(asked, "?") {
			return fullSync(asked)
		}
		return "+CONTINUE\r\n"
	})
	n := start(t, "--replica-read-only", "no", "--replicaof", "127.0.0.1 "+p.port())
	c := n.Dial(t)
	n.Await(t, "Finished with success")
	if asked := <-p.asked; asked != "? -1" {
		t.Fatalf("the first sync asks for %q", asked)
	}
	want(t, c.Ask(t, "SET", "a", "abc"), "OK")
	for _, line := range []string{"MULTI", "INCR d", "INCR a", "EXEC"} {
		p.stream <- line
	}
	n.Await(t, "Can't apply the master's command 'EXEC'")
	want(t, c.Ask(t, "GET", "d"), "1")
	if asked := <-p.asked; asked != "? -1" {
		t.Errorf("after half a transaction it asks for %q", asked)
	}
	eventually(t, "the data set is replaced", func() bool { return c.Ask(t, "DBSIZE").Int == 0 })
	for _, line := range []string{"MULTI", "INCR d", "INCR a", "EXEC"} {
		p.stream <- line
	}
	eventually(t, "the transaction is applied", func() bool { return c.Ask(t, "GET", "a").Str == "1" })
	want(t, c.Ask(t, "GET", "d"), "1")
}
