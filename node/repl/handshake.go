// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/espalier-io/espalier/node/resp"
)

// maxLine bounds a reply of the handshake.
const maxLine = 64 << 10

// received takes what the master sent before the stream begins: lines, then
// the snapshot.
func (m *Machine) received(e Received) {
	if e.Link != m.up.link || m.up.state < linkPing {
		return
	}
	m.up.lastIO = m.now()
	data := e.Data
	for m.up.link == e.Link && m.up.state >= linkPing {
		switch {
		case m.up.state == linkStreaming:
			m.do(Follow{Link: m.up.link, DB: m.up.db, Data: data})
			return
		case len(data) == 0:
			return
		case m.up.state == linkLoading:
			m.up.early = append(m.up.early, data...)
			return
		case m.up.state == linkPayload:
			data = m.payload(data)
		default:
			line, rest, ok := m.takeLine(data)
			if !ok {
				return
			}
			data = rest
			m.reply(line)
		}
	}
}

// takeLine takes a line, without its end, from what was received so far.
func (m *Machine) takeLine(data []byte) (line string, rest []byte, ok bool) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		m.up.line = append(m.up.line, data...)
		if len(m.up.line) > maxLine {
			m.fail(Warning, "Failed to read response from the server: line too long")
		}
		return "", nil, false
	}
	text := append(m.up.line, data[:end]...)
	line = strings.TrimSuffix(string(text), "\r")
	m.up.line = m.up.line[:0]
	return line, data[end+1:], true
}

// reply goes one step further in the handshake. An empty line is a sign of
// life of a master that has no answer yet.
func (m *Machine) reply(line string) {
	if line == "" {
		return
	}
	switch m.up.state {
	case linkPing:
		m.pong(line)
	case linkAuth:
		if line[0] == '-' {
			m.fail(Warning, "Unable to AUTH to MASTER: %s", line)
			return
		}
		m.up.state = linkPort
	case linkPort:
		m.tolerate("listening-port", line)
		m.up.state = linkIP
		if m.cfg.IP == "" {
			m.up.state = linkCapa
		}
	case linkIP:
		m.tolerate("ip-address", line)
		m.up.state = linkCapa
	case linkCapa:
		m.tolerate("capa", line)
		m.askToContinue()
	case linkPsync:
		m.psyncReply(line)
	case linkPreamble:
		m.preamble(line)
	}
}

// tolerate passes over a master that doesn't know a REPLCONF option.
func (m *Machine) tolerate(option, line string) {
	if line[0] == '-' {
		m.log(Notice, "(Non critical) Master does not understand REPLCONF %s: %s", option, line)
	}
}

// pong begins the handshake proper. A master that wants a password first is
// alive too; its wishes are sent all at once, their answers come one by one.
func (m *Machine) pong(line string) {
	if line[0] != '+' && !strings.HasPrefix(line, "-NOAUTH") && !strings.HasPrefix(line, "-NOPERM") &&
		!strings.HasPrefix(line, "-ERR operation not permitted") {
		m.fail(Warning, "Error reply to PING from master: '%s'", line)
		return
	}
	m.log(Notice, "Master replied to PING, replication can continue...")
	m.up.state = linkPort
	var out []byte
	if m.cfg.Password != "" {
		m.up.state = linkAuth
		if m.cfg.User != "" {
			out = resp.AppendCommand(out, "AUTH", m.cfg.User, m.cfg.Password)
		} else {
			out = resp.AppendCommand(out, "AUTH", m.cfg.Password)
		}
	}
	out = resp.AppendCommand(out, "REPLCONF", "listening-port", strconv.Itoa(m.cfg.Port))
	if m.cfg.IP != "" {
		out = resp.AppendCommand(out, "REPLCONF", "ip-address", m.cfg.IP)
	}
	out = resp.AppendCommand(out, "REPLCONF", "capa", "eof", "capa", "psync2")
	m.send(out)
}

