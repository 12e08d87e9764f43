// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import "strings"

// FAILOVER hands the master role over to a replica, without a lost write: the
// writes of clients wait until the replica has all there is, then the master
// becomes its replica with PSYNC … FAILOVER, by which the other learns that it is
// the master.

// FailoverState is how far a FAILOVER has come.
type FailoverState uint8

// The states of a FAILOVER.
const (
	FailoverNone     FailoverState = iota
	FailoverWaits                  // for a replica that has all
	FailoverUnderWay               // this node asks to be the replica
)

// String is INFO's word for the state.
func (s FailoverState) String() string {
	switch s {
	case FailoverWaits:
		return "waiting-for-sync"
	case FailoverUnderWay:
		return "failover-in-progress"
	}
	return "no-failover"
}

// failover is the one that is going on.
type failover struct {
	state    FailoverState
	host     string // of the target; empty while any replica will do
	port     int
	deadline int64 // time of Facts; 0: none
	force    bool  // the target leads at the deadline, whatever it has
}

// RefuseFailover gives Redis's error for a FAILOVER that can't begin, "" for one
// that can.
func (m *Machine) RefuseFailover(e Failover) string {
	switch {
	case m.failover.state != FailoverNone:
		return "ERR FAILOVER already in progress."
	case m.role != Master:
		return "ERR FAILOVER is not valid when server is a replica."
	case m.down.attached() == 0:
		return "ERR FAILOVER requires connected replicas."
	case e.Force && (e.Timeout == 0 || e.Host == ""):
		return "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
	case e.Host == "":
		return ""
	}
	switch p := m.target(e.Host, e.Port); {
	case p == nil:
		return "ERR FAILOVER target HOST and PORT is not a replica."
	case p.state != PeerOnline:
		return "ERR FAILOVER target replica is not online."
	}
	return ""
}

// Failover is the state of a FAILOVER, for INFO.
func (m *Machine) Failover() FailoverState { return m.failover.state }

// target finds a replica by what it announced, or by where it comes from.
func (m *Machine) target(host string, port int) *peer {
	for _, p := range m.down.peers {
		if p.attached() && p.port == port && strings.EqualFold(p.address(), host) {
			return p
		}
	}
	return nil
}

func (m *Machine) beginFailover(e Failover) {
	if m.RefuseFailover(e) != "" {
		return
	}
	if e.Host != "" {
		m.log(Notice, "FAILOVER requested to %s:%d.", e.Host, e.Port)
	} else {
		m.log(Notice, "FAILOVER requested to any replica.")
	}
	m.failover = failover{state: FailoverWaits, host: e.Host, port: e.Port, force: e.Force}
	if e.Timeout > 0 {
		m.failover.deadline = m.now() + e.Timeout
	}
	m.do(HoldWrites{On: true})
}

// furtherFailover goes on with a FAILOVER where a replica has caught up, or the
// time is over. It is asked after every acknowledgement and with the clock.
func (m *Machine) furtherFailover() {
	f := &m.failover
	if f.state != FailoverWaits {
		return
	}
	if f.deadline != 0 && f.deadline <= m.now() {
		if !f.force {
			m.abortFailover("Replica never caught up before timeout")
			return
		}
		m.log(Notice, "FAILOVER to %s:%d time out exceeded, failing over.", f.host, f.port)
		m.handOver()
		return
	}
	for _, p := range m.down.peers {
		wanted := f.host == "" || p == m.target(f.host, f.port)
		if wanted && p.state == PeerOnline && p.acked == m.history.Offset {
			f.host, f.port = p.address(), p.port
			m.log(Notice, "Failover target %s:%d is synced, failing over.", f.host, f.port)
			m.handOver()
			return
		}
	}
}

func (m *Machine) handOver() {
	m.failover.state = FailoverUnderWay
	m.setMaster(SetMaster{Host: m.failover.host, Port: m.failover.port, Consent: true})
}

// failoverAnswered ends a FAILOVER by what the target said to PSYNC.
func (m *Machine) failoverAnswered(line string) (goOn bool) {
	if m.failover.state != FailoverUnderWay {
		return true
	}
	if strings.HasPrefix(line, "+CONTINUE") || strings.HasPrefix(line, "+FULLRESYNC") {
		m.endFailover()
		return true
	}
	m.abortFailover("Failover target rejected psync request")
	return false
}

// abortFailover takes the master role back, if it was given away already, in a
// history of its own: nobody knows what the target has made of it.
func (m *Machine) abortFailover(why string) {
	switch f := m.failover; {
	case f.state == FailoverNone:
		return
	case f.host != "":
		m.log(Notice, "FAILOVER to %s:%d aborted: %s", f.host, f.port, why)
	default:
		m.log(Notice, "FAILOVER to any replica aborted: %s", why)
	}
	if m.failover.state == FailoverUnderWay {
		m.unsetMaster(UnsetMaster{})
	}
	m.endFailover()
}

func (m *Machine) endFailover() {
	m.failover = failover{}
	m.do(HoldWrites{})
}
