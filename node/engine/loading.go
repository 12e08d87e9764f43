// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/dataset"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// loading is a data set being read, while clients are told -LOADING. It is
// read into a store of its own: nobody sees half of it.
type loading struct {
	untilStart bool // clients are kept away until Start, not only while Load works
	startedAt  time.Time
	total      atomic.Int64 // bytes
	read       atomic.Int64 // bytes
}

// lastLoad is what INFO persistence tells about the last dump that was read.
type lastLoad struct {
	keys, expired int64
	summary       rdb.Summary
}

// AwaitStart tells clients and replicas -LOADING from now on until Start. Called
// before anybody can be connected: whoever came between the opening of the port
// and Load would be served an empty data set, a replica that asked for a sync
// too, and between Load and Start a replica-to-be would still be a master.
func (e *Engine) AwaitStart() {
	e.Lock()
	defer e.Unlock()
	e.loading = &loading{startedAt: time.Now(), untilStart: true}
}

// Load reads what the configuration names: the append-only file where that is
// on and there is one, else the dump. Clients can be connected already: they get
// -LOADING. An error means that the node must not go on, because it would
// replace what is on the disk by less; its text says where the files are damaged
// and what to do. Called without the lock, before Start.
func (e *Engine) Load() error {
	cfg := e.cfg.Current()
	e.Lock()
	if e.loading == nil {
		e.loading = &loading{startedAt: time.Now()}
	}
	progress := e.loading
	e.Unlock()
	header, err := e.loadData(cfg, progress)
	if err == nil {
		err = e.checkOwner(header)
	}
	if err == nil && cfg.AppendOnly.Enabled {
		err = e.openAppendOnly()
	}
	e.Lock()
	defer e.Unlock()
	if !progress.untilStart {
		e.loading = nil
	}
	e.managed.publish()
	return err
}

// loadData reads the data set. With the append-only file on and none there, the
// dump is better than nothing, other than in Redis: the node would begin empty,
// and replace it.
func (e *Engine) loadData(cfg *config.Values, progress *loading) (rdb.Header, error) {
	if cfg.AppendOnly.Enabled {
		if header, found, err := e.loadAppendOnly(cfg, progress); err != nil || found {
			return header, err
		}
	}
	path := dumpPath(cfg)
	if f, err := os.Stat(path); err == nil {
		progress.total.Store(f.Size())
	}
	next := e.newStore()
	h := e.newLoadHandler(next, cfg)
	sum, err := rdb.LoadFile(path, h, rdb.LoadOptions{Progress: progress.read.Store})
	e.Lock()
	defer e.Unlock()
	e.BatchBegin()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		next.Close()
		return rdb.Header{}, nil
	case err != nil:
		next.Close()
		return rdb.Header{}, e.loadFailed(path, err)
	}
	e.adoptStore(next)
	e.loaded(sum, h)
	e.log.Noticef("DB loaded from disk: %.3f seconds", time.Since(progress.startedAt).Seconds())
	return sum.Header, nil
}

// checkOwner stops a managed node that was given another group's directory,
// before it writes anything into it.
func (e *Engine) checkOwner(h rdb.Header) error {
	e.Lock()
	defer e.Unlock()
	err := e.managed.loaded(h)
	if err != nil {
		e.log.Warningf("%v. Exiting.", err)
	}
	return err
}

// loadFailed logs why the node stops and returns it.
func (e *Engine) loadFailed(path string, err error) error {
	var unsupported *rdb.UnsupportedError
	advice := "Restore a backup of it, or repair it (redis-check-rdb tells what is whole); " +
		"moving it away starts the node empty, and a save then replaces it for good"
	if errors.As(err, &unsupported) {
		advice = "Remove such keys with a server that knows their type and save again"
	}
	err = fmt.Errorf("loading %s: %w. %s", path, err, advice)
	e.log.Warningf("Fatal error loading the DB: %v. Exiting.", err)
	return err
}

// loaded takes note of a dump that was read into the data set.
func (e *Engine) loaded(sum rdb.Summary, h *loadHandler) {
	e.managed.restored(sum.Header)
	if r := sum.Header.Replication; r != nil && r.ID != "" {
		e.replication.restore(*r)
	}
	e.tellDeleted(h)
	e.lastLoad = lastLoad{keys: h.keys, expired: h.expired, summary: sum}
	e.log.Noticef("Loading RDB produced by version %s", sum.Header.RedisVersion)
	e.log.Noticef("RDB age %d seconds", max(0, e.now/1000-sum.Header.CreatedAt))
	e.log.Noticef("RDB memory usage when created %.2f Mb", float64(sum.Header.UsedMemory)/(1<<20))
	e.logLoaded(sum, h)
}