// askToContinue sends PSYNC: from the next byte of one's own history, or for a
// data set whatever it is.
func (m *Machine) askToContinue() {
	m.up.state = linkPsync
	if !m.up.cached {
		m.log(Notice, "Partial resynchronization not possible (no cached master)")
		m.send(command("PSYNC", "?", "-1"))
		return
	}
	from := strconv.FormatInt(m.history.Offset+1, 10)
	m.log(Notice, "Trying a partial resynchronization (request %s:%s).", m.history.Replid, from)
	if m.failover.state == FailoverUnderWay {
		m.send(command("PSYNC", m.history.Replid, from, "FAILOVER"))
		return
	}
	m.send(command("PSYNC", m.history.Replid, from))
}

func (m *Machine) psyncReply(line string) {
	if !m.failoverAnswered(line) {
		return
	}
	switch {
	case strings.HasPrefix(line, "+FULLRESYNC"):
		m.fullResync(line)
	case strings.HasPrefix(line, "+CONTINUE") && m.up.cached:
		m.resume(strings.TrimSpace(line[len("+CONTINUE"):]))
	case strings.HasPrefix(line, "-NOMASTERLINK"), strings.HasPrefix(line, "-LOADING"):
		m.fail(Notice, "Master is currently unable to PSYNC but should be in the future: %s", line)
	default:
		m.fallBack(line)
	}
}

// fullResync is the offer of a whole data set.
func (m *Machine) fullResync(line string) {
	words := strings.Split(line, " ")
	if len(words) != 3 || len(words[1]) != ReplidLen {
		m.fail(Warning, "Master replied with wrong +FULLRESYNC syntax.")
		return
	}
	offset, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil || offset < 0 {
		m.fail(Warning, "Master replied with wrong +FULLRESYNC syntax.")
		return
	}
	m.up.offered = Position{Replid: words[1], Offset: offset}
	m.log(Notice, "Full resync from master: %s:%d", words[1], offset)
	m.await()
}

// fallBack is for a master that doesn't know PSYNC: SYNC gives a data set
// without a position, which can't be resumed later.
func (m *Machine) fallBack(line string) {
	if strings.HasPrefix(line, "-ERR") {
		m.log(Notice, "Master does not support PSYNC or is in error state (reply: %s)", line)
	} else {
		m.log(Warning, "Unexpected reply to PSYNC from master: %s", line)
	}
	m.up.reason = line
	m.up.offered = Position{}
	m.up.legacy = true
	if m.await() {
		m.log(Notice, "Retrying with SYNC...")
		m.send([]byte("SYNC\r\n"))
	}
}

// await asks the shield about the offered data set and readies for it.
func (m *Machine) await() bool {
	d := AcceptFullSync(Own{Position: m.history.Position(), Keys: m.facts.Keys},
		Offer{m.up.offered}, m.policy())
	if !d.OK {
		m.refuse(d)
		return false
	}
	m.up.state = linkPreamble
	return true
}

// resume goes on with the stream where it stopped. The master may have been
// promoted since and tell of its new history.
func (m *Machine) resume(replid string) {
	if len(replid) != ReplidLen {
		replid = m.history.Replid
	}
	if d := AcceptContinue(replid, m.policy()); !d.OK {
		m.refuse(d)
		return
	}
	m.log(Notice, "Successful partial resynchronization with master.")
	if replid != m.history.Replid {
		m.log(Warning, "Master replication ID changed to %s", replid)
		m.history.Shift(replid)
		m.dropPeers("the replication history has changed")
	}
	m.makeBacklog()
	m.log(Notice, "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.")
	m.linked()
}

// linked notes that the stream flows.
func (m *Machine) linked() {
	m.up.state = linkStreaming
	m.up.cached = true
	m.up.consent = false // it was for the sync that has just come about
	m.up.lastIO = m.now()
	m.up.readTo = m.history.Offset
	m.up.downSince = 0
	m.up.refused, m.up.reason = false, ""
}

func (m *Machine) policy() Policy {
	return Policy{Protect: m.cfg.Protect, Consent: m.up.consent, Grant: m.up.grant}
}

func (m *Machine) discardCached() {
	if m.up.cached {
		m.log(Notice, "Discarding previously cached master state.")
		m.up.cached = false
	}
}

// command encodes a command of our own.
func command(argv ...string) []byte { return resp.AppendCommand(nil, argv...) }

func selectCommand(db int) []byte { return command("SELECT", strconv.Itoa(db)) }
