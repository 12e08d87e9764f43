// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"net"
	"net/netip"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/server"
	"github.com/espalier-io/espalier/node/store"
)

// Why a connection is not admitted.
var (
	errMaxClients    = errors.New("ERR max number of clients reached")
	errProtectedMode = errors.New("DENIED Redis is running in protected mode because protected mode is enabled and no password is set " +
		"for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from " +
		"external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command " +
		"'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, " +
		"however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. " +
		"2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode " +
		"option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the " +
		"'--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the " +
		"above things in order for the server to start accepting connections from the outside.")
)

// Session is one client: what it selected, who it is, what it has queued and
// the replies it has not been sent yet.
//
// reply is guarded by the execution lock; the loop that owns the connection
// swaps it away in TakeReplies and writes outside the lock.
type Session struct {
	e    *Engine
	conn server.Conn // nil for the engine's own sessions (the master link, scripts)
	id   int64

	reply   resp.Writer
	replies replyMode

	index int       // selected database
	db    *store.DB // the same

	name, libName, libVersion string
	user                      string
	authenticated             bool
	fromMaster                bool // feeds from our master's stream
	monitoring                bool
	noEvict                   bool
	closing                   bool // no more commands; close once the replies are out

	tx      transaction
	blocked *blocking

	downstream *downstream // it is a replica of ours
	streamed   int64       // stream offset behind its last command, for WAIT
	onKill     func()      // ends a session that has no connection (CLIENT KILL TYPE master)
	link       net.Conn    // what such a session feeds from

	createdAt int64 // e.clock
	lastUsed  int64 // e.clock
	lastCmd   *command.Command
	overSince int64 // e.clock since when the soft output limit is exceeded, 0 when it is not
}

// replyMode is CLIENT REPLY's.
type replyMode uint8

const (
	repliesOn replyMode = iota
	repliesOff
	repliesSkipNext // the call after the one that said SKIP gets none
	repliesSkipThis
)

// newSession makes a session that e.sessions does not list yet.
func (e *Engine) newSession(conn server.Conn) *Session {
	e.nextSessionID++
	s := &Session{
		e: e, conn: conn, id: e.nextSessionID,
		user:          defaultUser,
		authenticated: e.cfg.RequirePass == "",
		createdAt:     e.clock,
		lastUsed:      e.clock,
	}
	s.selectDB(0)
	return s
}

func (s *Session) selectDB(index int) {
	s.index, s.db = index, s.e.store.DB(index)
}

// Limits bounds what the parser takes from this session (server.Session).
func (s *Session) Limits() resp.Limits {
	return resp.Limits{
		Unauthenticated: !s.authenticated,
		MaxBulk:         s.e.cfg.ProtoMaxBulkLen,
	}
}

// TakeReplies hands the replies to the loop (server.Session).
func (s *Session) TakeReplies(spare []byte) []byte {
	s.limitOutput()
	return s.reply.Take(spare)
}

// ProtocolError answers a malformed request; the loop closes afterwards
// (server.Session).
func (s *Session) ProtocolError(msg string) {
	s.e.replyError(s, "ERR "+msg)
	s.closing = true
}

// Disconnected forgets the session (server.Session).
func (s *Session) Disconnected() {
	s.unwatchAll()
	if s.blocked != nil {
		s.leaveBlock()
	}
	s.e.stopMonitoring(s)
	if s.downstream != nil {
		s.e.replicaLost(s)
	}
	delete(s.e.sessions, s.id)
}

// KeepAlive notes a sign of life (server.Session).
func (s *Session) KeepAlive() {
	s.lastUsed = s.e.clock
	if s.downstream != nil {
		s.e.replicaAlive(s)
	}
}

// addresses are both ends of a session's connection, as CLIENT LIST shows them.
func (s *Session) addresses() (remote, local string) {
	switch {
	case s.conn != nil:
		return s.conn.RemoteAddr(), s.conn.LocalAddr()
	case s.link != nil:
		return s.link.RemoteAddr().String(), s.link.LocalAddr().String()
	}
	return "", ""
}

