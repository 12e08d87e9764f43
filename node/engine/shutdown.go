// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"math"
	"os"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
)

// shutdown is the way from somebody's wish to the end of the process: while
// writes wait, replicas that lag behind get shutdown-timeout to catch up; then
// comes the final save; if that fails, the node goes on, unless forced.
type shutdown struct {
	asked    bool
	ended    bool       // the process is about to end
	signal   *signalled // a signal that has not been obeyed yet
	flags    config.ShutdownFlags
	deadline int64 // e.clock
	waiting  []*Session
}

// signalled is what a signal asks for.
type signalled struct{ flags config.ShutdownFlags }

// forEver is a time that can be added to the clock.
const forEver = time.Duration(math.MaxInt64 / 4)

// Exits tells when the process is to end, and with which code: after SHUTDOWN
// or a signal. The data set is safe then, and no command runs any more.
func (e *Engine) Exits() <-chan int { return e.exits }

// Signal obeys SIGTERM and SIGINT; a second SIGINT without the lock, which a
// final save may hold for long. Called without the lock.
func (e *Engine) Signal(interrupt bool) {
	if interrupt && e.interrupted.Swap(true) {
		e.log.Warningf("You insist... exiting now.")
		e.exitWith(1)
		return
	}
	e.Lock()
	defer e.Unlock()
	e.BatchBegin()
	defer e.BatchEnd()
	name, flags := "SIGTERM", e.cfg.ShutdownOnSigterm
	if interrupt {
		name, flags = "SIGINT", e.cfg.ShutdownOnSigint
	}
	if e.loading != nil {
		e.log.Warningf("Received shutdown signal during loading, exiting now.")
		e.exit(0)
		return
	}
	e.log.Warningf("Received %s scheduling shutdown...", name)
	e.shutdown.signal = &signalled{flags}
	if !e.debugging.cronPaused {
		e.shutdownCron()
	}
}

// exit lets the process end; nothing runs from here on.
func (e *Engine) exit(code int) {
	e.shutdown.ended = true
	e.pauseClients(pausedByShutdown, pauseAll, forEver)
	e.replication.stop()
	e.exitWith(code)
}

func (e *Engine) exitWith(code int) {
	select {
	case e.exits <- code:
	default: // it is ending already
	}
}

func (e *Engine) shutdownCommand(ctx *command.Context) {
	flags, abort, ok := parseShutdown(ctx.Argv[1:])
	switch {
	case !ok:
		ctx.Error(command.ErrSyntax)
		return
	case abort && !e.shutdown.asked && e.shutdown.signal == nil:
		ctx.Error("ERR No shutdown in progress.")
		return
	case abort:
		e.log.Noticef("Shutdown manually aborted.")
		e.endShutdown()
		ctx.Reply.OK()
		return
	case e.inTx && flags&config.ShutdownNow == 0:
		ctx.Error("ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client")
		return
	}
	if e.scripting.busy() && flags&config.ShutdownNoSave == 0 {
		ctx.Error(e.scripting.busyText())
		return
	}
	s := ctx.Session.(*Session)
	s.block(0, nil, func() { e.shutdown.forget(s) })
	e.shutdown.waiting = append(e.shutdown.waiting, s)
	if !e.shutdown.asked {
		e.beginShutdown(flags)
	}
}

func (s *shutdown) forget(gone *Session) {
	for i, w := range s.waiting {
		if w == gone {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return
		}
	}
}

func parseShutdown(args [][]byte) (flags config.ShutdownFlags, abort, ok bool) {
	for _, arg := range args {
		switch {
		case fold(arg, "NOSAVE"):
			flags |= config.ShutdownNoSave
		case fold(arg, "SAVE"):
			flags |= config.ShutdownSave
		case fold(arg, "NOW"):
			flags |= config.ShutdownNow
		case fold(arg, "FORCE"):
			flags |= config.ShutdownForce
		case fold(arg, "ABORT"):
			abort = true
		default:
			return 0, false, false
		}
	}
	both := config.ShutdownSave | config.ShutdownNoSave
	return flags, abort, flags&both != both && (!abort || flags == 0)
}

