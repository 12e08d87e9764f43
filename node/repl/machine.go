// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package repl is Redis replication, both ends, as one deterministic state
// machine: what a replica says to its master, what a master decides about its
// replicas, who they are and how far they have come. It does no I/O, reads no
// clock, starts no goroutine and draws no random numbers of its own; the
// engine performs its effects on real connections, the simulation on imagined
// ones, and the tests in a script.
//
//	effects := m.Step(facts, event)
//
// Invariants:
//   - The machine belongs to the execution lock. Only Cursors are read outside.
//   - Every byte of the stream counts, on both ends; nothing else does
//     (keep-alive newlines, replies of the handshake).
//   - A replica originates no stream byte: what it passes on are its master's
//     bytes, unchanged, as they are applied.
//   - A data set is given up by the Install effect and nowhere else; it comes
//     after the new one was received whole, verified and accepted.
//   - An event of a link that is no longer the present one changes nothing, so
//     late answers of a former master are harmless.
//
// The wire protocol is Redis's (PSYNC2); log lines are Redis 7.0's to the
// letter, since its users and its test suite read them.
//
// Start reading here, at Machine. The replica end is upstream.go (the link's
// life), handshake.go, transfer.go (the snapshot's framing) and shield.go; the
// master end downstream.go (who is attached), psync.go (partial or full),
// snapshot.go (sharing one) and pulse.go (acknowledgements, pings, timeouts).
// Both share backlog.go and history.go; Stream takes a master's bytes apart.
package repl

// Role is the part that the machine plays.
type Role uint8

// The roles. None is that of a managed node before its grant: it serves no
// replica and follows no master.
const (
	Master Role = iota
	Replica
	None
)

// Facts are what the machine may know of the world outside, as of the event.
type Facts struct {
	Now  int64 // milliseconds on any clock that does not go back
	Keys int64 // keys in all databases
	// Busy: a background save or rewrite that is none of the machine's runs, so
	// no snapshot can begin.
	Busy bool
	// Tainted: the data set holds changes that are not of its history.
	Tainted bool
	// Quiet: the node must not originate a stream byte now (no lease, paused).
	Quiet bool
}

// Machine is the replication state of one node.
type Machine struct {
	cfg     Config
	newID   func() string // draws a replication id: 40 hex digits
	history History
	backlog *Backlog // nil until there is somebody to keep it for
	role    Role
	// frozen: it promised a higher epoch. It has no link, originates nothing
	// and serves no new replica until the next role.
	frozen bool
	// selected is the database that the stream has selected, -1 to force a
	// SELECT before the next command.
	selected int

	up       upstream
	down     downstream
	failover failover

	facts   Facts
	effects []Effect
}

// New makes the machine of a node that holds nothing yet. newID draws
// replication ids.
func New(cfg Config, newID func() string) *Machine {
	m := &Machine{cfg: cfg.normal(), newID: newID, history: NewHistory(newID()), selected: -1}
	m.down.init()
	if cfg.Managed {
		m.role = None
	}
	return m
}

// Step takes one event and gives the effects to perform, in their order. The
// returned slice is the caller's.
func (m *Machine) Step(facts Facts, event Event) []Effect {
	m.facts = facts
	switch e := event.(type) {
	case SetMaster:
		m.setMaster(e)
	case UnsetMaster:
		m.unsetMaster(e)
	case Freeze:
		m.freeze()
	case Dialed:
		m.dialed(e)
	case Received:
		m.received(e)
	case LinkLost:
		m.linkLost(e)
	case Unappliable:
		m.unappliable(e)
	case SnapshotLoaded:
		m.snapshotLoaded(e)
	case GetAck:
		m.sendAck()
	case Replconf:
		m.replconf(e)
	case Psync:
		m.psync(e)
	case Alive:
		m.alive(e)
	case PeerGone:
		m.peerGone(e)
	case SnapshotDone:
		m.snapshotDone(e)
	case TransferDone:
		m.transferDone(e)
	case Stalled:
		m.stalled(e)
	case AskAcks:
		m.askAcks()
	case ChangeReplid:
		m.history.Forget(m.newID()) // without a past
	case Failover:
		m.beginFailover(e)
	case AbortFailover:
		m.abortFailover("Failover manually aborted")
	case FailoverDue:
		m.furtherFailover()
	case Tick:
		m.tick()
	}
	return m.Take()
}

