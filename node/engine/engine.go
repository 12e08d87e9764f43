// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package engine executes commands. It owns the data set, the sessions, the
// replication stream and the order of everything: there is one execution lock,
// and the order in which it is taken is the order of the stream.
//
// A loop (node/server) parses a batch of commands, takes the lock once, calls
// Session.Execute for each, and releases it; whatever else touches the data
// set (the cron, the link to a master, a snapshot's slices, the control API)
// takes the same lock. Unless its comment says otherwise, a method of this
// package is called with the lock held. Nothing that waits for a disk or a
// network holds it, but SAVE, SHUTDOWN's last save, turning the append-only file
// off, and DEBUG, which mean to.
//
// A call runs through: Session.Execute → the gates (gates.go: may this session
// run this command now?) → the handler → the stream unit (propagate.go).
// Handlers live in the command families and in this package's *_commands.go
// files; they see a command.Context.
//
// Start reading at Engine, then dispatch.go. Then, as needed: sessions and what
// makes them wait (session.go, blocking.go, waiting.go, transaction.go); what goes on by
// itself (cron.go, expiry.go); the disk (snapshot.go, save.go, loading.go,
// shutdown.go; aof.go for the append-only file); replication (replication.go names its files) and the operator's
// word (managed.go).
package engine

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/info"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/server"
	"github.com/espalier-io/espalier/node/store"
)

// Engine is one server: data set, sessions, replication, persistence.
type Engine struct {
	mu  sync.Mutex
	cfg *config.Config
	log *log.Logger

	table            *command.Table
	execCmd, pingCmd *command.Command
	immediate        map[*command.Command]bool // executed, not queued, in a transaction
	store            *store.Store
	ctx              command.Context // used again for every call

	runID     string // 40 hex digits, new with every process
	startedAt time.Time

	// now and clock are read once for a batch: Unix milliseconds for expiry,
	// monotonic nanoseconds since startedAt for durations.
	now       int64
	clock     int64
	stopwatch stopwatch
	ahead     lookahead

	sessions      map[int64]*Session
	nextSessionID int64
	watched       watched
	waiting       waiting
	monitors      []*Session
	pauses        pauses
	warnedOfHTTP  int64 // e.clock

	unit  unit  // what the running call or transaction propagates
	inTx  bool  // inside EXEC: the unit is flushed at its end
	dirty int64 // changes since the last save

	stats       stats
	serverStats func() server.Stats
	// errorsAtCall is stats.errorReplies at the beginning of the running call, and
	// the calls within it.
	errorsAtCall int64
	sections     info.Registry
	memory       memoryWatch
	slowlog      slowlog
	expire       expireCycle
	local        localExpiry
	debugging    debugging

	replication replication
	managed     managed
	scripting   scripting

	loading  *loading // nil when not
	lastLoad lastLoad
	snapshot *snapshotJob // the one in progress
	saving   saving
	shutdown shutdown
	aof      appendOnly
	disk     aof.FS // of the append-only file

	exits       chan int    // exit codes; the first one counts
	interrupted atomic.Bool // SIGINT came once

	stop chan struct{} // closed by Stop
	done sync.WaitGroup
}

// Families are the command tables that are not the engine's own.
type Families [][]command.Spec

// New makes an engine with an empty data set, loading nothing and serving
// nobody yet: Load and Start do. Called without the lock.
func New(cfg *config.Config, logger *log.Logger, families Families) *Engine {
	e := &Engine{
		cfg:       cfg,
		log:       logger,
		runID:     NewRunID(),
		startedAt: time.Now(),
		sessions:  make(map[int64]*Session),
		stop:      make(chan struct{}),
		exits:     make(chan int, 1),
		disk:      aof.Disk,
	}
	e.readClock()
	e.store = e.newStore()
	e.watched.init()
	e.saving.init(e.now)
	e.setSlowAt()
	e.log.SetLevel(logLevels[cfg.LogLevel])
	e.log.SetRole('M')
	if cfg.ReplicaOf != (config.HostPort{}) {
		e.log.SetRole('S')
	}
	e.replication.init(e)
	e.managed.init(e)
	e.aof.init(e)
	e.scripting.init(e)
	e.buildTable(families)
	e.registerInfo()
	e.watchConfig()
	e.memory.startup = e.usedMemory()
	return e
}