// beginShutdown gives the replicas time, or goes on at once where none needs
// any.
func (e *Engine) beginShutdown(flags config.ShutdownFlags) {
	if e.loading != nil {
		flags = flags&^config.ShutdownSave | config.ShutdownNoSave
	}
	e.shutdown.asked, e.shutdown.flags = true, flags
	e.log.Warningf("User requested shutdown...")
	if flags&config.ShutdownNow == 0 && e.cfg.ShutdownTimeout != 0 && !e.replication.replicasCaughtUp() {
		e.shutdown.deadline = e.clock + int64(e.cfg.ShutdownTimeout)
		e.pauseClients(pausedByShutdown, pauseWrite, forEver)
		e.replication.hurryReplicas()
		return
	}
	e.finishShutdown()
}

// shutdownCron obeys a signal and ends the wait for the replicas.
func (e *Engine) shutdownCron() {
	if signal := e.shutdown.signal; signal != nil {
		e.shutdown.signal = nil
		if e.scripting.busy() { // half of what it does must not be saved
			signal.flags = signal.flags&^config.ShutdownSave | config.ShutdownNoSave
		}
		if !e.shutdown.asked {
			e.beginShutdown(signal.flags)
		}
	}
	if e.shutdown.asked && e.shutdown.deadline != 0 &&
		(e.clock >= e.shutdown.deadline || e.replication.replicasCaughtUp()) {
		e.finishShutdown()
	}
}

// finishShutdown saves and ends, all under one acquisition of the lock: nothing
// is accepted after the final save.
func (e *Engine) finishShutdown() {
	e.shutdown.deadline = 0
	e.replication.logLaggards()
	if e.saving.job != nil {
		e.log.Warningf("There is a child saving an .rdb. Killing it!")
		e.cancelSaving()
	}
	if !e.aof.finish(e.shutdown.flags&config.ShutdownForce != 0) {
		e.log.Warningf("Errors trying to shut down the server. Check the logs for more information.")
		e.endShutdown()
		return
	}
	if err := e.finalSave(); err != nil {
		if e.shutdown.flags&config.ShutdownForce == 0 {
			e.log.Warningf("Error trying to save the DB, can't exit.")
			e.log.Warningf("Errors trying to shut down the server. Check the logs for more information.")
			e.endShutdown()
			return
		}
		e.log.Warningf("Error trying to save the DB. Exit anyway.")
	}
	e.removePidFile()
	e.log.Warningf("Redis is now ready to exit, bye bye...")
	e.exit(0)
}

// finalSave saves where it was asked for, or save points are set and nobody
// said NOSAVE; never over a dump that may be better than what is in memory.
func (e *Engine) finalSave() error {
	flags := e.shutdown.flags
	wanted := len(e.cfg.Save) > 0 && flags&config.ShutdownNoSave == 0 || flags&config.ShutdownSave != 0
	switch {
	case !wanted:
		return nil
	case e.managed.barsSaving():
		e.log.Noticef("Not saving: this node has not been granted a role, the dump on the disk stays.")
		return nil
	case e.snapshot != nil:
		e.snapshot.cancel()
	}
	e.log.Noticef("Saving the final RDB snapshot before exiting.")
	return e.saveNow()
}

// endShutdown goes on as if nobody had asked, and tells those who did.
func (e *Engine) endShutdown() {
	waiting := e.shutdown.waiting
	e.shutdown = shutdown{}
	e.interrupted.Store(false)
	e.unpauseClients(pausedByShutdown)
	for _, s := range waiting {
		e.replyError(s, "ERR Errors trying to SHUTDOWN. Check logs.")
		s.unblock()
	}
}

func (e *Engine) removePidFile() {
	if e.cfg.PidFile == "" {
		return
	}
	path := e.cfg.Path(e.cfg.PidFile)
	e.log.Noticef("Removing the pid file.")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		e.log.Warningf("Failed to remove the pid file: %v", err)
	}
}

// shutdownLeft is for INFO: how long a shutdown in progress still waits, in
// milliseconds, -1 for none.
func (e *Engine) shutdownLeft() int64 {
	if e.shutdown.deadline == 0 {
		return -1
	}
	return max(0, e.shutdown.deadline-e.clock) / int64(time.Millisecond)
}
