// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build smoke

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/servers"
)

// TestReplicationCampaignGivesEveryFigure runs the whole campaign with next to
// nothing in it. It says that the figures come, not what they are.
func TestReplicationCampaignGivesEveryFigure(t *testing.T) {
	c := replicationCampaign{
		campaign: campaign{node: servers.Node(t), redis: servers.Redis(t), pairs: 1, plain: 500, batched: 3000, fewKeys: 1000},
		keys:     2000, seconds: 200 * time.Millisecond,
	}
	for _, part := range c.parts() {
		t.Run(part.name, func(t *testing.T) {
			var result table
			if err := part.measure(t.Context(), &result); err != nil {
				t.Fatal(err)
			}
			if len(result.rows) != part.rows {
				t.Errorf("%d figures instead of %d", len(result.rows), part.rows)
			}
			for _, r := range result.rows {
				timed := !strings.HasPrefix(r.unit, "CPU") // which has steps of 10 ms
				if len(r.node) != 1 || len(r.redis) != 1 || timed && (r.node[0] <= 0 || r.redis[0] <= 0) {
					t.Errorf("%s, %s: %v and %v", r.name, r.unit, r.node, r.redis)
				}
			}
		})
	}
}
