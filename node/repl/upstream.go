// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"fmt"
	"strings"
)

// linkState is how far the link to the master has come. The order is that of
// a handshake.
type linkState uint8

const (
	linkNone       linkState = iota // there is no master
	linkConnect                     // the next tick dials
	linkConnecting                  // Dialed is awaited
	linkPing                        // from here on a reply is awaited
	linkAuth
	linkPort
	linkIP
	linkCapa
	linkPsync
	linkPreamble // the line before the snapshot
	linkPayload  // the snapshot
	linkLoading  // SnapshotLoaded is awaited
	linkStreaming
)

func (s linkState) handshaking() bool  { return linkPing <= s && s <= linkPsync }
func (s linkState) transferring() bool { return linkPreamble <= s && s <= linkLoading }

// upstream is the replica end: the master and the link to it.
type upstream struct {
	host    string
	port    int
	grant   *Grant
	consent bool

	state linkState
	link  LinkID
	// cached: the data set's own history can be resumed with a master. It is
	// Redis's cached master; the history itself holds its id and offset.
	cached bool
	// legacy: the present master knows no PSYNC; it counts no offsets and gets
	// no acknowledgements.
	legacy bool
	// db is the database that the master's stream has selected.
	db int

	line     []byte   // of a reply, not complete yet
	offered  Position // by +FULLRESYNC
	transfer transfer
	early    []byte // stream bytes that came before the snapshot was loaded
	broken   string // why the link was lost while the snapshot was loaded

	lastIO    int64
	readTo    int64 // offset of the last byte received, applied or not
	downSince int64 // 0 while the link is up, and before it ever was
	refused   bool  // the data-set shield keeps the link down
	reason    string
}

const logSynthesized = "Before turning into a replica, using my own master parameters to synthesize a cached master: " +
	"I may be able to synchronize with the new master with just a partial transfer."

// Follows tells whether the node has that master already. Redis compares the
// names as given.
func (m *Machine) Follows(host string, port int) bool {
	return m.role == Replica && m.up.port == port && strings.EqualFold(m.up.host, host)
}

func (m *Machine) setMaster(e SetMaster) {
	thawed := m.frozen
	m.frozen = false
	if m.Follows(e.Host, e.Port) {
		m.follow(e, thawed)
		return
	}
	was := m.role
	m.leave()
	m.up.host, m.up.port = e.Host, e.Port
	m.up.grant, m.up.consent = e.Grant, e.Consent
	m.up.refused, m.up.reason = false, ""
	m.role = Replica
	switch was {
	case Master:
		// At the start of the process there is no stream that a master could
		// know; afterwards there may be.
		if e.Consent || m.cfg.Managed || m.backlog != nil {
			m.log(Notice, logSynthesized)
			m.up.cached, m.up.db = true, max(m.selected, 0)
		}
	case None:
		// A tainted dump may hold half a transaction, which the stream would repeat.
		m.up.cached = !m.history.Blank && !m.facts.Tainted
	}
	m.connect()
	if e.By != "" {
		m.log(Notice, "REPLICAOF %s:%d enabled (user request from '%s')", e.Host, e.Port, e.By)
	}
	if was != Replica {
		m.do(RoleChanged{Role: Replica})
	}
}

// follow is REPLICAOF with the master that the node has already: nothing to do
// in Redis, but it may be the consent or the grant that a refused link waits
// for.
func (m *Machine) follow(e SetMaster, thawed bool) {
	m.up.consent = m.up.consent || e.Consent && m.up.state != linkStreaming
	if e.Grant == nil {
		m.log(Notice, "REPLICAOF would result into synchronization with the master we are already connected with. No operation performed.")
		return
	}
	m.up.grant = e.Grant
	if thawed || m.up.state != linkStreaming || !sameID(m.history.Replid, e.Grant.Replid) {
		m.leave()
		m.connect()
	}
}

