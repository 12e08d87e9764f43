// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/server"
	"github.com/espalier-io/espalier/node/store"
)

// Execute runs one command of a client (server.Session).
func (s *Session) Execute(argv [][]byte) server.Verdict {
	e := s.e
	e.ahead.fetch()
	s.lastUsed = e.clock
	before := s.reply.Len()

	cmd, refusal := e.resolve(argv)
	var flags command.Flags
	if cmd != nil {
		s.lastCmd = cmd
		flags = cmd.FlagsOf(argv)
	}
	if refusal == "" {
		refusal = e.refuse(s, cmd, flags)
	}
	switch {
	case refusal != "" && cmd == nil && speaksHTTP(argv[0]):
		e.warnOfHTTP()
		s.close(false)
		return server.CloseAfterReply
	case refusal != "":
		s.refused(cmd, refusal)
	case e.pauses.kind != pauseNone && e.holds(s, cmd, flags):
		s.postpone()
		return server.Postpone
	case s.tx.open && !e.immediate[cmd]:
		s.enqueue(cmd, flags, argv)
	default:
		e.call(s, cmd, argv)
		e.endUnit()
		s.streamed = e.replication.offset()
	}

	if s.replies != repliesOn && s.blocked == nil {
		s.applyReplyMode(before)
	}
	if len(e.waiting.ready) > 0 && !s.fromMaster {
		e.serveWaiting()
	}
	if s.downstream != nil {
		s.withholdReply(before)
	}
	if s.reply.Len() > outputStep {
		s.limitOutput()
	}
	switch {
	case s.closing:
		return server.CloseAfterReply
	case s.blocked != nil:
		return server.Hold
	}
	return server.Next
}

// refused answers a command that was not run. In a transaction it spoils it,
// and EXEC itself ends it.
func (s *Session) refused(cmd *command.Command, text string) {
	if cmd != nil {
		cmd.Stats.Rejected++
	}
	s.tx.spoilt = s.tx.open
	if cmd != nil && cmd == s.e.execCmd {
		s.discardTransaction()
		text = "EXECABORT Transaction discarded because of: " + text
	}
	s.e.replyError(s, text)
}

// resolve finds the command and checks its arity; text is Redis's error where
// there is none.
func (e *Engine) resolve(argv [][]byte) (cmd *command.Command, text string) {
	cmd = e.table.Lookup(argv[0])
	if cmd == nil {
		return nil, unknownCommand(argv)
	}
	if len(argv) > 1 && cmd.IsContainer() {
		sub := cmd.Sub(argv[1])
		if sub == nil {
			return nil, "ERR unknown subcommand '" + clip(argv[1], 128) + "'. Try " + strings.ToUpper(cmd.Name) + " HELP."
		}
		cmd = sub
	}
	if !cmd.ArityOK(len(argv)) {
		return cmd, "ERR wrong number of arguments for '" + cmd.FullName + "' command"
	}
	return cmd, ""
}

// speaksHTTP recognises a web browser that was tricked into talking to us:
// nothing behind its request line may be taken for a command.
func speaksHTTP(name []byte) bool { return fold(name, "POST") || fold(name, "HOST:") }

// warnOfHTTP does so once a minute at most: a log can be flooded, too.
func (e *Engine) warnOfHTTP() {
	if e.warnedOfHTTP != 0 && e.clock-e.warnedOfHTTP < int64(time.Minute) {
		return
	}
	e.warnedOfHTTP = max(e.clock, 1)
	e.log.Warningf("Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. " +
		"This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection aborted.")
}

// unknownCommand is Redis's answer, which quotes at most 128 bytes of the
// arguments.
func unknownCommand(argv [][]byte) string {
	var args strings.Builder
	for _, a := range argv[1:] {
		if args.Len() >= 128 {
			break
		}
		args.WriteString("'" + clip(a, 128-args.Len()) + "' ")
	}
	return "ERR unknown command '" + clip(argv[0], 128) + "', with args beginning with: " + args.String()
}

