// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"strconv"

	"github.com/espalier-io/espalier/node/resp"
)

// psync decides about a replica: the missing bytes, or a whole data set.
func (m *Machine) psync(e Psync) {
	p := m.down.peer(e.Peer, e.IP)
	if p.attached() {
		return
	}
	if e.Failover && !m.takeOver(e) {
		return
	}
	if text := m.cannotServe(p); text != "" {
		m.do(Reply{e.Peer, text})
		return
	}
	m.log(Notice, "Replica %s asks for synchronization", p.name())
	if e.Legacy {
		p.legacy = true
	} else {
		offset, ok := resp.ParseInt([]byte(e.Offset))
		if !ok {
			m.log(Warning, "Replica %s asks for synchronization but with a wrong offset", p.name())
			m.do(Reply{e.Peer, "ERR value is not an integer or out of range"})
			return
		}
		if m.canResume(p, e.Replid, offset) {
			m.resumePeer(p, offset)
			return
		}
		// "?" asks for a full resync on purpose.
		if e.Replid == "" || e.Replid[0] != '?' {
			m.down.partialErr++
		}
	}
	if m.tainted() {
		m.do(Reply{e.Peer, "NOMASTERLINK Can't give a data set that holds local writes"})
		return
	}
	m.fullSync(p)
}

// tainted tells whether a managed replica must not hand its data set down: who
// received it would not know that it holds local writes, and could be elected.
func (m *Machine) tainted() bool {
	return m.cfg.Managed && m.role == Replica && m.facts.Tainted
}

// takeOver is PSYNC … FAILOVER: the master hands its role over to this replica,
// and wants to become its replica in the same breath.
func (m *Machine) takeOver(e Psync) bool {
	m.log(Warning, "Failover request received for replid %s.", e.Replid)
	switch {
	case m.cfg.Managed:
		m.do(Reply{e.Peer, "ERR PSYNC FAILOVER is not taken by a managed node, its roles come from the operator"})
	case m.role != Replica:
		m.do(Reply{e.Peer, "ERR PSYNC FAILOVER can't be sent to a master."})
	case !sameID(e.Replid, m.history.Replid):
		m.do(Reply{e.Peer, "ERR PSYNC FAILOVER replid must match my replid."})
	default:
		m.unsetMaster(UnsetMaster{})
		m.log(Notice, "MASTER MODE enabled (failover request from '%s')", e.By)
		return true
	}
	return false
}

// cannotServe gives the error for a replica that can't be served now. Real
// replicas retry on NOMASTERLINK.
func (m *Machine) cannotServe(p *peer) string {
	switch {
	case m.failover.state != FailoverNone:
		return "NOMASTERLINK Can't SYNC while failing over"
	case m.frozen:
		return "NOMASTERLINK Can't SYNC while frozen by a promise"
	case m.role == None:
		return "NOMASTERLINK Can't SYNC while waiting for a grant"
	case m.role == Replica && m.up.state != linkStreaming:
		return "NOMASTERLINK Can't SYNC while not connected with my master"
	case p.noKeys && !p.eof:
		return "ERR Filtered replica requires EOF capability"
	}
	return ""
}

// canResume tells whether the stream from offset on is what a replica in
// history replid misses, and is still here.
func (m *Machine) canResume(p *peer, replid string, offset int64) bool {
	h := &m.history
	switch {
	case h.Covers(replid, offset):
	case replid != "" && replid[0] == '?':
		m.log(Notice, "Full resync requested by replica %s", p.name())
		return false
	case !sameID(replid, h.Replid2):
		m.log(Notice, "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '%s', my replication IDs are '%s' and '%s')",
			replid, h.Replid, h.Replid2)
		return false
	default:
		m.log(Notice, "Partial resynchronization not accepted: Requested offset for second ID was %d, but I can reply up to %d",
			offset, h.SecondOffset)
		return false
	}
	if m.backlog == nil || !m.backlog.Contains(offset) {
		m.log(Notice, "Unable to partial resync with replica %s for lack of backlog (Replica request was: %d).", p.name(), offset)
		if offset > h.Offset {
			m.log(Warning, "Warning: replica %s tried to PSYNC with an offset that is greater than the master replication offset.", p.name())
		}
		return false
	}
	return true
}

// resumePeer sends what is missing and puts the replica online. It keeps the
// database it has selected, so no SELECT is forced.
func (m *Machine) resumePeer(p *peer, offset int64) {
	m.attach(p, PeerOnline)
	line := "+CONTINUE\r\n"
	if p.psync2 {
		line = "+CONTINUE " + m.history.Replid + "\r\n"
	}
	m.do(Write{p.id, []byte(line)})
	p.cursor = m.backlog.CursorAt(offset)
	m.do(Feed{p.id, p.cursor})
	m.log(Notice, "Partial resynchronization request from %s accepted. Sending %d bytes of backlog starting from offset %d.",
		p.name(), m.backlog.Behind(p.cursor), offset)
	m.down.partialOK++
	m.countGood()
}

// fullSync queues a replica for a snapshot: the one being made where that is
// for replicas and can take it, otherwise the next.
func (m *Machine) fullSync(p *peer) {
	m.down.fullSyncs++
	m.attach(p, PeerWaitStart)
	m.firstReplica()
	s := m.down.snapshot
	switch {
	case s != nil && s.sockets:
		m.log(Notice, "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC")
	case s != nil && m.join(p, s):
		m.log(Notice, "Waiting for end of BGSAVE for SYNC")
	case s != nil:
		m.log(Notice, "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC")
	case m.cfg.Diskless && p.eof && m.cfg.DisklessDelay > 0:
		m.log(Notice, "Delay next BGSAVE for diskless SYNC")
	case m.facts.Busy:
		m.log(Notice, "No BGSAVE in progress, but another BG operation is active. BGSAVE for replication delayed")
	default:
		m.startSnapshot(p.eof, p.noKeys)
	}
}

// firstReplica makes the backlog where there is none yet. What happened before
// it was not counted, so the history before it must not be resumed: it gets a
// new name. A managed master counts always, and its name is not its own.
func (m *Machine) firstReplica() {
	if m.backlog != nil {
		return
	}
	if !m.cfg.Managed {
		m.history.Forget(m.newID())
	}
	m.makeBacklog()
	m.log(Notice, "Replication backlog created, my new replication IDs are '%s' and '%s'", m.history.Replid, m.history.Replid2)
}

// fullResyncLine is the answer that precedes a snapshot.
func (m *Machine) fullResyncLine(offset int64) []byte {
	return []byte("+FULLRESYNC " + m.history.Replid + " " + strconv.FormatInt(offset, 10) + "\r\n")
}
