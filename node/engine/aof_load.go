// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/store"
)

// appendLoad reads an append-only file into a data set that nobody else sees:
// the base as a dump or as commands, the increments as commands. Commands need
// the engine, so they run under the lock, in slices; while one runs, the data
// set that is being made stands in the engine's place.
type appendLoad struct {
	e        *Engine
	cfg      *config.Values
	dir      *aof.Dir
	next     *store.Store
	session  *Session
	ctx      command.Context
	locked   bool // the caller holds the lock all the time (DEBUG LOADAOF)
	progress *loading
	before   int64 // bytes of the files that have been read
	delay    saveDelay

	base   rdb.Header
	keys   *loadHandler
	at     aof.Position
	placed bool // at holds for the data set as it is now
	known  bool // at was there at any time
	queue  [][][]byte
	multi  bool
}

// loadAppendOnly reads the append-only file that the configuration names. found
// is false where there is none. Called without the lock, before Start.
func (e *Engine) loadAppendOnly(cfg *config.Values, progress *loading) (h rdb.Header, found bool, err error) {
	started := time.Now()
	e.Lock()
	e.aof.dir = e.aof.newDir()
	e.Unlock()
	l := &appendLoad{e: e, cfg: cfg, dir: e.aof.dir, progress: progress}
	if err := l.dir.Load(); err != nil {
		return h, true, e.manifestFailed(err)
	}
	moved, err := l.dir.Upgrade(cfg.Path(cfg.AppendOnly.Filename))
	if err != nil {
		return h, true, e.appendOnlyFailed(err)
	}
	if moved {
		e.log.Noticef("Successfully migrated an old-style AOF file (%s) into the AOF directory (%s).",
			cfg.AppendOnly.Filename, cfg.AppendOnly.Dirname)
	}
	if l.dir.Manifest().Empty() {
		return h, false, nil
	}
	if err := l.run(); err != nil {
		return h, true, err
	}
	e.Lock()
	defer e.Unlock()
	e.BatchBegin()
	l.install()
	e.managed.restored(l.base)
	if l.known {
		e.managed.localWrites = e.managed.on && l.at.Local
	}
	if l.placed {
		e.replication.restore(rdb.Replication{StreamDB: l.at.DB, ID: l.at.Replid, Offset: l.at.Offset})
	}
	e.log.Noticef("DB loaded from append only file: %.3f seconds", time.Since(started).Seconds())
	return l.base, true, nil
}

// manifestFailed logs why a manifest can't be read, as Redis does.
func (e *Engine) manifestFailed(err error) error {
	var bad *aof.ManifestError
	if !errors.As(err, &bad) {
		return e.appendOnlyFailed(err)
	}
	e.log.Warningf("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")
	if bad.Line > 0 {
		e.log.Warningf("Reading the manifest file, at line %d\n", bad.Line)
		e.log.Warningf(">>> '%s'\n", bad.Text)
	}
	e.log.Warningf("%s\n", bad.Reason)
	return err
}

// appendOnlyFailed logs why the node stops and returns it.
func (e *Engine) appendOnlyFailed(err error) error {
	e.log.Warningf("%v", err)
	return err
}

// run reads all files. The error has been logged.
func (l *appendLoad) run() error {
	_, total, err := l.dir.Sizes()
	if err != nil {
		return l.e.appendOnlyFailed(err)
	}
	if l.progress != nil {
		l.progress.total.Store(total)
	}
	l.lock()
	l.next = l.e.newStore()
	l.session = l.e.newSession(nil)
	l.session.fromMaster, l.session.authenticated = true, true
	l.swapped(func() { l.session.selectDB(0) })
	l.unlock()
	l.delay = saveDelay{delay: l.cfg.KeyLoadDelay}
	files := l.dir.Manifest().Files()
	for i, f := range files {
		if err := l.file(f, i == len(files)-1); err != nil {
			l.next.Close()
			return err
		}
	}
	return nil
}

// install puts what was read in the place of the present data set.
func (l *appendLoad) install() {
	e := l.e
	e.adoptStore(l.next)
	e.dirty = 0
	if l.keys != nil {
		e.lastLoad = lastLoad{keys: l.keys.keys}
	}
}

// file reads one file. The error has been logged.
func (l *appendLoad) file(f aof.Entry, last bool) error {
	started := time.Now()
	file, size, err := l.dir.OpenRead(f.Name)
	if err != nil {
		return l.e.appendOnlyFailed(err)
	}
	defer file.Close()
	if last {
		if size, err = l.cutUnacknowledged(f, size); err != nil {
			return l.e.appendOnlyFailed(err)
		}
	}
	cut, err := l.content(f, file, size)
	if err == nil && cut >= 0 {
		err = l.truncate(f, cut, last)
	}
	if err != nil {
		return err
	}
	l.before += size
	l.report(0)
	kind := "incr"
	if f.Kind == aof.Base {
		kind = "base"
	}
	l.e.log.Noticef("DB loaded from %s file %s: %.3f seconds", kind, f.Name, time.Since(started).Seconds())
	return nil
}

