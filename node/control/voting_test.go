// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/guard"
)

// candidate is a master under a lease whose one voter is somewhere.
type candidate struct {
	guard *guard.Guard
	began time.Time
}

func (c *candidate) Lease() *guard.Lease       { return c.guard.Lease() }
func (c *candidate) LeaseClock() time.Duration { return time.Since(c.began) + time.Second }

func newCandidate(t *testing.T, address string) *candidate {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	id := strings.Repeat("a", 40)
	g := guard.New(id, "g")
	if err := g.Loaded("", 0); err != nil {
		t.Fatal(err)
	}
	if _, refusal := g.Grant(controlapi.GrantRequest{
		GroupID: "g", Epoch: 1, RunID: id, Role: controlapi.RoleMaster, Replid: id, LeaseMillis: 150,
		Voters: []controlapi.Voter{{RunID: "r", Host: host, Port: n}},
	}, controlapi.Position{}); refusal != nil {
		t.Fatal(refusal)
	}
	return &candidate{guard: g, began: time.Now()}
}

func TestVotersAreAsked(t *testing.T) {
	voter := &node{}
	c := newCandidate(t, serve(t, voter, "secret"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		AskVoters(ctx, c, openToken(t, "secret"))
		close(done)
	}()
	defer func() { cancel(); <-done }()
	// Prolonged again and again: the end of the lease moves on.
	for last, moved := time.Duration(0), 0; moved < 5; {
		if end := c.Lease().End(); end > last {
			last, moved = end, moved+1
		}
		if time.Since(c.began) > 20*time.Second {
			t.Fatalf("the lease was prolonged %d times", moved)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestVotersThatSayNo(t *testing.T) {
	for name, c := range map[string]*candidate{
		"a refusal":     newCandidate(t, serve(t, &node{refusal: &controlapi.Refusal{Reason: controlapi.ReasonStaleEpoch}}, "secret")),
		"another token": newCandidate(t, serve(t, &node{}, "other")),
		"nobody there":  newCandidate(t, "http://127.0.0.1:1"),
	} {
		t.Run(name, func(t *testing.T) {
			a := asker{node: c, token: openToken(t, "secret"), client: newAskClient()}
			lease := c.Lease()
			v := lease.Voters()[0]
			if _, ok := a.ask(t.Context(), v, lease.Question(c.LeaseClock())); ok {
				t.Error("counted as a yes")
			}
		})
	}
}