func (m *Machine) unsetMaster(e UnsetMaster) {
	m.frozen = false
	was := m.role
	// A data set is not what its position says once the link was given up for a
	// stream that could not be followed. A managed node marks the ones that it is
	// true of; its operator goes by the mark, and so must its history.
	sound := !m.cfg.Managed || !m.facts.Tainted
	switch {
	case was == Master && (e.Replid == "" || sameID(e.Replid, m.history.Replid)):
		return
	case was == Replica:
		sound = sound && (m.cfg.Managed || m.up.cached)
		m.leave()
		m.discardCached()
	}
	m.promote(e.Replid, sound)
	m.up = upstream{link: m.up.link, lastIO: m.up.lastIO}
	m.role = Master
	m.down.emptySince = m.now()
	if e.By != "" {
		m.log(Notice, "MASTER MODE enabled (user request from '%s')", e.By)
	}
	if was != Master {
		m.do(RoleChanged{Role: Master})
	}
}

// promote begins the node's own history. Its replicas are let go, to learn of
// it as they come back; the stream says SELECT anew, since they may have come
// from elsewhere. Where the data set is not a sound copy of the old history, the
// new one has no past: who resumed from there would hold something else.
func (m *Machine) promote(replid string, sound bool) {
	if replid == "" {
		replid = m.newID()
	}
	if !sound || m.cfg.Managed && m.history.Blank {
		m.history.Forget(replid)
		m.history.Blank = false
	} else {
		m.history.Shift(replid)
		m.log(Warning, "Setting secondary replication ID to %s, valid up to offset: %d. New replication ID is %s",
			m.history.Replid2, m.history.SecondOffset, m.history.Replid)
	}
	m.dropPeers("the replication history has changed")
	m.selected = -1
}

// freeze makes the position stand still: no link, and nothing originated (the
// owner sees to the writes of clients).
func (m *Machine) freeze() {
	if m.frozen {
		return
	}
	m.frozen = true
	if m.role == Replica {
		m.leave()
		m.up.state = linkConnect
		m.up.reason = "frozen by a promise"
	}
}

// leave ends the present link, whatever its state, without a new attempt.
func (m *Machine) leave() {
	if m.up.state == linkStreaming {
		m.log(Notice, "Connection with master lost.")
		if m.up.cached {
			m.log(Notice, "Caching the disconnected master state.")
		}
		m.up.downSince = m.now()
	}
	m.hangup()
}

// hangup closes the link and forgets what came over it.
func (m *Machine) hangup() {
	switch {
	case m.up.state == linkNone || m.up.state == linkConnect:
	case m.up.state.transferring():
		m.do(Discard{m.up.link})
		fallthrough
	default:
		m.do(Hangup{m.up.link})
	}
	m.up.state = linkConnect
	m.up.line, m.up.early, m.up.broken = nil, nil, ""
	m.up.legacy = false
}

// connect dials the master.
func (m *Machine) connect() {
	m.log(Notice, "Connecting to MASTER %s:%d", m.up.host, m.up.port)
	m.dial()
}

func (m *Machine) dial() {
	m.up.link++
	m.up.state = linkConnecting
	m.up.lastIO = m.now()
	m.log(Notice, "MASTER <-> REPLICA sync started")
	m.do(Dial{Link: m.up.link, Host: m.up.host, Port: m.up.port})
}

// fail ends an attempt; the next tick makes another one.
func (m *Machine) fail(level Level, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.log(level, "%s", text)
	m.up.reason = text
	m.hangup()
}

// failAndRetry is fail with a new attempt at once, as Redis has it where the
// old one had come far.
func (m *Machine) failAndRetry(format string, args ...any) {
	m.fail(Warning, format, args...)
	m.log(Notice, "Reconnecting to MASTER %s:%d after failure", m.up.host, m.up.port)
	m.dial()
}

// refuse is the shield's word: the link goes down, the data set stays.
func (m *Machine) refuse(d Decision) {
	m.fail(Warning, "MASTER <-> REPLICA sync: %s", d.Reason)
	m.up.reason = d.Reason
	m.up.refused = true
}