// call runs a handler and takes note of what it changed. The unit stays open:
// the caller ends it.
func (e *Engine) call(s *Session, cmd *command.Command, argv [][]byte) {
	e.prepare(s, argv)
	sizeBefore, outer := s.reply.Len(), e.errorsAtCall
	e.errorsAtCall = e.stats.errorReplies
	shared := cmd.Cheap && e.stopwatch.shares(argv)
	begin := int64(0)
	if !shared {
		begin = e.stopwatch.begin(e)
	}

	cmd.Handler(&e.ctx)

	if len(e.monitors) != 0 {
		e.feedMonitors(s, cmd, argv)
	}
	cmd.Stats.Calls++
	errors := max(0, e.stats.errorReplies-e.errorsAtCall) // CONFIG RESETSTAT takes some back
	if errors > 0 {
		cmd.Stats.Failed++
	}
	e.errorsAtCall = outer + errors // those are not EXEC's own
	e.stats.commands++
	e.record(s, cmd, argv)
	took := int64(0)
	if shared {
		took = e.stopwatch.share(e, cmd, s.reply.Len()-sizeBefore > cheapBytes)
	} else {
		took = e.stopwatch.end(e) - begin
		cmd.Stats.Nanos += took
	}
	switch {
	case s.blocked != nil && s.blocked.wait != nil:
		s.blocked.wait.took = took
	case took >= e.stopwatch.slowAt:
		e.noteSlow(s, cmd, argv, took)
	}
	e.ctx.Session = nil // nobody is being served: argv is the input buffer's again
}

// prepare readies the context for a call of a session.
func (e *Engine) prepare(s *Session, argv [][]byte) {
	ctx := &e.ctx
	ctx.Begin(e, argv)
	ctx.Session = s
	ctx.Reply = &s.reply
	ctx.Store, ctx.DB, ctx.Index = e.store, s.db, s.index
	ctx.Now = e.now
	ctx.FromMaster = s.fromMaster
	ctx.Replica = !s.fromMaster && e.silent()
	ctx.Local = ctx.Replica && e.takesLocalWrites()
	if s.fromMaster {
		e.store.SetMaxValue(store.MostValueBytes) // its limit decides, not ours
	} else {
		e.store.SetMaxValue(int(e.cfg.ProtoMaxBulkLen))
	}
}

// takesLocalWrites tells whether this is a replica whose clients may write.
func (e *Engine) takesLocalWrites() bool {
	return e.replication.isReplica() && !e.cfg.ReplicaReadOnly && e.pauses.kind == pauseNone
}

// record takes note of what a call changed and lets it be propagated.
func (e *Engine) record(s *Session, cmd *command.Command, argv [][]byte) {
	ctx := &e.ctx
	if n := ctx.Dirty(); n > 0 {
		e.dirty += int64(n)
		if e.managed.lease.Load() != nil {
			e.managed.leasedWrites++
		}
		if !s.fromMaster && e.replication.isReplica() && cmd.Flags&command.ReadOnly == 0 { // PFCOUNT only keeps what it computed
			e.managed.wrote()
			e.local.note(e, ctx.Index, cmd, argv)
		}
	}
	if ctx.Verbatim() {
		e.Propagate(s.index, argv)
	}
}

// replyError answers with an error and counts it by its code.
func (e *Engine) replyError(s *Session, text string) {
	e.stats.countError(text)
	s.reply.Error(text)
}

func (s *Session) applyReplyMode(before int) {
	switch s.replies {
	case repliesOn:
	case repliesSkipNext:
		s.replies = repliesSkipThis
		s.reply.Truncate(before)
	case repliesSkipThis:
		s.replies = repliesOn
		s.reply.Truncate(before)
	case repliesOff:
		s.reply.Truncate(before)
	}
}