// Take gives the effects that have come up since the last Step: appending to
// the stream can push a slow replica over its limit.
func (m *Machine) Take() []Effect {
	effects := m.effects
	m.effects = nil
	return effects
}

// Pending tells whether Take would give anything.
func (m *Machine) Pending() bool { return len(m.effects) > 0 }

// Configure replaces the configuration.
func (m *Machine) Configure(cfg Config) {
	m.cfg = cfg.normal()
	if m.backlog != nil {
		m.backlog.Resize(m.cfg.BacklogSize)
	}
	m.countGood()
}

// Role is the present role.
func (m *Machine) Role() Role { return m.role }

// Frozen tells whether the node stands still for a promise.
func (m *Machine) Frozen() bool { return m.frozen }

// History is the identity of the data set.
func (m *Machine) History() History { return m.history }

// Offset is how many bytes of the stream were originated or applied.
func (m *Machine) Offset() int64 { return m.history.Offset }

// Backlog is the tail of the stream, nil while none is kept.
func (m *Machine) Backlog() *Backlog { return m.backlog }

// Originates tells whether effects of commands go onto the stream: a master's
// do once somebody may ask for them, or an operator reads the offset.
func (m *Machine) Originates() bool {
	return m.role == Master && (m.backlog != nil || m.cfg.Managed)
}

// Select makes the stream select db before what Append adds next.
func (m *Machine) Select(db int) {
	if db != m.selected {
		m.selected = db
		m.Append(selectCommand(db))
	}
}

// Append adds whole commands to the stream of a master that Originates. Effects
// may be pending afterwards.
func (m *Machine) Append(p []byte) {
	m.history.Offset += int64(len(p))
	if m.backlog == nil {
		return
	}
	m.backlog.Append(p)
	if m.backlog.Rolled() {
		m.enforceLimits()
	}
}

// Applied passes on bytes of the master's stream that were applied to the data
// set; db is the database that the stream has selected behind them.
func (m *Machine) Applied(p []byte, db int) {
	m.up.db = db
	m.Append(p)
}

// Restore takes over the position that a data set loaded from disk at the
// start of the process was saved with; a zero position says that it had none,
// for keys that are there nevertheless.
//
// A replica to be goes on from the position. A master remembers it as its
// second id, so that its former replicas find their way back to it. A managed
// node keeps it, until a grant says what it is.
func (m *Machine) Restore(facts Facts, at Position, db int, replica bool) {
	m.facts = facts
	if at.Replid == "" {
		m.history.Blank = facts.Keys == 0
		return
	}
	if replica || m.cfg.Managed {
		m.history.Adopt(at)
		m.up.cached, m.up.db = true, db
		if replica {
			m.log(Notice, logSynthesized)
		}
		return
	}
	m.history.Offset = at.Offset
	m.history.Replid2, m.history.SecondOffset = at.Replid, at.Offset+1
	m.history.Blank = false
	m.makeBacklog()
	m.down.emptySince = facts.Now
}

// SaveInfo is what a dump written now says of its position. ok is false where
// nobody could resume from it: there was no stream. A managed node's position
// is also what it is elected and shielded by, so its dump always names it.
func (m *Machine) SaveInfo() (at Position, db int, ok bool) {
	db, ok = m.selected, m.backlog != nil
	if m.role == Replica {
		db, ok = m.up.db, m.up.cached
	}
	if m.cfg.Managed {
		ok = !m.history.Blank
	}
	return Position{Replid: m.history.Replid, Offset: m.history.Offset}, max(db, 0), ok
}

// makeBacklog begins a backlog at the present offset, where there is none.
func (m *Machine) makeBacklog() {
	if m.backlog == nil {
		m.backlog = NewBacklog(m.cfg.BacklogSize, m.history.Offset+1)
	}
}

func (m *Machine) now() int64 { return m.facts.Now }

// seconds since t, a time of Facts.
func (m *Machine) since(t int64) int64 { return (m.facts.Now - t) / 1000 }

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }
