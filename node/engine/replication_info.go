// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"

	"github.com/espalier-io/espalier/node/info"
	"github.com/espalier-io/espalier/node/repl"
)

// infoReplication is INFO replication, with Redis's fields in Redis's order;
// master_link_reason is our own.
func (e *Engine) infoReplication(f *info.Fields) {
	st := e.replication.status()
	role := "master"
	if st.Role == repl.Replica {
		role = "slave"
	}
	f.Str("role", role)
	if st.Upstream != nil {
		e.infoUpstream(f, st.Upstream)
	}
	f.Int("connected_slaves", int64(len(st.Peers)))
	if e.cfg.MinReplicasToWrite > 0 && e.cfg.MinReplicasMaxLag > 0 {
		f.Int("min_slaves_good_slaves", int64(st.Good))
	}
	for i, p := range st.Peers {
		f.Str(fmt.Sprintf("slave%d", i), fmt.Sprintf("ip=%s,port=%d,state=%s,offset=%d,lag=%d", p.IP, p.Port, p.State, p.Acked, p.Lag))
	}
	f.Str("master_failover_state", e.replication.m.Failover().String())
	f.Str("master_replid", st.History.Replid)
	f.Str("master_replid2", st.History.Replid2)
	f.Int("master_repl_offset", st.History.Offset)
	f.Int("second_repl_offset", st.History.SecondOffset)
	f.Bool("repl_backlog_active", st.BacklogActive)
	f.Int("repl_backlog_size", st.BacklogSize)
	f.Int("repl_backlog_first_byte_offset", st.BacklogFirst)
	f.Int("repl_backlog_histlen", st.BacklogLen)
}

func (e *Engine) infoUpstream(f *info.Fields, up *repl.UpstreamStatus) {
	link := "down"
	if up.Up {
		link = "up"
	}
	f.Str("master_host", up.Host)
	f.Int("master_port", int64(up.Port))
	f.Str("master_link_status", link)
	f.Int("master_last_io_seconds_ago", up.IdleSeconds)
	f.Bool("master_sync_in_progress", up.Syncing)
	f.Int("slave_read_repl_offset", up.ReadTo)
	f.Int("slave_repl_offset", up.Applied)
	if up.Syncing {
		left, percent := up.Total-up.Read, 0.0
		if up.Total > 0 {
			percent = float64(up.Read) / float64(up.Total) * 100
		}
		f.Int("master_sync_total_bytes", up.Total)
		f.Int("master_sync_read_bytes", up.Read)
		f.Int("master_sync_left_bytes", left)
		f.Float("master_sync_perc", percent, 2)
		f.Int("master_sync_last_io_seconds_ago", up.SyncIdleSeconds)
	}
	if !up.Up {
		f.Int("master_link_down_since_seconds", up.DownSeconds)
		if up.Reason != "" {
			f.Str("master_link_reason", up.Reason)
		}
	}
	f.Int("slave_priority", int64(e.cfg.ReplicaPriority))
	f.Bool("slave_read_only", e.cfg.ReplicaReadOnly)
	f.Bool("replica_announced", e.cfg.ReplicaAnnounced)
}
