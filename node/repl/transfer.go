// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"strconv"
	"strings"
)

// transfer is the framing of a snapshot on the wire: "$<length>" and so many
// bytes, or "$EOF:<mark>", any number of bytes, and the mark again.
type transfer struct {
	size int64 // announced length, -1 where a mark ends it
	read int64 // bytes of the snapshot received
	// toParser: it is parsed as it comes, not stored first.
	toParser bool
	mark     []byte // 40 bytes that end a snapshot of unknown length
	// held are the last bytes received, up to the mark's length: they may turn
	// out to be the mark. Nothing follows it, since the master waits for an
	// acknowledgement, so only the end of what was received can be the mark.
	held []byte
}

const logLoading = "MASTER <-> REPLICA sync: Loading DB in memory"

// preamble reads the line before the snapshot.
func (m *Machine) preamble(line string) {
	if line[0] == '-' {
		m.fail(Warning, "MASTER aborted replication with an error: %s", line[1:])
		return
	}
	if line[0] != '$' {
		m.fail(Warning, "Bad protocol from MASTER, the first byte is not '$' (we received '%s'), are you sure the host and port are right?", line)
		return
	}
	parser := m.toParser()
	target := "to disk"
	if parser {
		target = "to parser"
	}
	if mark, ok := strings.CutPrefix(line, "$EOF:"); ok && len(mark) >= ReplidLen {
		m.up.transfer = transfer{size: -1, toParser: parser, mark: []byte(mark[:ReplidLen])}
		m.log(Notice, "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF %s", target)
	} else {
		size, err := strconv.ParseInt(line[1:], 10, 64)
		if err != nil || size < 0 {
			m.fail(Warning, "Bad protocol from MASTER, the length of its snapshot is '%s'", line)
			return
		}
		m.up.transfer = transfer{size: size, toParser: parser}
		m.log(Notice, "MASTER <-> REPLICA sync: receiving %d bytes from master %s", size, target)
	}
	m.up.state = linkPayload
	if parser {
		m.log(Notice, logLoading)
	}
	m.do(Receive{Link: m.up.link, Size: m.up.transfer.size, ToParser: parser})
	if m.up.transfer.size == 0 {
		m.whole()
	}
}

// toParser tells whether the snapshot is to be parsed as it comes
// (repl-diskless-load).
func (m *Machine) toParser() bool {
	switch m.cfg.DisklessLoad {
	case LoadFromNetwork:
		return true
	case LoadWhenEmpty:
		return m.facts.Keys == 0
	}
	return false
}

// source names the place that the snapshot is loaded from.
func (t *transfer) source() string {
	if t.toParser {
		return "socket"
	}
	return "disk"
}

// payload takes bytes of the snapshot and gives those that lie behind it.
func (m *Machine) payload(data []byte) (rest []byte) {
	t := &m.up.transfer
	if t.mark != nil {
		m.untilMark(data)
		return nil
	}
	n := min(int64(len(data)), t.size-t.read)
	m.deliver(data[:n])
	if t.read == t.size {
		m.whole()
	}
	return data[n:]
}

// untilMark passes on all but what may be the mark.
func (m *Machine) untilMark(data []byte) {
	t := &m.up.transfer
	if len(data) >= len(t.mark) {
		m.deliver(t.held)
		m.deliver(data[:len(data)-len(t.mark)])
		t.held = bytes.Clone(data[len(data)-len(t.mark):])
	} else {
		held := append(bytes.Clone(t.held), data...)
		surplus := max(len(held)-len(t.mark), 0)
		m.deliver(held[:surplus])
		t.held = held[surplus:]
	}
	if bytes.Equal(t.held, t.mark) {
		m.whole()
	}
}

func (m *Machine) deliver(data []byte) {
	if len(data) > 0 {
		m.up.transfer.read += int64(len(data))
		m.do(Payload{Link: m.up.link, Data: data})
	}
}

// whole: the last byte of the snapshot is here.
func (m *Machine) whole() {
	m.up.state = linkLoading
	if !m.up.transfer.toParser {
		m.log(Notice, logLoading)
	}
	m.do(Load{Link: m.up.link, At: m.up.offered})
}

// snapshotLoaded replaces the data set, or keeps it where the new one turned
// out not to be sound.
func (m *Machine) snapshotLoaded(e SnapshotLoaded) {
	switch loading := m.up.state == linkLoading; {
	case e.Link != m.up.link || !loading && m.up.state != linkPayload:
		return
	case e.Err != "":
		m.failAndRetry("Failed trying to load the MASTER synchronization DB from %s: %s", m.up.transfer.source(), e.Err)
		return
	case !loading:
		return // it can't be whole before its last byte came
	}
	m.discardCached()
	m.dropPeers("the data set is being replaced")
	m.backlog = nil
	m.log(Notice, "MASTER <-> REPLICA sync: Flushing old data")
	m.do(Install{m.up.link})
	if m.up.legacy {
		// A history that nobody else can name.
		m.history.Adopt(Position{Replid: m.newID()})
	} else {
		m.history.Adopt(m.up.offered)
	}
	m.up.db = e.DB
	m.makeBacklog()
	early := m.up.early
	m.up.early = nil
	m.linked()
	m.log(Notice, "MASTER <-> REPLICA sync: Finished with success")
	if m.up.broken != "" {
		m.lost(m.up.broken)
		return
	}
	if m.up.transfer.mark != nil {
		m.ack() // the master withholds the stream until then, whatever else it knows
	}
	m.do(Follow{Link: m.up.link, DB: m.up.db, Data: early})
}
