// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import "strconv"

// snapshot is the one that is being made for replicas. There is one at a time,
// however many replicas ask: those that come together share it, those that
// come later join it while it is written to a file, or wait for the next.
type snapshot struct {
	id      SnapshotID
	sockets bool  // written to the replicas as it is made
	eof     bool  // capability that all who started it share
	noKeys  bool  // without keys
	start   int64 // offset of the cut
	// cursor holds the stream from the cut on for those that join later, even
	// if the first replica was already sent on its way.
	cursor    *Cursor
	delivered bool // to one replica at least, so it is complete
	abandoned bool // it is being broken off, nobody may join
}

// startSnapshot cuts a snapshot for all replicas that wait and want the same.
func (m *Machine) startSnapshot(eof, noKeys bool) {
	sockets := (m.cfg.Diskless || noKeys) && eof
	target := "disk"
	if sockets {
		target = "replicas sockets"
	}
	m.log(Notice, "Starting BGSAVE for SYNC with target: %s", target)
	m.down.lastID++
	s := &snapshot{
		id: m.down.lastID, sockets: sockets, eof: eof, noKeys: noKeys,
		start:  m.history.Offset,
		cursor: m.backlog.CursorAt(m.history.Offset + 1),
	}
	m.down.snapshot = s
	m.down.held[s.id] = true
	cut := Cut{ID: s.id, At: Position{m.history.Replid, s.start}, DB: m.streamDB(), Empty: noKeys}
	if sockets {
		cut.Mark = m.newID()
	}
	for _, p := range m.down.peers {
		if p.state == PeerWaitStart && p.noKeys == noKeys && (p.eof || !sockets) {
			m.give(p, s)
			if sockets {
				cut.To = append(cut.To, p.id)
			}
		}
	}
	m.do(cut)
}

// streamDB is the database that the stream has selected at this point, as a
// snapshot records it.
func (m *Machine) streamDB() int {
	if m.role == Replica {
		return max(m.up.db, 0)
	}
	return max(m.selected, 0)
}

// join lets a replica share a snapshot that is being written to a file.
func (m *Machine) join(p *peer, s *snapshot) bool {
	if s.abandoned || s.eof && !p.eof || s.noKeys != p.noKeys {
		return false
	}
	m.give(p, s)
	return true
}

// give assigns a replica its snapshot, and holds the stream from its cut on.
// What the replica is then fed with must begin with a SELECT, since it knows
// of none; a relay can't add one, and its snapshot says what is selected.
func (m *Machine) give(p *peer, s *snapshot) {
	p.state = PeerWaitEnd
	p.snapshot, p.sockets = s.id, s.sockets
	if !p.rdbOnly {
		p.cursor = m.backlog.CursorAt(s.start + 1)
	}
	m.selected = -1
	if !p.legacy {
		m.do(Write{p.id, m.fullResyncLine(s.start)})
	}
}

// snapshotDone sends the file to those that wait for it, or lets them go where
// there is none.
func (m *Machine) snapshotDone(e SnapshotDone) {
	s := m.down.snapshot
	if s == nil || s.id != e.ID {
		return
	}
	m.down.snapshot = nil
	if m.backlog != nil {
		m.backlog.Release(s.cursor)
	}
	if s.sockets && !s.abandoned && e.Err == "" {
		up := 0
		for _, p := range m.down.peers {
			if p.snapshot == s.id {
				up++
			}
		}
		m.log(Warning, "Diskless rdb transfer, done reading from pipe, %d replicas still up.", up)
	}
	for _, p := range m.waiting(s.id) {
		switch {
		case e.Err != "":
			m.log(Warning, "SYNC failed. BGSAVE child returned an error")
			m.drop(p, "the snapshot failed: "+e.Err)
		case !s.sockets:
			p.state = PeerSendBulk
			m.do(Write{p.id, []byte("$" + strconv.FormatInt(e.Size, 10) + "\r\n")})
			m.do(Transfer{p.id, s.id})
		}
	}
	m.forgetUnused()
	m.startWaiting()
}

