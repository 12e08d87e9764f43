// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"

	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/server"
	"github.com/espalier-io/espalier/node/store"
)

var errMaxClients = errors.New("ERR max number of clients reached")

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
	noEvict, noTouch          bool
	closing                   bool // no more commands; close once the replies are out

	tx transaction

	downstream *downstream // it is a replica of ours

	createdAt  int64 // e.clock
	lastUsed   int64 // e.clock
	lastCmd    string
	overSince  int64 // e.clock since when the soft output limit is exceeded, 0 when it is not
	totalCalls int64
}

// replyMode is CLIENT REPLY's.
type replyMode uint8

const (
	repliesOn replyMode = iota
	repliesOff
	repliesSkipNext // the call after the one that said SKIP gets none
	repliesSkipThis
)

func (e *Engine) newSession(conn server.Conn) *Session {
	e.nextSessionID++
	s := &Session{
		e: e, conn: conn, id: e.nextSessionID,
		user:          "default",
		authenticated: e.cfg.RequirePass == "",
		createdAt:     e.clock,
		lastUsed:      e.clock,
	}
	s.selectDB(0)
	e.sessions[s.id] = s
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
func (s *Session) TakeReplies(spare []byte) []byte { return s.reply.Take(spare) }

// ProtocolError answers a malformed request; the loop closes afterwards
// (server.Session).
func (s *Session) ProtocolError(msg string) {
	s.reply.Error("ERR " + msg)
	s.closing = true
}

// Disconnected forgets the session (server.Session).
func (s *Session) Disconnected() {
	s.unwatchAll()
	if s.downstream != nil {
		s.e.replicaLost(s)
	}
	delete(s.e.sessions, s.id)
}

// close ends the connection, at once or when the replies are written.
func (s *Session) close(afterReplies bool) {
	s.closing = true
	if s.conn != nil {
		s.conn.Close(afterReplies)
	}
}

// push wakes the owner of the connection after something was appended to the
// replies of a session other than the one that is executing.
func (s *Session) push() {
	if s.conn != nil {
		s.conn.Flush()
	}
}
