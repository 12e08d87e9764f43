// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/espalier-io/espalier/node/resp"
)

// PeerState is how far a replica of this node has come.
type PeerState uint8

// The states of a replica. Only attached ones show in INFO.
const (
	PeerKnown     PeerState = iota // it has sent REPLCONF; not attached
	PeerWaitStart                  // waits for a snapshot to begin
	PeerWaitEnd                    // waits for its snapshot to be complete
	PeerSendBulk                   // is being sent the file
	PeerOnline
	PeerSent // wanted the snapshot only, and has it
)

// String is INFO's word for the state.
func (s PeerState) String() string {
	switch s {
	case PeerWaitStart, PeerWaitEnd:
		return "wait_bgsave"
	case PeerSendBulk:
		return "send_bulk"
	case PeerOnline:
		return "online"
	case PeerSent:
		return "rdb_transmitted"
	}
	return ""
}

// peer is a connection that has shown signs of being a replica's.
type peer struct {
	id    PeerID
	ip    string // of the connection
	state PeerState

	// What it said of itself by REPLCONF.
	announced string // ip-address
	port      int    // listening-port
	eof       bool   // capa eof
	psync2    bool   // capa psync2
	rdbOnly   bool   // wants no stream after the snapshot
	noKeys    bool   // wants a snapshot without keys

	legacy   bool // came with SYNC: acknowledges nothing
	since    int64
	snapshot SnapshotID // the one it waits for or is sent
	sockets  bool       // and that is written to it as it is made
	cursor   *Cursor    // holds the stream from there
	onAck    bool       // the stream begins with its first acknowledgement
	ready    bool       // and that came before the transfer was known to be done

	acked     int64
	heard     int64 // time of the last sign of life
	overSince int64 // time since when the soft output limit is exceeded, 0 when it is not
}

// downstream is the master end: the replicas of this node.
type downstream struct {
	peers    []*peer // in the order of their coming, attached or not
	snapshot *snapshot
	lastID   SnapshotID
	held     map[SnapshotID]bool // files that are still being sent
	good     int                 // replicas that min-replicas-to-write counts
	// emptySince is when the last replica left (backlog TTL).
	emptySince int64
	ticks      int64

	fullSyncs, partialOK, partialErr int64
}

func (d *downstream) init() {
	d.held = make(map[SnapshotID]bool)
	d.ticks = 1 // the first ping comes after a period
}

func (d *downstream) find(id PeerID) *peer {
	for _, p := range d.peers {
		if p.id == id {
			return p
		}
	}
	return nil
}

// peer gives the record of a connection, a new one at its first word.
func (d *downstream) peer(id PeerID, ip string) *peer {
	p := d.find(id)
	if p == nil {
		p = &peer{id: id, ip: ip}
		d.peers = append(d.peers, p)
	}
	return p
}

func (p *peer) attached() bool { return p.state != PeerKnown }

// attached counts the replicas.
func (d *downstream) attached() int {
	n := 0
	for _, p := range d.peers {
		if p.attached() {
			n++
		}
	}
	return n
}

// address is where others reach the replica.
func (p *peer) address() string {
	if p.announced != "" {
		return p.announced
	}
	return p.ip
}

// name is the replica in log lines.
func (p *peer) name() string {
	if p.port == 0 {
		return p.address() + ":<unknown-replica-port>"
	}
	if strings.Contains(p.address(), ":") {
		return fmt.Sprintf("[%s]:%d", p.address(), p.port) // IPv6
	}
	return fmt.Sprintf("%s:%d", p.address(), p.port)
}

// maxAnnounced is the longest accepted ip-address, as in Redis.
const maxAnnounced = 255

// replconf takes a replica's options.
func (m *Machine) replconf(e Replconf) {
	if len(e.Args)%2 != 0 {
		m.do(Reply{e.Peer, "ERR syntax error"})
		return
	}
	p := m.down.peer(e.Peer, e.IP)
	for i := 0; i < len(e.Args); i += 2 {
		option, value := strings.ToLower(string(e.Args[i])), string(e.Args[i+1])
		switch option {
		case "ack":
			if offset, ok := resp.ParseInt(e.Args[i+1]); ok && p.attached() {
				m.acked(p, offset)
			}
			return // an acknowledgement is not answered, nor is what follows it read
		case "getack":
			m.sendAck()
			return
		}
		if text := p.configure(option, value); text != "" {
			m.do(Reply{e.Peer, text})
			return
		}
	}
	m.do(Reply{Peer: e.Peer})
}

