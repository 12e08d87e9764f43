// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/espalier-io/espalier/node/command"
)

// Redis's texts for a script, or a command of one, that is refused.
const (
	errScriptStale = "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag " +
		"is not set on the script."
	errScriptReplica = "READONLY Can not run script with write flag on readonly replica"
	errScriptMisconf = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
		"Writable scripts are blocked. Use 'no-writes' flag for read only scripts."
	errScriptAOF = "MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. " +
		"Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: "
	errScriptRO       = "ERR Can not execute a script with write flag using *_ro command."
	errScriptOOM      = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
	errCallUnknown    = "ERR Unknown Redis command called from script"
	errCallArity      = "ERR Wrong number of args calling Redis command from script"
	errCallNoScript   = "ERR This Redis command is not allowed from script"
	errCallStale      = "ERR Can not execute the command on a stale replica"
	errCallOfReadOnly = "ERR Write commands are not allowed from read-only scripts."
)

// scriptFlags are what a script declares of itself.
type scriptFlags uint8

const (
	scriptNoWrites scriptFlags = 1 << iota
	scriptAllowOOM
	scriptAllowStale
	scriptNoCluster
	scriptAllowCrossSlot
	scriptUndeclared // it has no shebang: its commands are judged one by one
)

// scriptFlagNames are the flags as scripts spell them.
var scriptFlagNames = []string{"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"}

// callFlags are the flags of the command that calls such a script.
func (f scriptFlags) callFlags(of command.Flags) command.Flags {
	if f&scriptUndeclared != 0 {
		return of
	}
	of &^= command.Stale | command.DenyOOM | command.Write | command.MayReplicate
	if f&(scriptAllowOOM|scriptNoWrites) == 0 {
		of |= command.DenyOOM
	}
	if f&scriptNoWrites == 0 {
		of |= command.Write
	}
	if f&scriptAllowStale != 0 {
		of |= command.Stale
	}
	return of
}

// refuseRun gives the reason why a script may not begin. A script without flags
// is let in, and its commands are asked.
func (x *scripting) refuseRun(run *scriptRun) string {
	e, obeyed := x.e, run.caller.fromMaster
	if run.flags&scriptUndeclared != 0 {
		if e.replication.stale() {
			return errMasterDown
		}
		return ""
	}
	if e.replication.stale() && run.flags&scriptAllowStale == 0 {
		return errScriptStale
	}
	if run.flags&scriptNoWrites != 0 {
		run.readOnly = true
		return ""
	}
	switch {
	case obeyed:
	case e.managed.on && e.managed.refuse(command.Write) != "":
		return e.managed.refuse(command.Write)
	case e.cfg.ReplicaReadOnly && e.replication.isReplica():
		return errScriptReplica
	case e.saving.lastFailed && e.savingBarsWrites():
		return errScriptMisconf
	case e.aof.mode != appendOff && e.aof.refusal() != "":
		return errScriptAOF + e.aof.refusal()
	}
	switch {
	case run.readOnly:
		return errScriptRO
	case obeyed:
	case !e.replication.enoughGoodReplicas():
		return errNoReplicas
	case run.flags&scriptAllowOOM == 0 && e.outOfMemory():
		return errScriptOOM
	}
	return ""
}

// refuse gives the reason why a script may not run a command. What has written
// is not stopped by a state that has changed since: half of it would remain.
func (x *scripting) refuse(cmd *command.Command, argv [][]byte) string {
	e, run := x.e, x.running
	switch {
	case cmd == nil:
		return errCallUnknown
	case !cmd.ArityOK(len(argv)) || cmd.Handler == nil:
		return errCallArity
	case cmd.Flags&command.NoScript != 0:
		return errCallNoScript
	case cmd.Flags&command.Stale == 0 && e.replication.stale():
		return errCallStale
	case run.readOnly && cmd.Flags&(command.Write|command.MayReplicate) != 0:
		return errCallOfReadOnly
	case run.wrote || run.caller.fromMaster:
		return ""
	}
	if e.managed.on {
		if text := e.managed.refuse(cmd.Flags); text != "" {
			return text
		}
	}
	if cmd.Flags&command.Write != 0 {
		if text := e.refuseWrite(cmd.Flags); text != "" {
			return text
		}
	}
	if cmd.Flags&command.DenyOOM != 0 && run.outOfMemory && run.flags&scriptAllowOOM == 0 {
		return errOOM
	}
	return ""
}
