// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package safety

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/resp"
)

// TestVoters plays the table of voters: so many have to agree with the master
// for it to go on writing while its operator is away. F3: who is left does not
// become a majority, whoever hangs on its stream.
func TestVoters(t *testing.T) {
	for voters, need := range map[int]int{2: 1, 3: 1, 4: 2, 5: 2} {
		t.Run(fmt.Sprintf("%d voters", voters), func(t *testing.T) {
			t.Parallel()
			all := newGroup(t, voters, true)
			master, others := all[0], all[1:]
			master.writesFor(2*leaseLength, "an operator's outage stops nothing")

			for _, m := range others[need:] {
				freeze(t, m)
			}
			master.writesFor(2*leaseLength, fmt.Sprintf("%d of %d others agree", need, len(others)))

			freeze(t, others[need-1])
			master.refuses()
			time.Sleep(leaseLength / 2) // the time in which it must not come back
			if text := master.write("k"); !strings.Contains(text, "NOREPLICAS") {
				t.Fatalf("without a lease a write was answered %q", text)
			}

			master.renew(1) // the operator's word counts as well
			if text := master.write("k"); text != "" {
				t.Fatalf("renewed by the operator: %s", text)
			}
			master.refuses()

			for _, m := range others {
				if err := m.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
			master.await("takes writes again", func(controlapi.State) bool { return master.write("k") == "" })
		})
	}
}

func freeze(t *testing.T, m *member) {
	t.Helper()
	if err := m.Freeze(); err != nil {
		t.Fatal(err)
	}
}

// TestPausedMaster: a master that stands still past its lease, with writes
// queued, acknowledges none of them when it goes on (F2: nor do acknowledgements
// count that were waiting for it). Another one has been made meanwhile.
func TestPausedMaster(t *testing.T) {
	t.Parallel()
	all := newGroup(t, 3, true)
	old, next, third := all[0], all[1], all[2]
	if text := old.write("before"); text != "" {
		t.Fatal(text)
	}
	all[1].await("has it", func(s controlapi.State) bool { return s.Keys == 1 })
	all[2].await("has it", func(s controlapi.State) bool { return s.Keys == 1 })

	c := dial(t, old)
	freeze(t, old)
	const queued = 200
	var input []byte
	for i := range queued {
		input = resp.AppendCommand(input, "SET", fmt.Sprint("queued", i), "v")
	}
	if _, err := c.Write(input); err != nil {
		t.Fatal(err)
	}

	// The protocol, by hand: the promises of half of the others (two of two), a
	// wait of the lease and a tenth, another master.
	for _, m := range all[1:] {
		m.promise(2)
	}
	time.Sleep(leaseLength * 11 / 10) // the wait of the protocol
	fork := next.state().Position
	next.lead(2, third)
	next.renew(2)
	third.follow(2, next, next.state().RunID, fork)
	third.linked()
	if text := next.write("after"); text != "" {
		t.Fatalf("the new master: %s", text)
	}

	if err := old.Thaw(); err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers(c, queued) {
		if !strings.HasPrefix(answer, "-NOREPLICAS") {
			t.Errorf("a write queued at the paused master was answered %q", answer)
		}
	}
	old.refuses()
	if got := next.keys(); got != 2 {
		t.Errorf("the new master has %d keys, want 2", got)
	}
	old.promise(2)
	old.follow(2, next, next.state().RunID, fork)
	old.linked()
	old.await("is as the others", func(s controlapi.State) bool { return s.Keys == 2 })
}

// TestPauseBetweenCheckAndReply is F16: a write that was executed under the lease
// and could not be answered within it is answered by the end of the connection.
func TestPauseBetweenCheckAndReply(t *testing.T) {
	t.Parallel()
	all := newGroup(t, 2, true)
	master, voter := all[0], all[1]
	freeze(t, voter)
	c := dial(t, master)
	// One batch: the reply to SET waits for the whole of it.
	input := resp.AppendCommand(nil, "SET", "k", "v")
	input = resp.AppendCommand(input, "DEBUG", "SLEEP", fmt.Sprint(2*leaseLength.Seconds()))
	if _, err := c.Write(input); err != nil {
		t.Fatal(err)
	}
	if got := answers(c, 2); len(got) != 0 {
		t.Errorf("beyond its lease the master answered %q", got)
	}
	if n := master.state().Keys; n != 1 {
		t.Errorf("%d keys: the write was not executed, and the test shows nothing", n)
	}
}

// TestForgetfulVoter is F5: a voter that was started anew has forgotten what it
// promised. Its word counts for nothing, even if a deposed operator gives it the
// old grant again.
func TestForgetfulVoter(t *testing.T) {
	t.Parallel()
	all := newGroup(t, 2, true)
	master, voter := all[0], all[1]
	voter.promise(2)
	voter.Kill()
	voter.run()
	voter.follow(1, master, master.state().RunID)
	voter.linked()
	master.refuses()
}

// TestPromiseIsKept is F5 where there is a disk: the promise outlives the
// process.
func TestPromiseIsKept(t *testing.T) {
	t.Parallel()
	m := newMember(t, "--save", "3600 1")
	m.promise(7)
	m.Kill()
	m.run()
	if s := m.state(); s.Promised != 7 {
		t.Errorf("started anew it has promised %d, want 7", s.Promised)
	}
	_, err := m.api.Grant(m.ctx(), at, controlapi.GrantRequest{
		GroupID: groupID, Epoch: 6, RunID: m.state().RunID, Role: controlapi.RoleMaster, Replid: replid(6),
	})
	if err == nil || !strings.Contains(err.Error(), string(controlapi.ReasonStaleEpoch)) {
		t.Errorf("a grant below the promise: %v", err)
	}
}

func dial(t *testing.T, m *member) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// answers reads at most n one-line replies, to the end of the connection.
func answers(c net.Conn, n int) []string {
	var lines []string
	for r := bufio.NewScanner(c); len(lines) < n && r.Scan(); {
		lines = append(lines, r.Text())
	}
	return lines
}