// configure takes one option; text is the error.
func (p *peer) configure(option, value string) (text string) {
	switch option {
	case "listening-port":
		port, err := strconv.Atoi(value)
		if err != nil {
			return "ERR value is not an integer or out of range"
		}
		p.port = port
	case "ip-address":
		if len(value) > maxAnnounced {
			return "ERR REPLCONF ip-address provided by replica instance is too long: " + strconv.Itoa(len(value)) + " bytes"
		}
		p.announced = value
	case "capa":
		p.eof = p.eof || strings.EqualFold(value, "eof")
		p.psync2 = p.psync2 || strings.EqualFold(value, "psync2")
	case "rdb-only":
		if value != "0" && value != "1" {
			return "ERR value is out of range, value must between 0 and 1"
		}
		p.rdbOnly = value == "1"
	case "rdb-filter-only":
		// Keys are excluded by any filter; functions are all that Redis can ask
		// to be left, and there are none.
		for _, filter := range strings.Fields(value) {
			if !strings.EqualFold(filter, "functions") {
				return "ERR Unsupported rdb-filter-only option: " + filter
			}
		}
		p.noKeys = true
	default:
		return "ERR Unrecognized REPLCONF option: " + option
	}
	return ""
}

// attach makes a connection a replica's.
func (m *Machine) attach(p *peer, state PeerState) {
	p.state = state
	p.since = m.now()
	p.heard = m.now()
	m.do(Attach{p.id})
}

// peerGone forgets a connection that was closed.
func (m *Machine) peerGone(e PeerGone) {
	p := m.down.find(e.Peer)
	if p == nil {
		return
	}
	if p.attached() {
		m.log(Notice, "Connection with replica %s lost.", p.name())
	}
	m.release(p)
}

// drop closes a replica's connection; it is none of ours from now on.
func (m *Machine) drop(p *peer, reason string) {
	m.log(Notice, "Connection with replica %s lost.", p.name())
	m.do(Drop{p.id, reason})
	m.release(p)
}

// dropPeers closes all replicas' connections: they have to ask anew, since
// what they would be fed with is no longer what they follow.
func (m *Machine) dropPeers(reason string) {
	for _, p := range slices.Clone(m.down.peers) {
		if p.attached() {
			m.drop(p, reason)
		}
	}
}

// release takes a peer off the books and frees what was kept for it.
func (m *Machine) release(p *peer) {
	m.down.peers = slices.DeleteFunc(m.down.peers, func(q *peer) bool { return q == p })
	if p.cursor != nil && m.backlog != nil {
		m.backlog.Release(p.cursor)
	}
	if !p.attached() {
		return
	}
	if m.down.attached() == 0 {
		m.down.emptySince = m.now()
	}
	m.forgetUnused()
	m.countGood()
}

// enforceLimits drops the replicas that leave too much of the stream unread.
// A limit below the backlog's size is pointless, as the replica would resync
// from just that backlog; it counts as that size.
func (m *Machine) enforceLimits() {
	hard := m.cfg.HardLimit
	if hard > 0 {
		hard = max(hard, m.backlog.Size())
	}
	soft := m.cfg.SoftLimit
	if soft > 0 {
		soft = max(soft, m.backlog.Size())
	}
	for _, p := range slices.Clone(m.down.peers) {
		if p.cursor == nil {
			continue
		}
		behind := m.backlog.Behind(p.cursor)
		over := soft > 0 && behind > soft
		switch {
		case !over:
			p.overSince = 0
		case p.overSince == 0:
			p.overSince = m.now()
		}
		if hard > 0 && behind > hard || over && m.since(p.overSince) > m.cfg.SoftSeconds {
			m.log(Warning, "Client id=%d addr=%s scheduled to be closed ASAP for overcoming of output buffer limits.", p.id, p.name())
			m.drop(p, "overcoming of output buffer limits")
		}
	}
}
