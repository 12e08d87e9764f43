// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// TestEveryEncodingThroughChains: collections in every encoding, made by either
// kind of master, reach the end of a chain of either kinds whole: by a full sync,
// and by the stream.
func TestEveryEncodingThroughChains(t *testing.T) {
	for arrangement := range 7 { // all but three Redis
		var chain []kind
		for bit := range 3 {
			chain = append(chain, []kind{aNode, aRedis}[arrangement>>bit&1])
		}
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			var servers []*server
			for i, k := range chain {
				servers = append(servers, start(t, k, fmt.Sprintf("%s-%d", k, i)))
			}
			master := servers[0]
			redistest.EveryEncoding(master.do)
			for i, s := range servers[1:] {
				s.follow(servers[i].addr())
			}
			awaitSame(t, master, servers[1:]...)
			master.do("FLUSHALL")
			redistest.EveryEncoding(master.do)
			awaitSame(t, master, servers[1:]...)
		})
	}
}
