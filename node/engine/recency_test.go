// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"
	"time"
)

// TestRecency: which copies are known to be recent ones.
func TestRecency(t *testing.T) {
	at := func(seconds int) int64 { return int64(time.Duration(seconds) * time.Second) }
	for _, row := range []struct {
		why   string
		do    func(*recency)
		epoch uint64
		now   int
		want  bool
	}{
		{"a link that never was up", func(*recency) {}, 3, 1, false},
		{"a node without a grant as a replica", func(*recency) {}, 0, 1, false},
		{"the link is up", func(r *recency) { r.note(3, at(100)) }, 3, 100, true},
		{"it was until a moment ago", func(r *recency) { r.note(3, at(100)) }, 3, 110, true},
		{"it was once", func(r *recency) { r.note(3, at(100)) }, 3, 111, false},
		{"it was under another grant", func(r *recency) { r.note(3, at(100)) }, 4, 100, false},
		{"frozen while it was up, long ago", func(r *recency) { r.note(3, at(100)); r.freeze(at(101)) }, 3, 900, true},
		{"frozen long after it was lost", func(r *recency) { r.note(3, at(100)); r.freeze(at(111)) }, 3, 112, false},
		{"granted again since", func(r *recency) { r.note(3, at(100)); r.freeze(at(101)); r.thaw() }, 4, 102, false},
		{"and linked again", func(r *recency) { r.note(3, at(100)); r.freeze(at(101)); r.thaw(); r.note(4, at(103)) }, 4, 104, true},
	} {
		var r recency
		row.do(&r)
		if got := r.holds(row.epoch, at(row.now)); got != row.want {
			t.Errorf("%s: got %t", row.why, got)
		}
	}
}

// TestStateTellsItsAge: a node whose cron is held up says how old its word is.
func TestStateTellsItsAge(t *testing.T) {
	r := report{taken: 100 * time.Second}
	for now, want := range map[time.Duration]int64{100: 0, 104: 0, 105: 5, 700: 600} {
		if got := r.asOf(now * time.Second).AgeSecs; got != want {
			t.Errorf("after %d seconds the age is %d, want %d", now-100, got, want)
		}
	}
}
