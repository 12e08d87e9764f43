// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package livetree

import (
	"errors"
	"testing"
)

func member(pod, upstream string) *Member {
	m := &Member{Pod: pod, Role: "master", Node: "node-1", Offset: 100, Keys: 7}
	if upstream != "" {
		m.Role, m.Upstream, m.Link = "replica", upstream, "up"
	}
	return m
}

func TestShape(t *testing.T) {
	lame := member("c", "a")
	lame.Link = "down"
	silent := &Member{Pod: "d", Silence: errors.New("connection refused")}
	for _, c := range []struct {
		why     string
		members []*Member
		want    string
	}{
		{"one", []*Member{member("a", "")}, "()"},
		{"a star", []*Member{member("a", "b"), member("b", ""), member("c", "b")}, "(()())"},
		{"a chain", []*Member{member("a", ""), member("b", "a"), member("c", "b")}, "((()))"},
		{"the larger branch first, whatever its name", []*Member{member("a", "c"), member("b", "c"), member("c", ""), member("d", "b")}, "((())())"},
		{"two masters are two trees", []*Member{member("a", ""), member("b", "")}, "(); ()"},
		{"a link that is down is told", []*Member{member("a", ""), lame}, "(()); c has its link down"},
		{"a silent one is told", []*Member{member("a", ""), silent}, "(); d does not answer: connection refused"},
		{"who feeds from a stranger is in no tree", []*Member{member("a", ""), member("b", "10.0.0.9")}, "(); b (replica of 10.0.0.9) is in no tree"},
		{"a circle is in no tree", []*Member{member("a", ""), member("b", "c"), member("c", "b")},
			"(); b (replica of c) is in no tree; c (replica of b) is in no tree"},
	} {
		if got := (&Tree{Members: c.members}).Shape(); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestDraw(t *testing.T) {
	behind := member("d", "b")
	behind.Offset = 80
	tree := Tree{Members: []*Member{member("a", ""), member("b", "a"), member("c", "a"), behind,
		{Pod: "e", Node: "node-2", Silence: errors.New("connection refused")}}}
	want := `MEMBER    ROLE      ON       KEYS   OFFSET   LAG   LINK
a         master    node-1   7      100            
├─ b      replica   node-1   7      100      0     up
│  └─ d   replica   node-1   7      80       20    up
└─ c      replica   node-1   7      100      0     up
e         -         node-2                         does not answer: connection refused
`
	if got := tree.Draw(); got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
}
