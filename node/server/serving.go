// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"sync/atomic"

	"github.com/espalier-io/espalier/node/resp"
)

const defaultBacklog = 511

// Server accepts connections and serves them for a Handler. Listen, ListenUnix,
// StopAccepting and the setters may be called at any time by any goroutine,
// under the execution lock too; Stop must be called without it.
type Server struct {
	handler        Handler
	options        Options
	maxQueryBuffer atomic.Int64
	stopped        atomic.Bool

	connections, refused, queryBufferKill atomic.Int64
	input, output, source                 atomic.Int64

	streams streams
	platform
}

// New makes a server that does not serve yet.
func New(h Handler, o Options) (*Server, error) {
	if o.Backlog <= 0 {
		o.Backlog = defaultBacklog
	}
	s := &Server{handler: h, options: o}
	s.maxQueryBuffer.Store(o.MaxQueryBuffer)
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("could not set up the server: %w", err)
	}
	return s, nil
}

// Start begins to serve what Listen and ListenUnix have opened. It is called
// once.
func (s *Server) Start() { s.start() }

// StopAccepting closes all listening sockets. Connections go on.
func (s *Server) StopAccepting() {
	s.closeAll()
	s.streams.closeListeners()
}

// Stop writes what the kernel takes at once of the replies that wait, ends all
// connections and returns when every session has been Disconnected.
func (s *Server) Stop() {
	if s.stopped.Swap(true) {
		return
	}
	s.StopAccepting()
	s.finish()
	s.streams.finish()
}

// Stats are the counters up to now.
func (s *Server) Stats() Stats {
	return Stats{
		Connections:     s.connections.Load(),
		Refused:         s.refused.Load(),
		InputBytes:      s.input.Load(),
		OutputBytes:     s.output.Load(),
		SourceBytes:     s.source.Load(),
		QueryBufferKill: s.queryBufferKill.Load(),
	}
}

// SetMaxQueryBuffer changes Options.MaxQueryBuffer.
func (s *Server) SetMaxQueryBuffer(bytes int64) { s.maxQueryBuffer.Store(bytes) }

// count adds what a loop has counted, and resets it.
func (s *Server) count(counted *Stats) {
	for _, c := range [...]struct {
		total *atomic.Int64
		n     int64
	}{
		{&s.input, counted.InputBytes},
		{&s.output, counted.OutputBytes},
		{&s.source, counted.SourceBytes},
		{&s.connections, counted.Connections},
		{&s.refused, counted.Refused},
		{&s.queryBufferKill, counted.QueryBufferKill},
	} {
		if c.n != 0 {
			c.total.Add(c.n)
		}
	}
	*counted = Stats{}
}

// overfull tells whether a connection has to be closed for the amount of its
// unexecuted input, and warns if so.
func (s *Server) overfull(c Conn, used int) bool {
	limit := s.maxQueryBuffer.Load()
	if limit <= 0 || int64(used) <= limit {
		return false
	}
	s.warn(fmt.Sprintf("Closing client that reached max query buffer length: addr=%s fd=%d qbuf=%d",
		c.RemoteAddr(), c.FD(), used))
	return true
}

func (s *Server) warn(msg string) {
	if s.options.Warn != nil {
		s.options.Warn(msg)
	}
}

// refusal is the reply to a connection that was not admitted.
func refusal(err error) []byte {
	var w resp.Writer
	w.Error(err.Error())
	return w.Buffer()
}