func (m *Machine) dialed(e Dialed) {
	if e.Link != m.up.link || m.up.state != linkConnecting {
		return
	}
	if e.Err != "" {
		m.fail(Warning, "Error condition on socket for SYNC: %s", e.Err)
		return
	}
	m.log(Notice, "Non blocking connect for SYNC fired the event.")
	m.up.lastIO = m.now()
	m.up.state = linkPing
	m.send(command("PING"))
}

func (m *Machine) linkLost(e LinkLost) {
	if e.Link != m.up.link {
		return
	}
	switch s := m.up.state; {
	case s == linkStreaming:
		m.up.cached = m.up.cached && !e.Corrupt
		m.lost(e.Err)
	case s == linkLoading:
		m.up.broken = e.Err // the snapshot is here and good all the same
	case s == linkPayload:
		m.failAndRetry("I/O error trying to sync with MASTER: %s", e.Err)
	case s == linkPreamble:
		m.failAndRetry("I/O error reading bulk count from MASTER: %s", e.Err)
	case s.handshaking():
		m.log(Warning, "Failed to read response from the server: %s", e.Err)
		if s == linkPsync {
			m.fail(Warning, "Master did not reply to PSYNC, will try later")
		} else {
			m.fail(Warning, "Master did not respond to command during SYNC handshake")
		}
		m.up.reason += ": " + e.Err
	}
}

// unappliable ends a link whose stream can't be followed. The next tick tries
// again, with a full sync unless nothing was touched: a transaction that failed
// halfway must not be executed a second time.
func (m *Machine) unappliable(e Unappliable) {
	if e.Link != m.up.link || m.up.state != linkStreaming {
		return
	}
	m.log(Warning, "%s", e.Reason)
	if !e.Untouched {
		m.discardCached()
	}
	m.leave()
	m.up.reason = e.Reason
}

// lost is the end of a link that streamed. A new attempt follows at once, while
// the backlog still has what is missing.
func (m *Machine) lost(reason string) {
	m.leave()
	m.up.reason = reason
	m.log(Notice, "Reconnecting to MASTER %s:%d", m.up.host, m.up.port)
	m.dial()
}

// Heard notes that the link carries the stream: now is the time, readTo the
// offset of the last byte received, which may be ahead of what is applied.
func (m *Machine) Heard(now, readTo int64) {
	m.up.lastIO, m.up.readTo = now, readTo
}

// upstreamTick is the replica end's work of each second.
func (m *Machine) upstreamTick() {
	if m.role != Replica || m.frozen {
		return
	}
	if m.since(m.up.lastIO) > m.cfg.Timeout {
		switch s := m.up.state; {
		case s == linkConnecting || s.handshaking():
			m.failAndRetry("Timeout connecting to the MASTER...")
		case s == linkPreamble || s == linkPayload:
			m.failAndRetry("Timeout receiving bulk data from MASTER... If the problem persists try to set the 'repl-timeout' parameter in redis.conf to a larger value.")
		case s == linkStreaming:
			m.log(Warning, "MASTER timeout: no data nor PING received...")
			m.lost("no data nor PING received within repl-timeout")
		}
	}
	switch m.up.state {
	case linkConnect:
		m.connect()
	case linkLoading:
		// The master must not take a long load for a dead replica.
		m.send([]byte{'\n'})
	case linkStreaming:
		m.sendAck()
	}
}

// sendAck tells the master how far the stream was applied.
func (m *Machine) sendAck() {
	if m.role == Replica && m.up.state == linkStreaming && !m.up.legacy {
		m.ack()
	}
}

func (m *Machine) ack() { m.send(command("REPLCONF", "ACK", fmt.Sprint(m.history.Offset))) }

func (m *Machine) send(data []byte) { m.do(Send{Link: m.up.link, Data: data}) }
