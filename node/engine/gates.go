// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"

	"github.com/espalier-io/espalier/node/command"
)

// Redis's texts for a call that a gate refuses.
const (
	errNoAuth     = "NOAUTH Authentication required."
	errOOM        = "OOM command not allowed when used memory > 'maxmemory'."
	errReadOnly   = "READONLY You can't write against a read only replica."
	errMasterDown = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
	errLoading    = "LOADING Redis is loading the dataset in memory"
	errNoReplicas = "NOREPLICAS Not enough good replicas to write."
	errNoMulti    = "ERR Command not allowed inside a transaction"
	errReplicaUse = "ERR Replica can't interact with the keyspace"
	errDebug      = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local " +
		"connection, otherwise you need to set this option in the configuration file, and then restart the server."
	errMisconf = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
		"Commands that may modify the data set are disabled, because this instance is configured to report errors during " +
		"writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
)

// refuse gives the reason why this session may not run this command now, ""
// when it may. The order of the questions is Redis's, so that a client which
// is refused for two reasons hears the same one; the operator's come right
// after authentication.
func (e *Engine) refuse(s *Session, cmd *command.Command, flags command.Flags) string {
	switch {
	case flags&command.Protected != 0 && !e.cfg.EnableDebugCommand.Allows(s.local()):
		return errDebug
	case !s.authenticated && flags&command.NoAuth == 0:
		return errNoAuth
	case s.tx.open && flags&command.NoMulti != 0:
		return errNoMulti
	case s.fromMaster:
		return ""
	}
	lacks := ^flags
	if s.tx.open && cmd == e.execCmd {
		flags |= s.tx.flags
		lacks |= s.tx.lacks
	}
	if e.managed.on {
		if text := e.managed.refuse(flags); text != "" {
			return text
		}
	}
	if (flags&command.DenyOOM != 0 || s.tx.open && !e.endsTransaction(cmd)) && e.outOfMemory() {
		return errOOM
	}
	if flags&command.Write != 0 || cmd == e.pingCmd {
		if text := e.refuseWrite(flags); text != "" {
			return text
		}
	}
	switch {
	case lacks&command.Stale != 0 && e.replication.stale():
		return errMasterDown
	case e.loading != nil && lacks&command.Loading != 0:
		return errLoading
	case e.scripting.busy() && lacks&command.AllowBusy != 0:
		return e.scripting.busyText()
	case s.downstream != nil && flags&(command.Write|command.ReadOnly|command.MayReplicate) != 0:
		return errReplicaUse
	}
	return ""
}

// endsTransaction tells whether a command is welcome inside a transaction
// although memory is full: what follows MULTI would only take more of it.
func (e *Engine) endsTransaction(cmd *command.Command) bool {
	switch cmd.FullName {
	case "exec", "discard", "quit", "reset":
		return true
	}
	return false
}

// refuseWrite holds what bars every write of a client. A failed save bars PING
// as well, so that who only looks for a sign of life notices.
func (e *Engine) refuseWrite(flags command.Flags) string {
	switch {
	case e.saving.lastFailed && e.savingBarsWrites():
		return errMisconf
	case e.aof.mode != appendOff && e.aof.refusal() != "":
		return e.aof.refusal()
	case flags&command.Write == 0:
	case !e.replication.enoughGoodReplicas():
		return errNoReplicas
	case e.cfg.ReplicaReadOnly && e.replication.isReplica():
		return errReadOnly
	}
	return ""
}

// outOfMemory tells whether the data set is beyond maxmemory. Replicas leave
// that to their master (replica-ignore-maxmemory).
func (e *Engine) outOfMemory() bool {
	limit := e.cfg.MaxMemory
	if limit == 0 || e.replication.isReplica() && e.cfg.ReplicaIgnoreMaxMemory {
		return false
	}
	return uint64(e.store.UsedMemory()) > limit
}

// fold compares a word of a client with an upper-case one.
func fold(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }
