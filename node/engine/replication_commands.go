// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/repl"
	"github.com/espalier-io/espalier/node/resp"
)

func (e *Engine) replicationCommands() []command.Spec {
	const (
		group = "server"
		inner = command.Admin | command.NoScript | command.AllowBusy
	)
	return []command.Spec{
		{Name: "failover", Arity: -1, Flags: command.Admin | command.NoScript | command.Stale | command.OneAuthor, Group: group, Since: "6.2.0",
			Summary: "Hand the master role over to a replica, without a lost write", Complexity: "O(1)", Handler: e.failover},
		{Name: "psync", Arity: -3, Flags: command.NoAsyncLoading | command.Admin | command.NoMulti | command.NoScript, Group: group, Since: "2.8.0",
			Summary: "Internal command used for replication", Handler: e.psync},
		{Name: "replconf", Arity: -1, Flags: inner | command.Loading | command.Stale | command.Unquarantine, Group: group, Since: "3.0.0",
			System: true, Summary: "An internal command for configuring the replication stream", Complexity: "O(1)", Handler: e.replconf},
		{Name: "replicaof", Arity: 3, Flags: command.NoAsyncLoading | command.Admin | command.NoScript | command.Stale | command.OneAuthor,
			Group: group, Since: "5.0.0",
			Summary: "Make the server a replica of another one, or a master", Complexity: "O(1)", Handler: e.replicaOf},
		{Name: "role", Arity: 1, Flags: command.NoScript | command.Loading | command.Stale | command.Fast | command.Unquarantine,
			Categories: command.CatAdmin | command.CatDangerous, Group: group, Since: "2.8.12",
			Summary: "Return the role of the server in the replication", Complexity: "O(1)", Handler: e.role},
		{Name: "slaveof", Arity: 3, Flags: command.NoAsyncLoading | command.Admin | command.NoScript | command.Stale | command.OneAuthor,
			Group: group, Since: "1.0.0", Deprecated: "5.0.0", ReplacedBy: "`REPLICAOF`",
			Summary: "Make the server a replica of another one, or a master", Complexity: "O(1)", Handler: e.replicaOf},
		{Name: "sync", Arity: 1, Flags: command.NoAsyncLoading | command.Admin | command.NoMulti | command.NoScript, Group: group, Since: "1.0.0",
			Summary: "Internal command used for replication", Handler: e.psync},
		{Name: "wait", Arity: 3, Flags: command.NoScript, Categories: command.CatConnection, Group: "generic", Since: "3.0.0",
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary: "Wait until replicas have acknowledged the client's writes", Complexity: "O(1)", Handler: e.wait},
	}
}

// replicaOf is REPLICAOF and SLAVEOF. It only says what is wanted and returns;
// the work is the link's. It is also the consent to the loss of the data set.
func (e *Engine) replicaOf(ctx *command.Context) {
	s, r := ctx.Session.(*Session), &e.replication
	if r.m.Failover() != repl.FailoverNone {
		ctx.Error("ERR REPLICAOF not allowed while failing over.")
		return
	}
	if fold(ctx.Argv[1], "NO") && fold(ctx.Argv[2], "ONE") {
		if r.isReplica() {
			r.step(repl.UnsetMaster{By: s.describeForLog()})
		}
		ctx.Reply.OK()
		return
	}
	if s.downstream != nil {
		ctx.Error("ERR Command is not valid when client is a replica.")
		return
	}
	port, ok := resp.ParseInt(ctx.Argv[2])
	if !ok || port < 0 || port > math.MaxUint16 {
		ctx.Error("ERR Invalid master port")
		return
	}
	master := config.HostPort{Host: string(ctx.Argv[1]), Port: int(port)}
	known := r.m.Follows(master.Host, master.Port)
	e.cfg.SetReplicaOf(master)
	r.step(repl.SetMaster{Host: master.Host, Port: master.Port, By: s.describeForLog(), Consent: true})
	if known {
		ctx.Reply.Simple("OK Already connected to specified master")
		return
	}
	ctx.Reply.OK()
}

