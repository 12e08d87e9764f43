// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server moves bytes between sockets and sessions.
//
// Start reading here: Handler, Session, Conn and Source are all that the
// package and the engine know of each other. On Linux a few epoll loops
// (loop_linux.go, its file comment has the order of a turn) serve all
// connections; elsewhere, and for every net.Listener given to Serve, two
// goroutines serve each one (stream.go). Both paths parse a batch of requests
// (batch.go), take the execution lock once, execute them, take the replies, and
// write outside the lock.
//
// Invariants:
//   - The requests of a connection are executed in their order, one at a time.
//     Replies leave in the order in which the session appended them; a Source's
//     bytes come after the replies that were there before Attach.
//   - Nothing leaves before Handler.Settle has allowed it.
//   - A session is touched under the execution lock only, a connection's
//     buffers by its owner only. What others want of a connection (Conn) is a
//     note to the owner: it never blocks and needs no lock.
//   - Arguments alias the input buffer and are valid during Execute only.
//   - Disconnected is the last call that a session sees, and the only one after
//     the connection is gone.
//   - An idle connection holds no buffer.
package server

import (
	"errors"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// Handler is the engine as connections see it. Connected and everything in
// Session run under the execution lock.
type Handler interface {
	// Lock takes the execution lock, Unlock gives it back.
	Lock()
	Unlock()
	// BatchBegin and BatchEnd enclose what happens under one acquisition of
	// the lock, apart from TakeReplies.
	BatchBegin()
	BatchEnd()
	// Guarded counts the writes whose replies need Release. Asked under the lock,
	// after replies have been taken: if it has grown, those are among them.
	Guarded() uint64
	// Release tells, without the lock and right before replies are written,
	// whether those of guarded writes may leave now. If not, the connection is
	// closed without them: a client that hears nothing knows nothing.
	Release() bool
	// Settle, called without the lock, waits until what was executed so far may
	// be told to anybody: under appendfsync always, until it is on the disk. It
	// comes before every write of replies and of a Source's bytes. False means
	// that nothing may be told: the connections end instead.
	Settle() bool
	// Connected admits a new connection. An error refuses it; its text, which
	// begins with the error's code, is sent before the connection is closed.
	Connected(Conn) (Session, error)
}

// Session is one client in the engine.
type Session interface {
	// Announce shows a request that will be executed in the same batch, unless
	// one before it prevents that. Several are announced before the first of
	// them is executed, so that what they need can be fetched from memory side
	// by side.
	Announce(argv [][]byte)
	// Execute runs one request, which has at least one argument, and appends
	// the replies inside the engine.
	Execute(argv [][]byte) Verdict
	// KeepAlive notes an empty line: a replica that is loading a snapshot
	// sends them as a sign of life.
	KeepAlive()
	// ProtocolError replies "-ERR " + msg to input that is no request. The
	// connection is closed once that is written.
	ProtocolError(msg string)
	// Limits are the parser's bounds; asked for after Connected and after
	// each batch.
	Limits() resp.Limits
	// TakeReplies gives the replies appended so far, which then belong to the
	// caller, in exchange for memory to append the next ones to.
	TakeReplies(spare []byte) []byte
	// Disconnected says that the connection is gone, whoever ended it.
	Disconnected()
}

// Verdict says how a connection goes on after a request.
type Verdict uint8

const (
	// Next goes on with the next request.
	Next Verdict = iota
	// Hold keeps what follows unexecuted until Conn.Resume (a blocking
	// command that waits).
	Hold
	// Postpone is Hold for a request that has not been executed: after
	// Conn.Resume it comes again (CLIENT PAUSE).
	Postpone
	// CloseAfterReply drops what follows and closes once all is written.
	CloseAfterReply
)

// Conn is what the engine holds of a connection. All methods may be called by
// any goroutine, with or without the execution lock, and never block.
type Conn interface {
	// Flush says that there are new replies or Source bytes to be written.
	// It is not needed for replies to the request being executed.
	Flush()
	// Resume goes on with held input.
	Resume()
	// Close ends the connection, either at once or when the replies appended
	// so far have been written. Requests not yet executed are dropped.
	Close(afterReplies bool)
	// Attach makes the owner write what the source has, after the replies
	// appended so far; nil ends that. Flush tells of new bytes. Replies that
	// are appended later go between any two writes of the source's bytes.
	Attach(Source)
	// Unsent is the number of reply bytes taken from the session and not yet
	// accepted by the kernel; 0 when gone.
	Unsent() int
	// InputBuffer gives the bytes of received and unexecuted input, and the
	// unused bytes of their buffer.
	InputBuffer() (used, free int)
	// RemoteAddr and LocalAddr are "ip:port", "[ip]:port" for IPv6, and
	// "path:0" for a Unix socket.
	RemoteAddr() string
	LocalAddr() string
	// FD is the descriptor's number, -1 when there is none.
	FD() int
	// IsUnix tells whether the connection came over a Unix socket.
	IsUnix() bool
	// SetNoDelay turns TCP_NODELAY, on at first, on or off.
	SetNoDelay(on bool)
}

// Source gives a connection bytes that are produced elsewhere, such as a
// snapshot or the replication stream. It is called by the connection's owner
// without the execution lock, and no more once the session is Disconnected.
type Source interface {
	// Peek appends slices of the bytes that are ready, without copying, to
	// dst. They stay unchanged until Advance has passed them.
	Peek(dst [][]byte) [][]byte
	// Advance says that the first n bytes of those have been written.
	Advance(n int)
}

// Options configure a Server. The zero value is usable.
type Options struct {
	// Loops is the number of epoll loops; 0 chooses by the number of CPUs.
	// It has no effect where goroutines serve the connections.
	Loops int
	// Backlog is the queue of connections that the kernel has accepted and we
	// have not, per address; 0 means 511. The kernel caps it at somaxconn.
	Backlog int
	// KeepAlive is the idle time before TCP probes the peer, 0 for never.
	KeepAlive time.Duration
	// MaxQueryBuffer closes a connection whose unexecuted input exceeds it, in
	// bytes (client-query-buffer-limit); 0 means no limit.
	MaxQueryBuffer int64
	// Warn is told, in one line, what the operator of the server should know
	// and no caller can be given as an error; nil drops it.
	Warn func(msg string)
}

// Stats are counters since the start.
type Stats struct {
	Connections     int64 // accepted, those that were refused included
	Refused         int64 // by Connected
	InputBytes      int64
	OutputBytes     int64 // replies
	SourceBytes     int64 // from sources
	QueryBufferKill int64 // connections closed by MaxQueryBuffer
}

// ErrStopped is returned by calls on a server that has been stopped.
var ErrStopped = errors.New("server: stopped")