func (l *appendLoad) report(read int64) {
	if l.progress != nil {
		l.progress.read.Store(l.before + read)
	}
}

// cutUnacknowledged cuts off, for a managed node, what a write that did not come
// to its end left behind the last position of the last file: nobody was told of
// it, and without it the data set has a place in its history again. The bytes are
// kept beside the file. What a writer without positions left stays. Where every
// write was synced, damage with whole writes behind it is no torn write but a bad
// disk, and is left to a person.
func (l *appendLoad) cutUnacknowledged(f aof.Entry, size int64) (int64, error) {
	if !l.cfg.Managed || f.Kind != aof.Increment {
		return size, nil
	}
	file, _, err := l.dir.OpenRead(f.Name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	at, end, tail := aof.LastPosition(aof.NewReader(file, 0, size))
	switch {
	case tail == aof.TailNone, tail == aof.TailUnplaced, at.Replid == "":
		return size, nil
	case tail == aof.TailDamaged && l.cfg.AppendOnly.Fsync == config.FsyncAlways:
		return 0, fmt.Errorf("the append-only file %s is damaged behind offset %d, and acknowledged writes follow the damage: "+
			"let another member lead, or make a backup of the file and use redis-check-aof --fix <filename.manifest>, which loses them", f.Name, end)
	}
	kept, err := l.dir.Keep(f.Name, end)
	if err != nil {
		return 0, err
	}
	l.e.log.Warningf("The AOF file %s has %d bytes behind its last position, of a write that was not completed: cutting them off at offset %d, kept in %s",
		f.Name, size-end, end, kept)
	return end, l.dir.Cut(f.Name, end)
}

// content reads what a file holds. cut is the length of what is whole where the
// file ends too early, -1 where it does not.
func (l *appendLoad) content(f aof.Entry, file io.Reader, size int64) (cut int64, err error) {
	magic := make([]byte, len("REDIS"))
	n, err := io.ReadFull(file, magic)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return -1, l.unreadable(f, err)
	}
	rest, at := io.MultiReader(bytes.NewReader(magic[:n]), file), int64(0)
	if string(magic[:n]) == "REDIS" {
		old := f.Name == l.dir.Name()
		if rest, at, err = l.preamble(f, rest, old); err != nil {
			return -1, err
		}
		if old {
			l.e.log.Noticef("Reading the remaining AOF tail...")
		}
	}
	return l.commands(f, aof.NewReader(rest, at, size-at))
}

// preamble reads a dump at the front of a file, and gives what follows it.
func (l *appendLoad) preamble(f aof.Entry, file io.Reader, old bool) (rest io.Reader, at int64, err error) {
	what := "RDB base file"
	if old {
		what = "RDB preamble"
		l.e.log.Noticef("Reading RDB preamble from AOF file...")
	} else {
		l.e.log.Noticef("Reading RDB base file on AOF loading...")
	}
	h := l.e.newLoadHandler(l.next, l.cfg)
	h.dropExpired = false // what follows decides over them
	sum, err := rdb.Load(file, h, rdb.LoadOptions{Progress: l.report, SkipChecksum: l.e.saving.skipSumming})
	if err != nil {
		l.e.log.Warningf("%s: %v", f.Name, err)
		if old {
			l.e.log.Warningf("Error reading the RDB preamble of the AOF file %s, AOF loading aborted", f.Name)
		} else {
			l.e.log.Warningf("Error reading the RDB base file %s, AOF loading aborted", f.Name)
		}
		return nil, 0, fmt.Errorf("reading the %s %s: %w", what, f.Name, err)
	}
	l.keys, l.base = h, sum.Header
	l.e.logLoaded(sum, h)
	if r := sum.Header.Replication; r != nil && r.ID != "" {
		l.at, l.placed, l.known = aof.Position{Replid: r.ID, Offset: r.Offset, DB: r.StreamDB}, true, false
	}
	return io.MultiReader(bytes.NewReader(sum.Rest), file), sum.Size, nil
}

func (l *appendLoad) unreadable(f aof.Entry, err error) error {
	l.e.log.Warningf("Unrecoverable error reading the append only file %s: %s", f.Name, aof.Reason(err))
	return fmt.Errorf("reading the append-only file %s: %w", f.Name, err)
}