// failover is FAILOVER [TO host port [FORCE]] [TIMEOUT ms] and FAILOVER ABORT.
func (e *Engine) failover(ctx *command.Context) {
	r := &e.replication
	if len(ctx.Argv) == 2 && fold(ctx.Argv[1], "ABORT") {
		if r.m.Failover() == repl.FailoverNone {
			ctx.Error("ERR No failover in progress.")
			return
		}
		r.step(repl.AbortFailover{})
		ctx.Reply.OK()
		return
	}
	ask, text := parseFailover(ctx.Argv[1:])
	if text == "" {
		r.obeyConfig()
		text = r.m.RefuseFailover(ask)
	}
	if text != "" {
		ctx.Error(text)
		return
	}
	r.step(ask)
	if ask.Timeout > 0 {
		time.AfterFunc(time.Duration(ask.Timeout)*time.Millisecond, func() {
			e.Lock()
			defer e.Unlock()
			e.BatchBegin()
			r.step(repl.FailoverDue{})
			e.BatchEnd()
		})
	}
	ctx.Reply.OK()
}

func parseFailover(args [][]byte) (ask repl.Failover, text string) {
	for len(args) > 0 {
		used := 1
		switch {
		case fold(args[0], "TIMEOUT") && len(args) > 1 && ask.Timeout == 0:
			n, ok := resp.ParseInt(args[1])
			if !ok {
				return ask, command.ErrNotInteger
			}
			if n <= 0 {
				return ask, "ERR FAILOVER timeout must be greater than 0"
			}
			ask.Timeout, used = n, 2
		case fold(args[0], "TO") && len(args) > 2 && ask.Host == "":
			port, ok := resp.ParseInt(args[2])
			if !ok {
				return ask, command.ErrNotInteger
			}
			ask.Host, ask.Port, used = string(args[1]), int(port), 3
		case fold(args[0], "FORCE") && !ask.Force:
			ask.Force = true
		default:
			return ask, command.ErrSyntax
		}
		args = args[used:]
	}
	return ask, ""
}

// replconf is what a replica says of itself, and its acknowledgements.
func (e *Engine) replconf(ctx *command.Context) {
	s, r := ctx.Session.(*Session), &e.replication
	id := repl.PeerID(s.id)
	if s.downstream == nil {
		r.greeted[id] = true
	}
	r.step(repl.Replconf{Peer: id, IP: s.ip(), Args: ctx.Argv[1:]})
	r.serveWaiters()
}

// psync is PSYNC, and SYNC for who doesn't know it.
func (e *Engine) psync(ctx *command.Context) {
	s, r := ctx.Session.(*Session), &e.replication
	if s.downstream != nil || s.monitoring || s.conn == nil {
		return
	}
	ask := repl.Psync{Peer: repl.PeerID(s.id), IP: s.ip(), Legacy: len(ctx.Argv) == 1}
	if !ask.Legacy {
		ask.Replid, ask.Offset = string(ctx.Argv[1]), string(ctx.Argv[2])
		ask.Failover = len(ctx.Argv) > 3 && fold(ctx.Argv[3], "FAILOVER")
		ask.By = s.describeForLog()
	}
	r.greeted[ask.Peer] = true
	e.synchronize(s, ask, handoverTries)
}

// A master that hands its role over by force may have sent more than this
// replica has read yet. What is on its way counts: it is waited for, as often
// and as long as this.
const (
	handoverTries = 50
	handoverPause = 20 * time.Millisecond
)

// synchronize answers PSYNC and SYNC.
func (e *Engine) synchronize(s *Session, ask repl.Psync, tries int) {
	r := &e.replication
	if ask.Failover && tries > 0 && r.expects(ask.Offset) {
		s.block(0, nil, nil)
		wait := s.blocked
		time.AfterFunc(handoverPause, func() {
			e.Lock()
			defer e.Unlock()
			e.BatchBegin()
			if s.blocked == wait {
				s.unblock()
				e.synchronize(s, ask, tries-1)
			}
			e.BatchEnd()
		})
		return
	}
	before := r.status()
	r.step(ask)
	after := r.status()
	e.stats.fullSyncs += after.FullSyncs - before.FullSyncs
	e.stats.partialSyncs += after.PartialOK - before.PartialOK
	e.stats.partialSyncsRefused += after.PartialErr - before.PartialErr
}

// expects tells whether the link to the master may still bring what lies before an
// offset.
func (r *replication) expects(offset string) bool {
	from, ok := resp.ParseInt([]byte(offset))
	return ok && r.m.LinkUp() && from > r.offset()+1
}