func (e *Engine) buildTable(families Families) {
	e.table = command.NewTable(append(Families{
		e.connectionCommands(),
		e.transactionCommands(),
		e.serverCommands(),
		e.persistenceCommands(),
		e.replicationCommands(),
		e.scriptCommands(),
	}, families...)...)
	e.execCmd = e.table.ByFullName("exec")
	e.pingCmd = e.table.ByFullName("ping")
	e.immediate = make(map[*command.Command]bool)
	for _, name := range immediate {
		e.immediate[e.table.ByFullName(name)] = true
	}
}

// NewRunID draws 40 random hex digits: a run id or a replication id.
func NewRunID() string {
	var raw [20]byte
	rand.Read(raw[:]) // never fails: crypto/rand aborts the program instead
	return hex.EncodeToString(raw[:])
}

// newStore has no limit of values: that is for what clients write, not for what
// is loaded.
func (e *Engine) newStore() *store.Store {
	cfg := e.cfg.Current()
	st := store.New(store.Options{Databases: cfg.Databases, MaxValue: store.MostValueBytes})
	st.SetLimits(limits(cfg, 0))
	return st
}

// Lock takes the execution lock. Called without it.
func (e *Engine) Lock() { e.mu.Lock() }

// Unlock gives the execution lock back.
func (e *Engine) Unlock() { e.mu.Unlock() }

// RunID is the identity of this process.
func (e *Engine) RunID() string { return e.runID }

// BatchBegin reads the clocks for the commands that follow.
func (e *Engine) BatchBegin() {
	e.readClock()
	e.managed.readClock()
}

// BatchEnd publishes what the batch appended to the stream.
func (e *Engine) BatchEnd() {
	if len(e.waiting.ready) > 0 {
		e.serveWaiting() // a master's stream or a new data set brought something, a pause has ended
	}
	e.ahead.forget()
	e.stopwatch.settle(e)
	e.saveAfterFlush()
	e.flushReplicas()
	e.aof.endBatch()
}

func (e *Engine) readClock() {
	t := time.Now()
	e.now = t.UnixMilli()
	e.clock = int64(t.Sub(e.startedAt))
	e.stopwatch.mark = e.clock
}

// sinceStart is a fresh look at the monotonic clock.
func (e *Engine) sinceStart() time.Duration { return time.Since(e.startedAt) }

// Connected admits a connection (server.Handler).
func (e *Engine) Connected(conn server.Conn) (server.Session, error) {
	s := e.newSession(conn)
	switch {
	case len(e.sessions) >= e.cfg.MaxClients:
		e.stats.rejectedConnections++
		return nil, errMaxClients
	case e.cfg.ProtectedMode && e.cfg.RequirePass == "" && !s.local():
		e.stats.rejectedConnections++
		return nil, errProtectedMode
	}
	e.stats.connections++
	e.sessions[s.id] = s
	return s, nil
}

// Start begins the background work: the cron and, where configured, the link
// to a master. Called without the lock, after the data set was loaded.
func (e *Engine) Start() {
	e.done.Go(e.runCron)
	e.Lock()
	e.replication.start()
	e.loading = nil
	e.managed.publish()
	e.Unlock()
}

// Stop ends the background work and waits for it. Called without the lock.
func (e *Engine) Stop() {
	close(e.stop)
	e.Lock()
	e.replication.stop()
	log := e.aof.log
	e.Unlock()
	e.done.Wait()
	if log != nil {
		_ = log.Close() // the process ends, or a test: SHUTDOWN has told what there was to tell
	}
}

// UseDisk puts another file layer under the append-only file. Called before Load.
func (e *Engine) UseDisk(disk aof.FS) { e.disk = disk }
