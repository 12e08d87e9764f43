// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"strings"
	"testing"
)

// TestChains replicates from the first server over the others, while the first
// is written to: what one holds in the end, all hold.
func TestChains(t *testing.T) {
	for _, chain := range [][]kind{
		{aNode, aRedis},
		{aRedis, aNode},
		{aNode, aNode},
		{aRedis, aNode, aRedis},
		{aNode, aRedis, aNode},
		{aNode, aNode, aNode, aRedis},
	} {
		for _, diskless := range []string{"no", "yes"} {
			t.Run(fmt.Sprintf("%v diskless %s", chain, diskless), func(t *testing.T) {
				t.Parallel()
				runChain(t, chain, "--repl-diskless-sync", diskless)
			})
		}
	}
}

func runChain(t *testing.T, chain []kind, options ...string) {
	var servers []*server
	for i, k := range chain {
		servers = append(servers, start(t, k, fmt.Sprintf("%s-%d", k, i), options...))
	}
	master := servers[0]
	fill(master, 5000)
	w := master.write()
	for i, s := range servers[1:] {
		s.do("SET", "own", "is lost with the first sync")
		s.follow(servers[i].addr())
	}
	for _, s := range servers[1:] {
		s.awaitLink()
	}
	master.awaitWrites(200_000)
	w.end(t)
	awaitSame(t, master, servers[1:]...)
	for i := range servers[1:] {
		// Chained replicas that asked before their master was in sync are
		// answered later, not twice.
		if n := servers[i].number("stats", "sync_full"); n != 1 {
			t.Errorf("%s gave %d full syncs", servers[i].name, n)
		}
	}
}

// TestStarSharesOneSnapshot lets replicas ask together: one snapshot is enough.
func TestStarSharesOneSnapshot(t *testing.T) {
	for _, diskless := range []string{"no", "yes"} {
		t.Run("diskless "+diskless, func(t *testing.T) {
			t.Parallel()
			// The delay of a diskless sync is what lets them come together; a file
			// takes long enough to be written for that.
			master := start(t, aNode, "master", "--repl-diskless-sync", diskless,
				"--repl-diskless-sync-delay", "2", "--rdb-key-save-delay", "300")
			fill(master, 3000)
			var replicas []*server
			for i, k := range []kind{aNode, aRedis, aNode} {
				replicas = append(replicas, start(t, k, fmt.Sprintf("replica-%d", i)))
			}
			w := master.write()
			for _, r := range replicas {
				r.follow(master.addr())
			}
			for _, r := range replicas {
				r.awaitLink()
			}
			w.end(t)
			awaitSame(t, master, replicas...)
			if n := master.log.count("Starting BGSAVE for SYNC"); n != 1 {
				t.Errorf("%d snapshots were made", n)
			}
			info := master.info("replication")
			if info["connected_slaves"] != "3" || !strings.Contains(info["slave2"], "state=online") {
				t.Errorf("the master shows %v", info)
			}
		})
	}
}

// TestDisklessLoad takes the snapshot in without a file.
func TestDisklessLoad(t *testing.T) {
	for _, mode := range []string{"on-empty-db", "swapdb"} {
		for _, master := range []kind{aNode, aRedis} {
			t.Run(fmt.Sprintf("%s from %s", mode, master), func(t *testing.T) {
				t.Parallel()
				m := start(t, master, "master")
				r := start(t, aNode, "replica", "--repl-diskless-load", mode)
				fill(m, 2000)
				r.follow(m.addr())
				awaitSame(t, m, r)
				r.awaitLog("receiving streamed RDB from master with EOF to parser")
			})
		}
	}
}

// TestConfiguredReplica follows the master that the configuration names, in
// both spellings.
func TestConfiguredReplica(t *testing.T) {
	master := start(t, aRedis, "master")
	fill(master, 100)
	for _, directive := range []string{"--replicaof", "--slaveof"} {
		r := start(t, aNode, directive, directive, "127.0.0.1 "+fmt.Sprint(master.port))
		awaitSame(t, master, r)
	}
}
