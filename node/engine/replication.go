// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/repl"
)

// replication is the node's place in its tree: the stream that it writes or
// passes on, its upstream and its replicas. What is decided is decided by the
// machine of package repl; here its effects are performed. Those on the link to
// the master are in upstream.go, those on replicas in downstream.go.
type replication struct {
	e          *Engine
	m          *repl.Machine
	configured *config.Values // what m was configured with
	located    bool           // m knows where the data set that was loaded stands

	link *masterLink // the present one; nil while there is none

	replicas  map[repl.PeerID]*downstream
	greeted   map[repl.PeerID]bool // have sent REPLCONF and may become replicas
	snapshots map[repl.SnapshotID]*replicaSnapshot

	waiters  []*waiter // clients in WAIT
	wantAcks bool      // a client waits: replicas are to be asked at the end of the batch
	told     int64     // stream offset that the replicas' connections were last woken for
	later    []repl.Event
	stopped  bool
}

func (r *replication) init(e *Engine) {
	r.e = e
	r.replicas = make(map[repl.PeerID]*downstream)
	r.greeted = make(map[repl.PeerID]bool)
	r.snapshots = make(map[repl.SnapshotID]*replicaSnapshot)
	r.m = repl.New(r.config(), NewRunID)
}

// config is what redis.conf says to the machine.
func (r *replication) config() repl.Config {
	r.configured = r.e.cfg.Current()
	v := r.configured
	limit := v.OutputBufferLimits[config.ClientReplica]
	c := repl.Config{
		Managed: v.Managed, Protect: v.ReplicaProtectDataset,
		Port: v.Port, IP: v.ReplicaAnnounceIP,
		User: v.MasterUser, Password: v.MasterAuth,
		Timeout: seconds(v.ReplTimeout), PingPeriod: seconds(v.ReplPingReplicaPeriod),
		BacklogSize: v.ReplBacklogSize, BacklogTTL: seconds(v.ReplBacklogTTL),
		Diskless: v.ReplDisklessSync, DisklessDelay: seconds(v.ReplDisklessSyncDelay),
		DisklessMaxReplicas: v.ReplDisklessSyncMaxReplicas,
		MinReplicas:         v.MinReplicasToWrite, MinReplicasMaxLag: seconds(v.MinReplicasMaxLag),
		HardLimit: int64(limit.Hard), SoftLimit: int64(limit.Soft), SoftSeconds: seconds(limit.SoftPeriod),
	}
	if v.ReplicaAnnouncePort != 0 {
		c.Port = v.ReplicaAnnouncePort
	}
	switch v.ReplDisklessLoad {
	case config.DisklessLoadOnEmptyDB:
		c.DisklessLoad = repl.LoadWhenEmpty
	case config.DisklessLoadSwapDB:
		c.DisklessLoad = repl.LoadFromNetwork
	}
	return c
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// start tells the machine where the data set stands, and follows the master
// that the configuration names. That is no consent to the loss of data: the
// directive was written before anybody knew what the master would offer.
func (r *replication) start() {
	if !r.located {
		r.locate(repl.Position{}, 0)
	}
	master := r.e.cfg.ReplicaOf
	switch {
	case r.e.managed.on:
	case master != config.HostPort{}:
		r.step(repl.SetMaster{Host: master.Host, Port: master.Port})
	}
	r.showRole()
}

// stop ends the link to the master for good.
func (r *replication) stop() {
	r.stopped = true
	if r.link != nil {
		r.link.close()
		r.link = nil
	}
	for _, s := range r.snapshots {
		s.abandon()
	}
}

// restore takes over the position of a dump that was loaded at the start.
func (r *replication) restore(at rdb.Replication) {
	r.locate(repl.Position{Replid: at.ID, Offset: at.Offset}, at.StreamDB)
}

func (r *replication) locate(at repl.Position, db int) {
	r.located = true
	r.m.Restore(r.facts(), at, db, r.e.cfg.ReplicaOf != config.HostPort{})
	r.perform(r.m.Take())
}

// facts are the world as of now, for the machine.
func (r *replication) facts() repl.Facts {
	return repl.Facts{
		Now:     r.clock(),
		Keys:    int64(r.e.store.Len()),
		Busy:    r.e.snapshot != nil,
		Tainted: r.e.managed.localWrites,
		Quiet:   r.e.managed.silent() || r.e.pauses.byPurpose[pausedByFailover].kind != pauseNone,
	}
}

// clock is the machine's: milliseconds, never 0.
func (r *replication) clock() int64 { return r.e.clock/int64(time.Millisecond) + 1 }

// step lets the machine take an event and performs what it wants done.
func (r *replication) step(event repl.Event) {
	r.obeyConfig()
	r.perform(r.m.Step(r.facts(), event))
	r.settle()
}

// settle takes the events that came of performing effects.
func (r *replication) settle() {
	for len(r.later) > 0 {
		event := r.later[0]
		r.later = r.later[1:]
		r.perform(r.m.Step(r.facts(), event))
	}
}

// obeyConfig tells the machine of changed settings: those that the gates ask
// about (min-replicas-to-write) must count from the next command on.
func (r *replication) obeyConfig() {
	if r.configured != r.e.cfg.Current() {
		r.m.Configure(r.config())
	}
}

// perform does what the machine wants done, in that order. Nothing in it
// blocks; what takes time is left to goroutines, whose news are events.
func (r *replication) perform(effects []repl.Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case repl.Log:
			r.log(e)
		case repl.RoleChanged:
			r.roleChanged(e.Role)
		case repl.HoldWrites:
			r.holdWrites(e.On)
		default:
			r.performUpstream(effect)
			r.performDownstream(effect)
		}
	}
}