// logLoaded tells what became of a dump's keys, in Redis's words.
func (e *Engine) logLoaded(sum rdb.Summary, h *loadHandler) {
	for _, key := range sum.FirstEmpty {
		e.log.Noticef("rdbLoadObject skipping empty key: %s", key)
	}
	if sum.EmptyKeys > 0 {
		e.log.Noticef("Done loading RDB, keys loaded: %d, keys expired: %d, empty keys skipped: %d.", h.keys, h.expired, sum.EmptyKeys)
		return
	}
	e.log.Noticef("Done loading RDB, keys loaded: %d, keys expired: %d.", h.keys, h.expired)
}

// tellDeleted tells the replicas of keys that had expired and were not loaded.
func (e *Engine) tellDeleted(h *loadHandler) {
	for _, k := range h.toDelete {
		e.Propagate(k.db, [][]byte{delWord, k.key})
		e.endUnit()
	}
	h.toDelete = nil
}

// loadHandler puts what a dump holds into a store that nobody else sees, or,
// for DEBUG RELOAD NOFLUSH, into the data set under the lock.
type loadHandler struct {
	st          *store.Store
	now         int64 // Unix milliseconds
	dropExpired bool
	unique      bool // a key that is there already is an error
	delay       saveDelay

	keys, expired int64
	replicated    bool // the dump has a place in a stream
	// toDelete are the expired keys of such a dump: they are not loaded, and the
	// replicas that resync from there have to be told.
	toDelete []deadKey
}

// deadKey is a key that had expired before it was loaded.
type deadKey struct {
	db  int
	key []byte
}

// newLoadHandler loads for this node's role: a master drops keys that have
// expired; a replica, and a node that doesn't know its role yet, keeps them.
func (e *Engine) newLoadHandler(st *store.Store, cfg *config.Values) *loadHandler {
	return &loadHandler{
		st: st, now: time.Now().UnixMilli(), unique: true,
		dropExpired: cfg.ReplicaOf == (config.HostPort{}) && !cfg.Managed,
		delay:       saveDelay{delay: cfg.KeyLoadDelay},
	}
}

// Aux notes whether the dump has a place in a stream (rdb.Handler).
func (h *loadHandler) Aux(name, _ string) error {
	h.replicated = h.replicated || name == "repl-id"
	return nil
}

// Resize makes room for what is announced, within reason (rdb.Handler).
func (h *loadHandler) Resize(db int, keys, _ uint64) error {
	const reason = 64 << 20
	if db < h.st.NumDBs() && h.st.DB(db).Len() == 0 {
		h.st.DB(db).Reserve(int(min(keys, reason)))
	}
	return nil
}

// Item stores a key (rdb.Handler).
func (h *loadHandler) Item(it *rdb.Item) error {
	if it.DB >= h.st.NumDBs() {
		return fmt.Errorf("the dump has a database %d, and the directive databases allows %d", it.DB, h.st.NumDBs())
	}
	h.delay.afterKey()
	if h.dropExpired && it.ExpireAt != rdb.NoExpiry && it.ExpireAt < h.now {
		h.expired++
		if h.replicated {
			h.toDelete = append(h.toDelete, deadKey{it.DB, bytes.Clone(it.Key)})
		}
		return nil
	}
	db := h.st.DB(it.DB)
	added, err := dataset.Put(db, it)
	switch {
	case err != nil:
		return fmt.Errorf("the key %.128q of database %d: %w", it.Key, it.DB, err)
	case !added && h.unique:
		return fmt.Errorf("the key %.128q of database %d is there twice", it.Key, it.DB)
	}
	if it.ExpireAt != rdb.NoExpiry {
		db.SetExpire(it.Key, it.ExpireAt)
	}
	switch it.Usage.Kind {
	case rdb.UsageIdle:
		db.SetAccess(it.Key, h.st.IdleAccess(int64(it.Usage.Value)))
	case rdb.UsageFrequency:
		db.SetAccess(it.Key, h.st.FrequencyAccess(int(it.Usage.Value)))
	}
	h.keys++
	return nil
}
