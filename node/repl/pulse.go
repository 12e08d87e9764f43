// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import "slices"

var (
	pingCommand   = command("PING")
	getackCommand = command("REPLCONF", "GETACK", "*")
)

// tick is the work of each second, for both ends.
func (m *Machine) tick() {
	m.upstreamTick()
	m.ping()
	m.keepAlive()
	m.dropSilent()
	m.expireBacklog()
	m.startWaiting()
	if m.backlog != nil {
		m.enforceLimits()
		m.backlog.Trim()
	}
	m.countGood()
	m.furtherFailover()
	m.down.ticks++
}

// ping keeps the stream alive. It is part of the stream and counts, hence only
// a master may, and only while it may originate anything.
func (m *Machine) ping() {
	if m.down.ticks%m.cfg.PingPeriod == 0 && m.down.attached() > 0 {
		m.originate(pingCommand)
	}
}

// askAcks makes the replicas acknowledge at once rather than within a second.
func (m *Machine) askAcks() {
	if m.down.attached() > 0 {
		m.originate(getackCommand)
	}
}

func (m *Machine) originate(p []byte) {
	if m.role == Master && !m.frozen && !m.facts.Quiet && m.backlog != nil {
		m.Append(p)
	}
}

// keepAlive writes a newline, which counts for nothing, to the replicas that
// wait for their snapshot to begin to arrive. Within one it would be payload.
func (m *Machine) keepAlive() {
	for _, p := range m.down.peers {
		if p.state == PeerWaitStart || p.state == PeerWaitEnd && !p.sockets {
			m.do(Write{p.id, []byte{'\n'}})
		}
	}
}

// dropSilent lets go of replicas that have not acknowledged for too long.
func (m *Machine) dropSilent() {
	for _, p := range slices.Clone(m.down.peers) {
		if p.state == PeerOnline && !p.legacy && m.since(p.heard) > m.cfg.Timeout {
			m.log(Warning, "Disconnecting timedout replica (streaming sync): %s", p.name())
			m.drop(p, "nothing heard within repl-timeout")
		}
	}
}

// expireBacklog frees the backlog of a master that has had no replica for long.
// From then on the stream is not counted, so that its history ends here.
func (m *Machine) expireBacklog() {
	ttl := m.cfg.BacklogTTL
	if m.backlog == nil || ttl == 0 || m.role != Master || m.down.attached() > 0 ||
		m.since(m.down.emptySince) <= ttl {
		return
	}
	if !m.cfg.Managed {
		m.history.Forget(m.newID())
	}
	m.backlog = nil
	m.selected = -1
	m.log(Notice, "Replication backlog freed after %d seconds without connected replicas.", ttl)
}

// acked takes a replica's acknowledgement.
func (m *Machine) acked(p *peer, offset int64) {
	p.acked = max(p.acked, offset)
	p.heard = m.now()
	switch {
	case p.onAck:
		p.onAck = false
		m.do(Feed{p.id, p.cursor})
	case p.state == PeerWaitEnd:
		p.ready = true
	}
	m.countGood()
	m.furtherFailover()
}

func (m *Machine) alive(e Alive) {
	if p := m.down.find(e.Peer); p != nil {
		p.heard = m.now()
	}
}

// CountAcked is how many replicas have acknowledged the stream up to offset
// (WAIT).
func (m *Machine) CountAcked(offset int64) int {
	n := 0
	for _, p := range m.down.peers {
		if p.state == PeerOnline && p.acked >= offset {
			n++
		}
	}
	return n
}

// countGood counts the replicas that min-replicas-to-write goes by.
func (m *Machine) countGood() {
	m.down.good = 0
	for _, p := range m.down.peers {
		if p.state == PeerOnline && m.since(p.heard) <= m.cfg.MinReplicasMaxLag {
			m.down.good++
		}
	}
}

// EnoughGoodReplicas tells whether a master may take writes by
// min-replicas-to-write and min-replicas-max-lag; others always may.
func (m *Machine) EnoughGoodReplicas() bool {
	return m.cfg.MinReplicas == 0 || m.cfg.MinReplicasMaxLag == 0 || m.role != Master ||
		m.down.good >= m.cfg.MinReplicas
}
