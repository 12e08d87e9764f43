// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/server"
)

// stats are the figures of INFO stats that the engine counts; those of bytes
// and sockets are the server's. CONFIG RESETSTAT sets them to zero.
type stats struct {
	connections         int64
	rejectedConnections int64
	commands            int64
	hits, misses        int64
	expired             int64
	expiredStale        float64 // share of keys found expired, in percent
	expireCapReached    int64   // times the active cycle ran out of its share of time
	errorReplies        int64
	errors              map[string]int64 // by code
	fullSyncs           int64
	partialSyncs        int64
	partialSyncsRefused int64
	limitDisconnects    int64 // clients closed for their output buffer
	replInput           int64 // bytes received from our master

	ops, input, output rate
	base               server.Stats // the server's figures at the last RESETSTAT
}

// rate turns a counter into units per second, over the last second.
type rate struct {
	perSecond  int64
	last, when int64
}

func (r *rate) sample(count, clock int64) {
	if elapsed := clock - r.when; r.when != 0 && elapsed > 0 {
		r.perSecond = max(0, count-r.last) * int64(time.Second) / elapsed
	}
	r.last, r.when = count, max(clock, 1)
}

// countError counts an error reply by its first word, as INFO errorstats does;
// more than a hundred different words are a client's own and not kept.
func (s *stats) countError(text string) {
	s.errorReplies++
	code, _, _ := strings.Cut(text, " ")
	const kept = 128
	if _, known := s.errors[code]; !known && len(s.errors) >= kept {
		return
	}
	if s.errors == nil {
		s.errors = make(map[string]int64)
	}
	s.errors[code]++
}

// ServeStats tells where the figures of the sockets come from.
func (e *Engine) ServeStats(read func() server.Stats) { e.serverStats = read }

// netStats are the figures of the sockets since the last RESETSTAT.
type netStats struct {
	input, output, replInput, replOutput int64
	queryBufferKills                     int64
}

func (e *Engine) netStats() netStats {
	var now server.Stats
	if e.serverStats != nil {
		now = e.serverStats()
	}
	base := &e.stats.base
	return netStats{
		input:            now.InputBytes - base.InputBytes,
		output:           now.OutputBytes - base.OutputBytes,
		replInput:        e.stats.replInput,
		replOutput:       now.SourceBytes - base.SourceBytes,
		queryBufferKills: now.QueryBufferKill - base.QueryBufferKill,
	}
}

// sampleStats updates the figures per second.
func (e *Engine) sampleStats() {
	net := e.netStats()
	e.stats.ops.sample(e.stats.commands, e.clock)
	e.stats.input.sample(net.input, e.clock)
	e.stats.output.sample(net.output, e.clock)
}

// resetStats is CONFIG RESETSTAT.
func (e *Engine) resetStats() {
	e.stats = stats{}
	if e.serverStats != nil {
		e.stats.base = e.serverStats()
	}
	e.expire.cpu = 0
	e.memory.peak = e.usedMemory()
	e.saving.saves = 0
	e.eachCommand(func(c *command.Command) { c.Stats = command.Stats{} })
}
