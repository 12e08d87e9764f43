// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"runtime"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/server"
)

// A script that runs longer than busy-reply-threshold is busy: from then on it
// gives the execution lock away every few thousand instructions, so that clients
// are answered -BUSY and can kill it. Nothing may come between its commands
// meanwhile: clients get to run what touches no data set only (AllowBusy), the
// stream of a master, snapshots and an operator's orders wait (lockIdle,
// startSnapshot), the cron does what is harmless.

// Redis's texts.
const (
	errBusyScript   = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
	errBusyFunction = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
	errKilled       = "ERR Script killed by user with SCRIPT KILL..."
	errEnding       = "ERR the server is shutting down"
	errNotBusy      = "NOTBUSY No scripts in execution right now."
	errOfMaster     = "UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be killed."
	errHasWritten   = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the " +
		"script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)

// busyScript is the state of a script that runs long.
type busyScript struct {
	on      bool
	killed  bool
	relieve func() // ends the relief of the loop; nil where there is none
}

// busy tells whether a script gives the lock away.
func (x *scripting) busy() bool { return x.running != nil && x.running.busy.on }

// busyText is what clients are told.
func (x *scripting) busyText() string {
	if x.running.function {
		return errBusyFunction
	}
	return errBusyScript
}

// lockIdle takes the execution lock when no script is busy: for what must not
// come between the commands of one. Called without it.
func (e *Engine) lockIdle() {
	e.Lock()
	for e.scripting.busy() {
		e.scripting.idle.Wait()
	}
}

// Interrupt lets a script go on, or tells it why not (script.Host).
func (x *scripting) Interrupt() string {
	run := x.running
	if !run.busy.on {
		if !x.becomesBusy(run) {
			return ""
		}
		run.busy.on = true
		if r, ok := run.caller.conn.(server.Reliever); ok {
			run.busy.relieve = r.Relieve()
		}
	}
	x.yield(runtime.Gosched)
	switch {
	case run.busy.killed:
		x.e.log.Warningf("Lua script killed by user with SCRIPT KILL.")
		return errKilled
	case x.e.shutdown.ended:
		return errEnding
	}
	return ""
}

// becomesBusy tells whether a script has run long enough, and says so.
func (x *scripting) becomesBusy(run *scriptRun) bool {
	e := x.e
	threshold := e.cfg.BusyReplyThreshold
	took := e.sinceStart() - time.Duration(run.began)
	if threshold <= 0 || took.Milliseconds() < threshold {
		return false
	}
	kill := "SCRIPT KILL"
	if run.function {
		kill = "FUNCTION KILL"
	}
	e.log.Warningf("Slow script detected: still in execution after %d milliseconds. "+
		"You can try killing the script using the %s command. Script name is: %s.", took.Milliseconds(), kill, run.name)
	return true
}

// yield gives the lock away while do runs. What belongs to the script's call is
// put by: others have calls of their own.
func (x *scripting) yield(do func()) {
	e := x.e
	e.ahead.forget()
	e.stopwatch.settle(e)
	kept, inTx, now := e.unit, e.inTx, e.now
	errors, ready := e.errorsAtCall, e.waiting.ready
	e.unit, e.inTx, e.waiting.ready = unit{}, false, nil
	e.Unlock()
	do()
	e.Lock()
	e.unit, e.inTx, e.now = kept, inTx, now
	e.errorsAtCall = errors
	e.waiting.ready = append(ready, e.waiting.ready...)
}

// endBusy takes the loop back and lets those go on who wait for the end.
func (x *scripting) endBusy(run *scriptRun) {
	if !run.busy.on {
		return
	}
	if run.busy.relieve != nil {
		x.yield(run.busy.relieve)
	}
	run.busy.on = false
	x.idle.Broadcast()
}

// kill is SCRIPT KILL and FUNCTION KILL.
func (x *scripting) kill(ctx *command.Context, function bool) {
	run := x.running
	switch {
	case run == nil:
		ctx.Error(errNotBusy)
	case run.caller.fromMaster:
		ctx.Error(errOfMaster)
	case run.wrote:
		ctx.Error(errHasWritten)
	case run.function != function:
		ctx.Error(x.busyText())
	default:
		run.busy.killed = true
		ctx.Reply.OK()
	}
}