// local tells whether the client is on this machine.
func (s *Session) local() bool {
	if s.conn == nil || s.conn.IsUnix() {
		return true
	}
	addr, err := netip.ParseAddrPort(s.conn.RemoteAddr())
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// close ends the connection, at once or when the replies are written.
func (s *Session) close(afterReplies bool) {
	s.closing = true
	if s.conn != nil {
		s.conn.Close(afterReplies)
	}
}

// kill ends the session on somebody else's word.
func (s *Session) kill() {
	if s.onKill != nil {
		s.onKill()
		return
	}
	s.close(false)
}

// push wakes the owner of the connection after something was appended to the
// replies of a session other than the one that is executing.
func (s *Session) push() {
	if s.conn != nil {
		s.conn.Flush()
	}
}

// unsent is the number of reply bytes that the client has not taken yet.
func (s *Session) unsent() int {
	n := s.reply.Len()
	if s.conn != nil {
		n += s.conn.Unsent()
	}
	return n
}

// memory is about what a session occupies, in bytes.
func (s *Session) memory() int {
	const fixed = 1024
	n := fixed + s.unsent() + s.tx.bytes
	if s.blocked != nil && s.blocked.wait != nil {
		n += argsSize(s.blocked.wait.argv)
	}
	if s.conn != nil {
		used, free := s.conn.InputBuffer()
		n += used + free
	}
	return n
}

// outputStep is the size of a batch's replies from which on the limit of the
// output is checked with every command, not only with every batch.
const outputStep = 16 << 10

// limitOutput applies client-output-buffer-limit to a client's replies: beyond
// the hard limit, or beyond the soft one for too long, it is closed. What waits
// for a replica is a matter of replication.
func (s *Session) limitOutput() {
	limit := &s.e.cfg.OutputBufferLimits[config.ClientNormal]
	if limit.Hard == 0 && limit.Soft == 0 || s.downstream != nil || s.conn == nil {
		return
	}
	waiting := uint64(s.unsent())
	soft := limit.Soft != 0 && waiting >= limit.Soft
	if !soft {
		s.overSince = 0
	} else if s.overSince == 0 {
		s.overSince = max(s.e.clock, 1)
	}
	over := limit.Hard != 0 && waiting >= limit.Hard ||
		soft && s.e.clock-s.overSince > int64(limit.SoftPeriod)
	if !over || s.closing {
		return
	}
	s.e.stats.limitDisconnects++
	s.e.log.Warningf("Client %s scheduled to be closed ASAP for overcoming of output buffer limits.", s.describeForLog())
	s.kill()
}

// ReplyTooLong tells whether the client of the running call is over the hard
// limit already (command.Host).
func (e *Engine) ReplyTooLong(c *command.Context) bool {
	s, ok := c.Session.(*Session)
	hard := e.cfg.OutputBufferLimits[config.ClientNormal].Hard
	return ok && hard != 0 && s.downstream == nil && s.conn != nil && uint64(s.unsent()) >= hard
}

func (s *Session) describeForLog() string {
	line := s.describe(nil)
	return string(line[:len(line)-1])
}

// sessionCron closes, once a second, idle clients and those that were too long
// over a soft limit.
func (e *Engine) sessionCron() {
	idle := int64(e.cfg.ClientTimeout)
	for _, s := range e.sessions {
		if s.conn == nil || s.closing {
			continue
		}
		if idle > 0 && e.clock-s.lastUsed > idle && s.downstream == nil && s.blocked == nil && !s.monitoring {
			e.log.Verbosef("Closing idle client")
			s.close(false)
			continue
		}
		s.limitOutput()
	}
}

// sessionCensus is what INFO tells about the sessions together.
type sessionCensus struct {
	clients, blocked, timing, watching, monitors, replicas int
	maxInput, maxOutput                                    int
	memory, replicaMemory                                  int
}

func (e *Engine) census() (c sessionCensus) {
	for _, s := range e.sessions {
		if s.downstream != nil {
			c.replicas++
			c.replicaMemory += s.memory()
			continue
		}
		if s.conn == nil {
			continue
		}
		c.clients++
		c.memory += s.memory()
		used, free := s.conn.InputBuffer()
		c.maxInput = max(c.maxInput, used+free)
		c.maxOutput = max(c.maxOutput, s.unsent())
		if s.blocked != nil {
			c.blocked++
			if s.blocked.timer != nil {
				c.timing++
			}
		}
		if s.monitoring {
			c.monitors++
		}
		if len(s.tx.keys) > 0 {
			c.watching++
		}
	}
	return c
}
