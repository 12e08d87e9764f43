// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"strings"
	"testing"
)

// TestKilledLinkComesBack: whoever closes the link to the master, at whatever
// moment (here while the stream is executed, mostly), the node notices, and goes
// on where it was.
func TestKilledLinkComesBack(t *testing.T) {
	p := newPuppet(t, func(asked string) string {
		if strings.HasPrefix(asked, "?") {
			return fullSync(asked)
		}
		return "+CONTINUE\r\n"
	})
	n := start(t, "--replicaof", "127.0.0.1 "+p.port())
	c := n.Dial(t)
	n.Await(t, "Finished with success")
	<-p.asked
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case p.stream <- "SET a 1":
			case <-over:
				return
			}
		}
	}()
	for range 50 {
		killed := func() bool { return c.Ask(t, "CLIENT", "KILL", "TYPE", "master").Int == 1 }
		eventually(t, "a link to kill", killed)
		eventually(t, "another attempt", func() bool { return len(p.asked) > 0 })
		<-p.asked
	}
}
