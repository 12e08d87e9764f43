// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

// Status is what INFO, ROLE, the metrics and an operator show of replication.
type Status struct {
	Role    Role
	Frozen  bool
	History History

	BacklogActive bool
	BacklogSize   int64
	BacklogFirst  int64
	BacklogLen    int64

	// Upstream is set on a replica.
	Upstream *UpstreamStatus
	Peers    []PeerStatus
	Good     int // replicas that min-replicas-to-write counts

	// What was answered to replicas since the start: full syncs, partial ones,
	// and requests for partial ones that became full.
	FullSyncs, PartialOK, PartialErr int64
}

// UpstreamStatus is the link to the master.
type UpstreamStatus struct {
	Host  string
	Port  int
	State string // ROLE's word: connect, connecting, handshake, sync, connected
	Up    bool
	// Syncing: a snapshot is being received or loaded. Total is its size, -1
	// while unknown; Read is how much of it is here.
	Syncing     bool
	Total, Read int64
	// Loading: it is being put into a data set, beside the one that is served.
	Loading bool
	// Refused: the data-set shield keeps the link down.
	Refused bool
	Reason  string // why the link is not up, for people

	IdleSeconds     int64 // since the last byte of the stream, -1 while the link is down
	SyncIdleSeconds int64 // since the last byte of a transfer
	DownSeconds     int64 // since the link went down, -1 if it was never up
	Applied         int64 // offset applied; 0 where there is no history to resume
	ReadTo          int64 // offset received
}

// PeerStatus is one attached replica.
type PeerStatus struct {
	ID    PeerID
	IP    string
	Port  int
	State PeerState
	Acked int64
	Lag   int64 // seconds since its last acknowledgement, while online
	// Unsent is how much of the stream waits to be written to it, in bytes.
	Unsent int64
}

// Status describes the machine at the time now.
func (m *Machine) Status(now int64) Status {
	s := Status{
		Role: m.role, Frozen: m.frozen, History: m.history,
		BacklogSize: m.cfg.BacklogSize,
		Good:        m.down.good,
		FullSyncs:   m.down.fullSyncs, PartialOK: m.down.partialOK, PartialErr: m.down.partialErr,
	}
	if b := m.backlog; b != nil {
		s.BacklogActive, s.BacklogFirst, s.BacklogLen = true, b.FirstByteOffset(), b.Histlen()
	}
	if m.role == Replica {
		s.Upstream = m.up.status(now, m.history.Offset)
	}
	for _, p := range m.down.peers {
		if !p.attached() {
			continue
		}
		ps := PeerStatus{ID: p.id, IP: p.address(), Port: p.port, State: p.state, Acked: p.acked}
		if p.state == PeerOnline {
			ps.Lag = (now - p.heard) / 1000
		}
		if p.cursor != nil {
			ps.Unsent = m.backlog.Behind(p.cursor)
		}
		s.Peers = append(s.Peers, ps)
	}
	return s
}

// LinkUp tells whether a replica's link carries the stream.
func (m *Machine) LinkUp() bool { return m.role == Replica && m.up.state == linkStreaming }

// Attached is the number of replicas.
func (m *Machine) Attached() int { return m.down.attached() }

func (u *upstream) status(now, applied int64) *UpstreamStatus {
	s := &UpstreamStatus{
		Host: u.host, Port: u.port,
		State:       u.state.word(),
		Up:          u.state == linkStreaming,
		Syncing:     u.state.transferring(),
		Total:       -1,
		Refused:     u.refused,
		Reason:      u.reason,
		IdleSeconds: -1, DownSeconds: -1,
	}
	if s.Up {
		s.IdleSeconds = (now - u.lastIO) / 1000
	} else if u.downSince != 0 {
		s.DownSeconds = (now - u.downSince) / 1000
	}
	if u.state == linkPayload || u.state == linkLoading {
		s.Total, s.Read = u.transfer.size, u.transfer.read
		s.Loading = u.state == linkLoading || u.transfer.toParser
	}
	s.SyncIdleSeconds = (now - u.lastIO) / 1000
	if u.cached && !u.legacy {
		s.Applied, s.ReadTo = applied, max(u.readTo, applied)
	}
	return s
}

// word is ROLE's name of a link state.
func (s linkState) word() string {
	switch {
	case s == linkNone:
		return "none"
	case s == linkConnect:
		return "connect"
	case s == linkConnecting:
		return "connecting"
	case s.handshaking():
		return "handshake"
	case s.transferring():
		return "sync"
	}
	return "connected"
}