// ip is the address that a session comes from, without the port.
func (s *Session) ip() string {
	if s.conn == nil {
		return ""
	}
	addr := s.conn.RemoteAddr()
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// role answers with what one has to know of a node's place, in a form that is
// easy to process.
func (e *Engine) role(ctx *command.Context) {
	st, w := e.replication.status(), ctx.Reply
	if up := st.Upstream; up != nil {
		w.ArrayLen(5)
		w.BulkString("slave")
		w.BulkString(up.Host)
		w.Int(int64(up.Port))
		w.BulkString(up.State)
		offset := int64(-1)
		if up.Up {
			offset = up.Applied
		}
		w.Int(offset)
		return
	}
	online := slices.DeleteFunc(st.Peers, func(p repl.PeerStatus) bool { return p.State != repl.PeerOnline })
	w.ArrayLen(3)
	w.BulkString("master")
	w.Int(st.History.Offset)
	w.ArrayLen(len(online))
	for _, p := range online {
		w.ArrayLen(3)
		w.BulkString(p.IP)
		w.BulkString(strconv.Itoa(p.Port))
		w.BulkString(strconv.FormatInt(p.Acked, 10))
	}
}

// waiter is a client in WAIT: so many replicas, up to this offset.
type waiter struct {
	s        *Session
	offset   int64
	replicas int64
}

const errWaitOnReplica = "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is " +
	"configured to be writable (which is not the default) writes to replicas are just local and are not propagated."

// wait blocks the client until enough replicas have acknowledged what it has
// written, or its time is over.
func (e *Engine) wait(ctx *command.Context) {
	s, r := ctx.Session.(*Session), &e.replication
	if r.isReplica() {
		ctx.Error(errWaitOnReplica)
		return
	}
	replicas, ok := resp.ParseInt(ctx.Argv[1])
	if !ok {
		ctx.Error(command.ErrNotInteger)
		return
	}
	timeout, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok || timeout > math.MaxInt64/int64(time.Millisecond):
		ctx.Error("ERR timeout is not an integer or out of range")
		return
	case timeout < 0:
		ctx.Error("ERR timeout is negative")
		return
	}
	w := &waiter{s: s, offset: s.streamed, replicas: replicas}
	if acked := int64(r.m.CountAcked(w.offset)); acked >= replicas || e.inTx {
		ctx.Reply.Int(acked)
		return
	}
	r.waiters = append(r.waiters, w)
	r.wantAcks = true
	s.block(time.Duration(timeout)*time.Millisecond,
		func() { s.reply.Int(int64(r.m.CountAcked(w.offset))) },
		func() { r.dropWaiter(w) })
}

func (r *replication) dropWaiter(w *waiter) {
	r.waiters = slices.DeleteFunc(r.waiters, func(other *waiter) bool { return other == w })
}

// serveWaiters answers the clients whose writes enough replicas have got.
func (r *replication) serveWaiters() {
	for _, w := range slices.Clone(r.waiters) {
		if acked := int64(r.m.CountAcked(w.offset)); acked >= w.replicas {
			w.s.answer(func() { w.s.reply.Int(acked) })
		}
	}
}

// replicasCaughtUp tells whether every replica has acknowledged all.
func (r *replication) replicasCaughtUp() bool {
	st := r.status()
	return !slices.ContainsFunc(st.Peers, func(p repl.PeerStatus) bool { return p.Acked != st.History.Offset })
}

// hurryReplicas asks for acknowledgements now; SHUTDOWN waits for them.
func (r *replication) hurryReplicas() {
	r.wantAcks = true
	r.e.log.Noticef("Waiting for replicas before shutting down.")
}

// logLaggards tells, as the node ends, whom it leaves behind.
func (r *replication) logLaggards() {
	st := r.status()
	lagging := 0
	for _, p := range st.Peers {
		if p.Acked == st.History.Offset {
			continue
		}
		lagging++
		r.e.log.Warningf("Lagging replica %s:%d reported offset %d behind master, lag=%d, state=%s.",
			p.IP, p.Port, st.History.Offset-p.Acked, p.Lag, p.State)
	}
	if n := len(st.Peers); n > 0 && !r.isReplica() {
		r.e.log.Noticef("%d of %d replicas are in sync when shutting down.", n-lagging, n)
	}
}
