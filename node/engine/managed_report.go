// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/info"
	"github.com/espalier-io/espalier/node/repl"
)

// report is the node's word about itself at one moment.
type report struct {
	controlapi.State
	taken   time.Duration // since the start
	leased  bool
	figures []float64 // in the order of the table
}

// fresh is the age below which a state is as good as one of now.
const fresh = 5 * time.Second

// asOf is the state with its age.
func (r *report) asOf(now time.Duration) controlapi.State {
	s := r.State
	if r.leased {
		s.Nonce = int64(bootTime())
	}
	if age := now - r.taken; age >= fresh {
		s.AgeSecs = int64(age / time.Second)
	}
	return s
}

// figure is one metric.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(e *Engine, s *repl.Status, state *controlapi.State) float64
}

func gauge(name, help string, read func(*Engine, *repl.Status, *controlapi.State) float64) figure {
	return figure{prometheus.NewDesc("espalier_node_"+name, help, nil, nil), prometheus.GaugeValue, read}
}

func counter(name, help string, read func(*Engine) int64) figure {
	return figure{prometheus.NewDesc("espalier_node_"+name, help, nil, nil), prometheus.CounterValue,
		func(e *Engine, _ *repl.Status, _ *controlapi.State) float64 { return float64(read(e)) }}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// figures are the metrics of a node.
var figures = []figure{
	gauge("master", "Whether the node has the master role.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 { return truth(s.Role == repl.Master) }),
	gauge("writable", "Whether the node takes writes of clients as a master.",
		func(e *Engine, s *repl.Status, _ *controlapi.State) float64 {
			return truth(s.Role == repl.Master && !e.managed.silent())
		}),
	gauge("quarantined", "Whether a managed node waits for its grant.",
		func(_ *Engine, _ *repl.Status, st *controlapi.State) float64 {
			return truth(st.Phase == controlapi.PhaseQuarantined)
		}),
	gauge("epoch", "Epoch that the node serves under.",
		func(_ *Engine, _ *repl.Status, st *controlapi.State) float64 { return float64(st.Epoch) }),
	gauge("promised_epoch", "The node accepts no grant below this epoch.",
		func(_ *Engine, _ *repl.Status, st *controlapi.State) float64 { return float64(st.Promised) }),
	gauge("lease_seconds", "For how much longer a master may take writes as far as its lease goes, -1 where it needs none.",
		func(e *Engine, _ *repl.Status, _ *controlapi.State) float64 {
			if left, leased := e.managed.leaseLeft(); leased {
				return left.Seconds()
			}
			return -1
		}),
	gauge("replication_offset_bytes", "Bytes of the replication stream originated or applied.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 { return float64(s.History.Offset) }),
	gauge("link_up", "Whether a replica's link to its upstream carries the stream.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 {
			return truth(s.Upstream != nil && s.Upstream.Up)
		}),
	gauge("link_refused", "Whether the data-set shield keeps a replica's link down.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 {
			return truth(s.Upstream != nil && s.Upstream.Refused)
		}),
	gauge("link_idle_seconds", "Seconds since the last byte from the upstream, -1 without a link.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 {
			if s.Upstream == nil {
				return -1
			}
			return float64(s.Upstream.IdleSeconds)
		}),
	gauge("replicas", "Replicas that are attached.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 { return float64(len(s.Peers)) }),
	gauge("good_replicas", "Replicas that min-replicas-to-write counts.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 { return float64(s.Good) }),
	gauge("backlog_bytes", "Bytes of the stream that the backlog holds.",
		func(_ *Engine, s *repl.Status, _ *controlapi.State) float64 { return float64(s.BacklogLen) }),
	gauge("clients", "Connections of clients, replicas included.",
		func(e *Engine, _ *repl.Status, _ *controlapi.State) float64 { return float64(len(e.sessions)) }),
	gauge("keys", "Keys in all databases.",
		func(_ *Engine, _ *repl.Status, st *controlapi.State) float64 { return float64(st.Keys) }),
	gauge("memory_used_bytes", "Memory that the data set and what serves it take.",
		func(e *Engine, _ *repl.Status, _ *controlapi.State) float64 { return float64(e.usedMemory()) }),
	gauge("save_ok", "Whether the last save to disk succeeded.",
		func(_ *Engine, _ *repl.Status, st *controlapi.State) float64 { return truth(st.Persistence.RDBOK) }),
	gauge("last_save_timestamp_seconds", "Unix time of the last successful save, or of the start.",
		func(_ *Engine, _ *repl.Status, st *controlapi.State) float64 { return float64(st.Persistence.SavedAt) }),
	counter("commands_total", "Commands executed.", func(e *Engine) int64 { return e.stats.commands }),
	counter("connections_total", "Connections accepted.", func(e *Engine) int64 { return e.stats.connections }),
	counter("keyspace_hits_total", "Reads that found their key.", func(e *Engine) int64 { return e.stats.hits }),
	counter("keyspace_misses_total", "Reads that did not find their key.", func(e *Engine) int64 { return e.stats.misses }),
	counter("expired_keys_total", "Keys removed because their time had come.", func(e *Engine) int64 { return e.stats.expired }),
	counter("error_replies_total", "Error replies to clients.", func(e *Engine) int64 { return e.stats.errorReplies }),
	counter("full_syncs_total", "Full syncs given to replicas.", func(e *Engine) int64 { return e.stats.fullSyncs }),
	counter("partial_syncs_total", "Partial resyncs given to replicas.", func(e *Engine) int64 { return e.stats.partialSyncs }),
}

// recentWindow is how long a copy counts as a recent one after its link was
// lost: longer than a reconnect takes, shorter than it takes to lose much.
const recentWindow = 10 * time.Second

// recency remembers when a replica's link last carried the stream, and under
// which grant's epoch. Times are e.clock's.
type recency struct {
	epoch    uint64
	at       int64
	frozen   bool
	frozenAt int64
}

// note: the link carries the stream now.
func (r *recency) note(epoch uint64, now int64) { r.epoch, r.at = epoch, now }

// freeze: a promise cuts the link; what was recent stays so.
func (r *recency) freeze(now int64) { r.frozen, r.frozenAt = true, now }

// thaw: a grant has ended the standstill.
func (r *recency) thaw() { r.frozen = false }

// holds tells whether a copy that follows under an epoch, 0 for none, is known
// to be a recent one.
func (r *recency) holds(epoch uint64, now int64) bool {
	if r.frozen {
		now = r.frozenAt
	}
	return epoch != 0 && r.epoch == epoch && now-r.at <= int64(recentWindow)
}

// noteLink remembers that the link carries the stream, if it does.
func (m *managed) noteLink() {
	if m.on && m.e.replication.m.LinkUp() {
		m.recent.note(m.guard.Following(), m.e.clock)
	}
}

// publish takes the node's state and figures anew.
func (m *managed) publish() *report {
	e := m.e
	m.noteLink()
	status := e.replication.status()
	r := &report{State: m.describe(&status), taken: e.sinceStart(), leased: m.lease.Load() != nil, figures: make([]float64, len(figures))}
	for i := range figures {
		r.figures[i] = figures[i].read(e, &status, &r.State)
	}
	m.published.Store(r)
	return r
}

// leaseLeft is what is left of the lease; ok is false where there is none.
func (m *managed) leaseLeft() (left time.Duration, ok bool) {
	l := m.lease.Load()
	if l == nil {
		return 0, false
	}
	return max(l.End()-bootTime(), 0), true
}

// describe is the node's word about itself as of now.
func (m *managed) describe(status *repl.Status) controlapi.State {
	e := m.e
	own := m.own()
	s := controlapi.State{
		RunID: e.runID, Phase: controlapi.PhaseServing,
		Position: own,
		// A data set has a position from the moment on at which it is whole: a sync
		// is received beside it and takes its place in one step.
		Complete:    own != controlapi.Position{},
		LocalWrites: m.localWrites,
		Keys:        int64(e.store.Len()),
		Persistence: controlapi.Persistence{
			RDB:     len(e.cfg.Save) > 0,
			RDBOK:   !e.saving.lastFailed,
			SavedAt: e.saving.lastSave,
			DirID:   m.identity.DirID,
		},
	}
	e.aof.describe(&s.Persistence)
	if status.History.SecondOffset > 0 {
		s.Replid2, s.Offset2 = status.History.Replid2, status.History.SecondOffset
	}
	if e.loading != nil {
		s.Phase = controlapi.PhaseLoading
	}
	switch {
	case m.on:
		m.guard.Describe(&s)
		s.Linked = m.recent.holds(m.guard.Following(), e.clock)
	case status.Role == repl.Replica:
		s.Role = controlapi.RoleReplica
	default:
		s.Role, s.Open = controlapi.RoleMaster, true
	}
	if up := status.Upstream; up != nil {
		describeLink(&s, up)
	}
	return s
}

func describeLink(s *controlapi.State, up *repl.UpstreamStatus) {
	if s.Upstream == nil {
		s.Upstream = &controlapi.Upstream{Host: up.Host, Port: up.Port}
	}
	s.IdleSecs = max(up.IdleSeconds, 0)
	switch {
	case up.Up:
		s.Link = controlapi.LinkUp
		return
	case up.Refused:
		s.Link = controlapi.LinkRefused
	case up.Syncing:
		s.Link = controlapi.LinkSync
	default:
		s.Link = controlapi.LinkDown
	}
	s.LinkReason = up.Reason
}

// State is the node's latest word about itself (control.Node). Called without
// the lock, as are those after it.
func (e *Engine) State() controlapi.State {
	return e.managed.published.Load().asOf(e.sinceStart())
}

// holdsLease tells whether a lease, if there is one, lasts.
func (e *Engine) holdsLease() bool {
	left, leased := e.managed.leaseLeft()
	return !leased || left > 0
}

// Ready gives nil, or why readers should go elsewhere (control.Node).
func (e *Engine) Ready() error {
	s := e.State()
	switch {
	case s.Phase == controlapi.PhaseLoading:
		return errors.New("the data set is being loaded")
	case s.Phase == controlapi.PhaseQuarantined:
		return errors.New("the node has no role yet: it waits for a grant")
	case s.Frozen:
		return errors.New("the node stands still: it promised a higher epoch")
	case s.Role == controlapi.RoleMaster && !s.Open:
		return errors.New("the master does not take writes yet")
	case !e.holdsLease():
		return errors.New("the master takes no writes: its lease has run out")
	case s.Role == controlapi.RoleReplica && !s.Complete:
		return errors.New("the replica has no complete copy yet")
	case s.Role == controlapi.RoleReplica && s.Link != controlapi.LinkUp:
		return errors.New("the link to the upstream is " + string(s.Link) + ": " + s.LinkReason)
	}
	return nil
}

// Describe lists the metrics (prometheus.Collector).
func (e *Engine) Describe(descs chan<- *prometheus.Desc) {
	for i := range figures {
		descs <- figures[i].desc
	}
}

// Collect gives the metrics as last published (prometheus.Collector).
func (e *Engine) Collect(metrics chan<- prometheus.Metric) {
	r := e.managed.published.Load()
	for i := range figures {
		metrics <- prometheus.MustNewConstMetric(figures[i].desc, figures[i].kind, r.figures[i])
	}
}

// infoManaged tells people what the operator said and what follows from it.
func (e *Engine) infoManaged(f *info.Fields) {
	m := &e.managed
	var s controlapi.State
	m.guard.Describe(&s)
	f.Str("group_id", s.GroupID)
	f.Str("phase", string(s.Phase))
	f.Str("granted_role", string(s.Role))
	f.Int("epoch", int64(s.Epoch))
	f.Int("promised_epoch", int64(s.Promised))
	f.Bool("frozen", s.Frozen)
	f.Bool("local_writes", m.localWrites)
	f.Str("dir_id", m.identity.DirID)
	if s.Role != controlapi.RoleMaster {
		return
	}
	f.Bool("epoch_open", s.Open)
	if left, leased := m.leaseLeft(); leased {
		f.Int("lease_voters", int64(len(m.guard.Lease().Voters())+1))
		f.Int("lease_left_ms", left.Milliseconds())
	}
}
