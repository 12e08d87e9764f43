// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/server"
)

// Execute runs one command of a client (server.Session).
func (s *Session) Execute(argv [][]byte) server.Verdict {
	e := s.e
	s.lastUsed = e.clock
	s.totalCalls++
	before := s.reply.Len()

	cmd, refusal := e.resolve(argv)
	if refusal == "" {
		refusal = e.refuse(s, cmd, argv)
	}
	switch {
	case refusal != "":
		s.refused(cmd, refusal)
	case s.tx.open && !slices.Contains(unqueued, cmd.FullName):
		s.enqueue(cmd, argv)
	default:
		e.call(s, cmd, argv)
		e.endUnit()
	}

	s.applyReplyMode(before)
	if s.closing {
		return server.CloseAfterReply
	}
	return server.Next
}

// refused answers a command that was not run. In a transaction it spoils it.
func (s *Session) refused(cmd *command.Command, text string) {
	if cmd != nil {
		cmd.Stats.Rejected++
	}
	s.tx.spoilt = s.tx.open
	s.e.replyError(s, text)
}

// resolve finds the command and checks its arity; text is Redis's error where
// there is none.
func (e *Engine) resolve(argv [][]byte) (cmd *command.Command, text string) {
	cmd = e.table.Lookup(argv[0])
	if cmd == nil {
		return nil, unknownCommand(argv)
	}
	if cmd.Subs != nil && len(argv) > 1 {
		sub := cmd.Sub(argv[1])
		if sub == nil {
			return nil, fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.",
				argv[1], strings.ToUpper(cmd.Name))
		}
		cmd = sub
	}
	if !cmd.ArityOK(len(argv)) {
		return cmd, "ERR wrong number of arguments for '" + cmd.FullName + "' command"
	}
	return cmd, ""
}

// unknownCommand is Redis's answer, which quotes at most 128 bytes of the
// arguments.
func unknownCommand(argv [][]byte) string {
	var args strings.Builder
	for _, a := range argv[1:] {
		if args.Len() >= 128 {
			break
		}
		fmt.Fprintf(&args, "'%.*s' ", 128-args.Len(), a)
	}
	return fmt.Sprintf("ERR unknown command '%.128s', with args beginning with: %s", argv[0], args.String())
}

// call runs a handler and takes note of what it changed. The unit stays open:
// the caller ends it.
func (e *Engine) call(s *Session, cmd *command.Command, argv [][]byte) {
	ctx := &e.ctx
	ctx.Begin(e, argv)
	ctx.Session = s
	ctx.Reply = &s.reply
	ctx.Store, ctx.DB, ctx.Index = e.store, s.db, s.index
	ctx.Now = e.now
	ctx.FromMaster = s.fromMaster
	ctx.Replica = e.replication.isReplica() && !s.fromMaster
	errorsBefore := e.stats.errorReplies

	begin := e.elapsed()
	cmd.Handler(ctx)
	end := e.elapsed()

	cmd.Stats.Calls++
	cmd.Stats.Nanos += end - begin
	if e.stats.errorReplies != errorsBefore {
		cmd.Stats.Failed++
	}
	e.stats.commands++
	e.dirty += int64(ctx.Dirty())
	if ctx.Verbatim() {
		e.Propagate(s.index, argv)
	}
}

// elapsed is the monotonic time since the process began, in nanoseconds.
func (e *Engine) elapsed() int64 { return int64(time.Since(e.startedAt)) }

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