func (r *replication) log(e repl.Log) {
	switch e.Level {
	case repl.Debug:
		r.e.log.Debugf("%s", e.Text)
	case repl.Notice:
		r.e.log.Noticef("%s", e.Text)
	case repl.Warning:
		r.e.log.Warningf("%s", e.Text)
	}
}

// roleChanged lets go of clients that wait for what only a master gives.
func (r *replication) roleChanged(role repl.Role) {
	r.showRole()
	r.noteMaster()
	if role == repl.Replica {
		r.e.dismissBlocked()
	}
}

// noteMaster makes the configuration say whom this node follows, whoever decided
// it: a person, or the other end of a FAILOVER.
func (r *replication) noteMaster() {
	if r.e.managed.on {
		return
	}
	var master config.HostPort
	if up := r.status().Upstream; up != nil {
		master = config.HostPort{Host: up.Host, Port: up.Port}
	}
	r.e.cfg.SetReplicaOf(master)
}

// holdWrites makes the writes of clients wait for a FAILOVER.
func (r *replication) holdWrites(on bool) {
	if on {
		r.e.pauseClients(pausedByFailover, pauseWrite, forEver)
	} else {
		r.e.unpauseClients(pausedByFailover)
	}
}

// showRole lets log lines begin with the role's letter.
func (r *replication) showRole() {
	letter := byte('M')
	if r.isReplica() {
		letter = 'S'
	}
	r.e.log.SetRole(letter)
}

// isReplica tells whether this node follows a master.
func (r *replication) isReplica() bool { return r.m.Role() == repl.Replica }

// originates tells whether effects go onto the stream: a master's do, once
// somebody listens or the offset has a meaning to an operator.
func (r *replication) originates() bool { return r.m.Originates() }

// stale tells whether reads are to be refused because the link is down.
func (r *replication) stale() bool {
	return !r.e.cfg.ReplicaServeStaleData && r.isReplica() && !r.m.LinkUp()
}

// loadsBeside tells whether a snapshot is being loaded beside the data set that
// is served.
func (r *replication) loadsBeside() bool {
	up := r.status().Upstream
	return up != nil && up.Loading
}

// enoughGoodReplicas is min-replicas-to-write's question.
func (r *replication) enoughGoodReplicas() bool {
	return r.e.cfg.MinReplicasToWrite == 0 || r.m.EnoughGoodReplicas()
}

// selectDB puts a SELECT on the stream where the last one differs.
func (r *replication) selectDB(db int) { r.m.Select(db) }

// feed appends bytes to the stream.
func (r *replication) feed(p []byte) { r.m.Append(p) }

// offset is how far the stream has come.
func (r *replication) offset() int64 { return r.m.Offset() }

// backlogMemory is what the tail of the stream occupies, in bytes.
func (r *replication) backlogMemory() int64 {
	if b := r.m.Backlog(); b != nil {
		return b.Memory()
	}
	return 0
}

// dumpPosition is what a dump made now says of its place in the stream, nil
// where it has none that anybody could resume from.
func (r *replication) dumpPosition() *rdb.Replication {
	at, db, ok := r.m.SaveInfo()
	if !ok {
		return nil
	}
	return &rdb.Replication{StreamDB: db, ID: at.Replid, Offset: at.Offset}
}

// changeID begins a new history without a past (DEBUG CHANGE-REPL-ID).
func (r *replication) changeID() { r.step(repl.ChangeReplid{}) }

// position is where the data set stands, the zero value if it never held
// anything.
func (r *replication) position() repl.Position {
	h := r.m.History()
	return h.Position()
}

// follow makes this managed node a replica.
func (r *replication) follow(host string, port int, grant repl.Grant) {
	r.step(repl.SetMaster{Host: host, Port: port, Grant: &grant})
}

// lead makes this managed node the master of a history.
func (r *replication) lead(replid string) { r.step(repl.UnsetMaster{Replid: replid}) }

// freeze makes the position stand still until the next role.
func (r *replication) freeze() { r.step(repl.Freeze{}) }

// status describes all of it.
func (r *replication) status() repl.Status { return r.m.Status(r.clock()) }

// flushReplicas wakes the connections that have new stream bytes to write.
func (e *Engine) flushReplicas() {
	r := &e.replication
	if r.wantAcks {
		r.wantAcks = false
		r.step(repl.AskAcks{})
	}
	if r.m.Pending() {
		r.perform(r.m.Take())
		r.settle()
	}
	if offset := r.m.Offset(); offset != r.told {
		r.told = offset
		for _, d := range r.replicas {
			d.wake()
		}
	}
}

// replicationCron is the work of each second.
func (e *Engine) replicationCron(time.Time) {
	r := &e.replication
	for id := range r.greeted {
		if e.sessions[int64(id)] == nil {
			delete(r.greeted, id)
			r.step(repl.PeerGone{Peer: id})
		}
	}
	r.dropStalled()
	r.step(repl.Tick{})
}
