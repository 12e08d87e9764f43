// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/info"
	"github.com/espalier-io/espalier/node/rdb"
)

// replication is the node's place in its tree: the stream that it writes or
// passes on, its upstream and its replicas.
type replication struct {
	e *Engine

	following bool  // it has an upstream (REPLICAOF, or a replica grant)
	linkUp    bool  // and the link to it streams
	offset    int64 // bytes of the stream originated or applied
	streamDB  int   // database that the stream has selected, -1 for none
	scratch   []byte
}

// downstream is a replica of ours: the replication side of its session.
type downstream struct{}

func (r *replication) init(e *Engine) { r.e, r.streamDB = e, -1 }
func (r *replication) start()         {}
func (r *replication) stop()          {}

// isReplica tells whether this node follows a master.
func (r *replication) isReplica() bool { return r.following }

// originates tells whether effects go onto the stream: a master's do, once
// somebody listens or the offset has a meaning to an operator.
func (r *replication) originates() bool { return !r.following && r.e.managed.on }

// stale tells whether reads are to be refused because the link is down.
func (r *replication) stale() bool {
	return r.following && !r.linkUp && !r.e.cfg.ReplicaServeStaleData
}

// enoughGoodReplicas is min-replicas-to-write's question.
func (r *replication) enoughGoodReplicas() bool {
	return r.following || r.e.cfg.MinReplicasToWrite == 0
}

// selectDB puts a SELECT on the stream where the last one differs.
func (r *replication) selectDB(db int) {
	if db == r.streamDB {
		return
	}
	r.streamDB = db
	r.scratch = selectCommand(r.scratch[:0], db)
	r.feed(r.scratch)
}

// feed appends bytes to the stream.
func (r *replication) feed(p []byte) { r.offset += int64(len(p)) }

// flushReplicas wakes the connections that have new stream bytes to write.
func (e *Engine) flushReplicas() {}

// replicaLost forgets a replica whose connection is gone.
func (e *Engine) replicaLost(*Session) {}

// replicationCron is the work of each second.
func (e *Engine) replicationCron(time.Time) {}

// replicaAlive notes a replica's empty line: it is loading a snapshot.
func (e *Engine) replicaAlive(*Session) {}

// dumpPosition is where the data set stands in the stream, for the header of a
// dump; nil where that has no meaning.
func (r *replication) dumpPosition() *rdb.Replication { return nil }

// restore takes over the position of the dump that the start has read.
func (r *replication) restore(rdb.Replication) {}

// replicasCaughtUp tells whether every replica has acknowledged the whole
// stream.
func (r *replication) replicasCaughtUp() bool { return true }

// hurryReplicas asks the replicas for their acknowledgements.
func (r *replication) hurryReplicas() {}

// logLaggards tells, at a shutdown, which replicas lack something.
func (r *replication) logLaggards() {}

// backlogMemory is what the stream keeps, in bytes.
func (r *replication) backlogMemory() int64 { return 0 }

// changeID begins a new history.
func (r *replication) changeID() {}

// infoReplication is a section of INFO.
func (e *Engine) infoReplication(f *info.Fields) {
	role := "master"
	if e.replication.isReplica() {
		role = "slave"
	}
	f.Str("role", role)
}

func (e *Engine) replicationCommands() []command.Spec { return nil }