// truncate deals with a file that is whole up to cut only.
func (l *appendLoad) truncate(f aof.Entry, cut int64, last bool) error {
	log := l.e.log
	if l.cfg.AppendOnly.LoadTruncated {
		log.Warningf("!!! Warning: short read while loading the AOF file %s!!!", f.Name)
		log.Warningf("!!! Truncating the AOF %s at offset %d !!!", f.Name, cut)
		if !last {
			// Redis would shorten it all the same, and then stop.
			log.Warningf("Fatal error: the truncated file is not the last file")
			return fmt.Errorf("the append-only file %s ends in the middle of a command at offset %d, and is not the last one", f.Name, cut)
		}
		if err := l.dir.Cut(f.Name, cut); err != nil {
			return l.e.appendOnlyFailed(err)
		}
		log.Warningf("AOF %s loaded anyway because aof-load-truncated is enabled", f.Name)
		return nil
	}
	log.Warningf("Unexpected end of file reading the append only file %s. You can: "+
		"1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. "+
		"2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server.", f.Name)
	return fmt.Errorf("the append-only file %s ends in the middle of a command at offset %d", f.Name, cut)
}

// openAppendOnly opens the file for what is executed from now on; with nothing
// on the disk, it makes a base of the data set first. Called without the lock,
// while e.loading still keeps clients away.
func (e *Engine) openAppendOnly() error {
	a := &e.aof
	if err := a.dir.Make(); err != nil {
		return e.appendOnlyFailed(err)
	}
	if a.dir.Manifest().Empty() {
		if err := a.firstBase(); err != nil {
			return e.appendOnlyFailed(err)
		}
	}
	file, entry, created, err := a.dir.OpenLast()
	if err != nil {
		return e.appendOnlyFailed(err)
	}
	base, total, err := a.dir.Sizes()
	if err != nil {
		return e.appendOnlyFailed(err)
	}
	size := total - base
	for _, older := range a.dir.Manifest().Increments {
		if older.Name != entry.Name {
			_, n, _ := a.sizeOf(older.Name)
			size -= n
		}
	}
	verb := "Opening"
	if created {
		verb = "Creating"
	}
	e.log.Noticef("%s AOF incr file %s on server start", verb, entry.Name)
	if !e.cfg.Current().AppendOnly.DisableAutoGC {
		a.collect(a.dir)
	}
	e.Lock()
	defer e.Unlock()
	a.mode, a.baseSize = appendOn, base
	a.setLog(aof.NewLog(file, a.options(size, total)))
	return nil
}

func (a *appendOnly) sizeOf(name string) (found bool, size int64, err error) {
	size, err = a.e.disk.Size(a.dir.File(name))
	return err == nil, size, err
}

// firstBase writes a base of the data set as it was loaded, or of none.
func (a *appendOnly) firstBase() error {
	e := a.e
	commands := !e.cfg.Current().AppendOnly.UseRDBPreamble
	e.Lock()
	header := e.dumpHeader()
	header.AOFBase = true
	job, err := e.cutSnapshot(snapshotRequest{purpose: forAppendOnly, header: header, commands: commands})
	e.Unlock()
	if err != nil {
		return err
	}
	f, temp, err := a.dir.TempBase()
	if err == nil {
		err = errors.Join(job.encode(f), f.Sync(), f.Close())
	}
	e.Lock()
	job.end()
	e.Unlock()
	if err != nil {
		a.dir.Discard(temp)
		return fmt.Errorf("Write error writing append only file on disk: %w", err) //nolint:staticcheck // Redis's line
	}
	suffix := "rdb"
	if commands {
		suffix = "aof"
	}
	base, _, err := a.dir.Adopt(aof.Rewritten{Temp: temp, Suffix: suffix, Wanted: func() bool { return true }})
	if err == nil {
		e.log.Noticef("Creating AOF base file %s on server start", base.Name)
	}
	return err
}

// debugLoadAOF reads what is on the disk anew, with the lock held. The present
// data set stays if that fails.
func (e *Engine) debugLoadAOF() error {
	a := &e.aof
	if a.log != nil {
		a.endBatch()
		if err := a.log.Sync(); err != nil {
			return err
		}
	}
	dir, err := a.directory()
	if err == nil {
		err = dir.Load()
	}
	if err != nil {
		return e.manifestFailed(err)
	}
	if a.mode == appendOff && !e.cfg.AppendOnly.DisableAutoGC {
		a.collect(dir)
	}
	if dir.Manifest().Empty() {
		return os.ErrNotExist
	}
	l := &appendLoad{e: e, cfg: &e.cfg.Values, dir: dir, locked: true}
	if err := l.run(); err != nil {
		return err
	}
	l.install()
	return nil
}
