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
	errMisconf    = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
		"Commands that may modify the data set are disabled, because this instance is configured to report errors during " +
		"writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
)

// refuse gives the reason why this session may not run this command now, ""
// when it may. The order of the questions is Redis's, so that a client which
// is refused for two reasons hears the same one; the operator's come first
// after authentication.
func (e *Engine) refuse(s *Session, cmd *command.Command, argv [][]byte) string {
	if !s.authenticated && cmd.Flags&command.NoAuth == 0 {
		return errNoAuth
	}
	if s.fromMaster {
		return ""
	}
	if s.tx.open && cmd.Flags&command.NoMulti != 0 {
		return errNoMulti
	}
	flags := cmd.Flags
	if s.tx.open && cmd.FullName == "exec" {
		flags |= s.tx.flags
	}
	if e.managed.on {
		if text := e.managed.refuse(flags); text != "" {
			return text
		}
	}
	writes := flags&command.Write != 0
	if flags&command.DenyOOM != 0 && e.outOfMemory() {
		return errOOM
	}
	if writes {
		if text := e.refuseWrite(); text != "" {
			return text
		}
	}
	if e.replication.stale() && flags&command.Stale == 0 {
		return errMasterDown
	}
	if e.saving.loading && flags&command.Loading == 0 {
		return errLoading
	}
	return ""
}

// refuseWrite holds what bars every write of a client.
func (e *Engine) refuseWrite() string {
	switch {
	case e.saving.failed() && e.cfg.StopWritesOnBgsaveError && !e.replication.isReplica():
		return errMisconf
	case !e.replication.enoughGoodReplicas():
		return errNoReplicas
	case e.replication.isReplica() && e.cfg.ReplicaReadOnly:
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
	return e.store.UsedMemory() > limit
}

// fold compares a word of a client with an upper-case one.
func fold(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }
