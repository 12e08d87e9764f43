// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/info"
	"github.com/espalier-io/espalier/node/resp"
)

// info is the part of INFO persistence about the append-only file.
func (a *appendOnly) info(f *info.Fields) {
	h, s := &a.history, a.status()
	running := int64(-1)
	if a.rewrite != nil {
		running = int64((a.e.sinceStart() - a.rewrite.startedAt) / time.Second)
	}
	f.Bool("aof_enabled", a.mode != appendOff)
	f.Bool("aof_rewrite_in_progress", a.rewrite != nil)
	f.Bool("aof_rewrite_scheduled", a.scheduled)
	f.Int("aof_last_rewrite_time_sec", wholeSeconds(h.lastTook))
	f.Int("aof_current_rewrite_time_sec", running)
	f.Str("aof_last_bgrewrite_status", okOrErr(!h.failed))
	f.Int("aof_rewrites", h.done)
	f.Int("aof_rewrites_consecutive_failures", h.failures)
	f.Str("aof_last_write_status", okOrErr(s.Failing == ""))
	f.Int("aof_last_cow_size", 0)
	if a.mode == appendOff {
		return
	}
	f.Int("aof_current_size", s.Total)
	f.Int("aof_base_size", a.baseSize)
	f.Bool("aof_pending_rewrite", a.scheduled)
	f.Int("aof_buffer_length", int64(s.Buffered))
	f.Int("aof_pending_bio_fsync", int64(s.Pending))
	f.Int("aof_delayed_fsync", s.Delayed)
}

// status is the log's, or what takes its place where there is none.
func (a *appendOnly) status() aof.Status {
	if a.log == nil {
		return aof.Status{Total: a.size, Failing: a.broken}
	}
	s := a.log.Status()
	s.Buffered += len(a.buf)
	return s
}

// describe is the file's part in how durable the node is: on means that its base
// is whole and what is executed goes into it.
func (a *appendOnly) describe(p *controlapi.Persistence) {
	p.AOF = a.mode == appendOn && a.log != nil
	if p.AOF {
		p.AOFOK = a.log.Failing() == ""
		p.Fsync = a.e.cfg.AppendOnly.Fsync.String()
	}
}

func (e *Engine) debugLoadAOFCommand(ctx *command.Context) {
	if err := e.debugLoadAOF(); err != nil {
		ctx.Error("ERR Error trying to load the AOF files, check server logs.")
		return
	}
	e.log.Warningf("Append Only File loaded by DEBUG LOADAOF")
	ctx.Reply.OK()
}

// debugFlushSleep makes the file's writes slow, as of a disk that is busy.
func (e *Engine) debugFlushSleep(ctx *command.Context) {
	micros, ok := resp.ParseInt(ctx.Argv[2])
	if l := e.aof.log; ok && l != nil {
		l.SetDelay(time.Duration(micros) * time.Microsecond)
	}
	ctx.Reply.OK()
}
