// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"strings"
	"testing"
)

func TestAcceptFullSync(t *testing.T) {
	x, y, z := id('x'), id('y'), id('z')
	at := func(replid string, offset int64) Position { return Position{replid, offset} }
	protect := Policy{Protect: true}
	// The mainline x → y → z. y forked off x at 100, z off y at 90: the mastership
	// y lost its tail beyond 90, and with it the part of x between 90 and 100.
	grant := Policy{Grant: &Grant{Replid: z, Ancestors: []Position{at(y, 90), at(x, 100)}}}
	discard := func(p Position) Policy {
		return Policy{Grant: &Grant{Replid: z, Ancestors: grant.Grant.Ancestors, Discard: &p}}
	}
	tests := []struct {
		why    string
		own    Own
		offer  Position
		policy Policy
		want   string // part of the refusal, empty where it is accepted
	}{
		{"Redis takes anything", Own{at(x, 100), 3}, at(y, 0), Policy{}, ""},
		{"nothing is held", Own{at(x, 100), 0}, at(y, 0), protect, ""},
		{"a person asked", Own{at(x, 100), 3}, at(y, 0), Policy{Protect: true, Consent: true}, ""},
		{"own lineage, ahead", Own{at(x, 100), 3}, at(x, 101), protect, ""},
		{"own lineage, level", Own{at(x, 100), 3}, at(x, 100), protect, ""},
		{"own lineage in capitals", Own{at(x, 100), 3}, at(strings.ToUpper(x), 100), protect, ""},
		{"own lineage, behind", Own{at(x, 100), 3}, at(x, 99), protect, "offers offset 99"},
		{"foreign", Own{at(x, 100), 3}, at(y, 1000), protect, "offers history y"},
		{"no history", Own{at(x, 100), 3}, Position{}, protect, "without a history"},
		{"own writes of a former master", Own{Position{}, 3}, at(y, 1000), protect, "offers history y"},

		{"managed: blank", Own{Position{}, 0}, at(z, 0), grant, ""},
		{"managed: emptiness is no criterion", Own{at(z, 200), 0}, at(z, 199), grant, "offers offset 199"},
		{"managed: another history", Own{at(x, 50), 0}, at(y, 60), grant, "the grant is for z"},
		{"managed: no history", Own{Position{}, 0}, Position{}, grant, "(none)"},
		{"managed: consent is the operator's", Own{at(x, 50), 3}, at(y, 60),
			Policy{Consent: true, Grant: grant.Grant}, "the grant is for z"},
		{"managed: the granted history", Own{at(z, 150), 3}, at(z, 150), grant, ""},
		{"managed: on the mainline of a parent", Own{at(y, 90), 3}, at(z, 120), grant, ""},
		{"managed: a lost tail of the parent", Own{at(y, 91), 3}, at(z, 120), grant, "its loss is not authorised"},
		{"managed: on the mainline of a grandparent", Own{at(x, 90), 3}, at(z, 120), grant, ""},
		{"managed: a tail lost by the parent", Own{at(x, 95), 3}, at(z, 120), grant, "its loss is not authorised"},
		{"managed: on the mainline, but the upstream is behind", Own{at(x, 90), 3}, at(z, 80), grant, "offers offset 80"},
		{"managed: foreign", Own{at(id('f'), 1), 3}, at(z, 120), grant, "foreign"},
		{"managed: an authorised tail", Own{at(y, 91), 3}, at(z, 120), discard(at(y, 91)), ""},
		{"managed: it moved on since", Own{at(y, 92), 3}, at(z, 120), discard(at(y, 91)), "not authorised"},
		{"managed: an authorised foreign data set", Own{at(id('f'), 1), 3}, at(z, 0), discard(at(id('f'), 1)), ""},
		{"managed: authorised, but not for this offer", Own{at(y, 91), 3}, at(y, 120), discard(at(y, 91)), "the grant is for z"},
	}
	for _, tt := range tests {
		got := AcceptFullSync(tt.own, Offer{tt.offer}, tt.policy)
		if got.OK != (tt.want == "") || !strings.Contains(got.Reason, tt.want) {
			t.Errorf("%s: %+v, want %q", tt.why, got, tt.want)
		}
		if !got.OK && !strings.HasPrefix(got.Reason, "refused: ") {
			t.Errorf("%s: reason %q", tt.why, got.Reason)
		}
	}
}

func TestHistoryCovers(t *testing.T) {
	h := NewHistory(id('a'))
	h.Adopt(Position{id('x'), 100})
	h.Shift(id('y'))
	h.Offset = 150
	for _, tt := range []struct {
		replid string
		offset int64
		want   bool
	}{
		{id('y'), 120, true}, {id('y'), 9999, true}, // the backlog judges the rest
		{id('x'), 100, true}, {id('x'), 101, true}, {id('x'), 102, false},
		{id('a'), 1, false}, {noReplid, 1, false}, {"?", -1, false}, {"", 0, false},
	} {
		if got := h.Covers(tt.replid, tt.offset); got != tt.want {
			t.Errorf("Covers(%.8s, %d) = %t", tt.replid, tt.offset, got)
		}
	}
	h.Forget(id('z'))
	if h.Covers(id('y'), 1) || h.Covers(noReplid, -1) {
		t.Error("a forgotten history is covered")
	}
}