// waiting lists the replicas that wait for a snapshot to be complete.
func (m *Machine) waiting(id SnapshotID) []*peer {
	var list []*peer
	for _, p := range m.down.peers {
		if p.state == PeerWaitEnd && p.snapshot == id {
			list = append(list, p)
		}
	}
	return list
}

// transferDone puts a replica online that was sent its snapshot. One that read
// it off the socket up to a mark must not find stream bytes behind it: its
// stream begins when it says that it is ready.
func (m *Machine) transferDone(e TransferDone) {
	p := m.down.find(e.Peer)
	if p == nil || p.state != PeerWaitEnd && p.state != PeerSendBulk {
		return
	}
	streamed := p.state == PeerWaitEnd
	if s := m.down.snapshot; s != nil && s.id == p.snapshot {
		s.delivered = true
	}
	if streamed {
		m.log(Notice, "Streamed RDB transfer with replica %s succeeded (socket). Waiting for REPLCONF ACK from slave to enable streaming", p.name())
	}
	if p.rdbOnly {
		p.state = PeerSent
		m.log(Notice, "RDB transfer completed, rdb only replica (%s) should be disconnected asap", p.name())
		m.drop(p, "it wanted the snapshot only")
		return
	}
	p.state = PeerOnline
	p.heard = m.now()
	m.log(Notice, "Synchronization with replica %s succeeded", p.name())
	p.onAck = streamed && !p.ready
	if !p.onAck {
		m.do(Feed{p.id, p.cursor})
	}
	m.forgetUnused()
	m.countGood()
}

// stalled lets go of a replica that doesn't take its snapshot: what is kept for
// it must not be kept for ever.
func (m *Machine) stalled(e Stalled) {
	if p := m.down.find(e.Peer); p != nil && (p.state == PeerWaitEnd || p.state == PeerSendBulk) {
		m.log(Warning, "Disconnecting timedout replica (full sync): %s", p.name())
		m.drop(p, "it took nothing of its snapshot within repl-timeout")
	}
}

// startWaiting begins the next snapshot when somebody waits for one, long
// enough for others to have come too.
func (m *Machine) startWaiting() {
	if m.down.snapshot != nil || m.facts.Busy || m.tainted() || m.cannotServe(&peer{}) != "" {
		return
	}
	var first *peer
	eof, waiting, longest := true, 0, int64(0)
	for _, p := range m.down.peers {
		if p.state != PeerWaitStart || first != nil && p.noKeys != first.noKeys {
			continue
		}
		if first == nil {
			first = p
		}
		eof = eof && p.eof
		waiting++
		longest = max(longest, m.since(p.since))
	}
	if first == nil {
		return
	}
	most := m.cfg.DisklessMaxReplicas
	if !m.cfg.Diskless || longest >= m.cfg.DisklessDelay || most > 0 && waiting >= most {
		m.startSnapshot(eof, first.noKeys)
	}
}

// forgetUnused lets go of the snapshots that no replica waits for or is being
// sent, also of the one that is being made.
func (m *Machine) forgetUnused() {
	for id := m.down.lastID; id > 0 && len(m.down.held) > 0; id-- {
		if !m.down.held[id] || m.inUse(id) {
			continue
		}
		if s := m.down.snapshot; s != nil && s.id == id {
			if s.delivered {
				continue // it is about to end by itself
			}
			s.abandoned = true
			if m.backlog != nil {
				m.backlog.Release(s.cursor)
			}
			if s.sockets {
				m.log(Warning, "Diskless rdb transfer, last replica dropped, killing fork child.")
			}
		}
		delete(m.down.held, id)
		m.do(Forget{id})
	}
}

func (m *Machine) inUse(id SnapshotID) bool {
	for _, p := range m.down.peers {
		if p.snapshot == id && (p.state == PeerWaitEnd || p.state == PeerSendBulk) {
			return true
		}
	}
	return false
}
