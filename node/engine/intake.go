// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/repl"
	"github.com/espalier-io/espalier/node/store"
)

// intake is a snapshot being received from the master: into a file that the
// parser reads behind it, so that a slow parser does not hold up the master, or
// straight into the parser. Either way it is loaded while it comes, into a data
// set of its own beside the one that is served; only when it is whole and
// verified does it take its place.
type intake struct {
	l    *masterLink
	file *os.File // nil where there is none in between
	feed dumpFeed // the parser's source
	err  error    // the first failure

	parsed   chan struct{} // closed when the parser is done
	parseErr error         // then
	store    *store.Store  // what was loaded; nil once it is installed
	sum      rdb.Summary
	keys     *loadHandler
	keep     bool // the file becomes the node's own dump
}

// dumpFeed is the way to the parser, for who fills it.
type dumpFeed interface {
	io.Writer
	// Close says that all is there; CloseWithError breaks the parser off.
	Close() error
	CloseWithError(error) error
}

var errLinkClosed = errors.New("the link was closed")

// work does what the machine wants done outside the lock. Called by the link's
// goroutine.
func (l *masterLink) work() {
	for len(l.todo) > 0 {
		effect := l.todo[0]
		l.todo = l.todo[1:]
		switch e := effect.(type) {
		case repl.Receive:
			l.intake = newIntake(l, e.ToParser)
		case repl.Payload:
			l.intake.write(e.Data)
		case repl.Load:
			l.intake.finish()
		}
		if l.intake.err != nil {
			l.intake.failed()
		}
		if _, last := effect.(repl.Load); last || l.intake.err != nil {
			l.todo = nil
			l.intake.syncRename()
			l.intake.discard()
			l.intake = nil
			return
		}
	}
}

func newIntake(l *masterLink, toParser bool) *intake {
	in := &intake{l: l, parsed: make(chan struct{})}
	if toParser {
		r, w := io.Pipe()
		in.feed = w
		go in.parse(r, r.CloseWithError)
		return in
	}
	cfg := l.e.cfg.Current()
	in.keep = len(cfg.Save) > 0
	if in.file, in.err = in.open(cfg.Dir); in.err != nil {
		l.e.log.Warningf("Opening the temp file needed for MASTER <-> REPLICA synchronization: %v", in.err)
		return in
	}
	growing := newGrowingFile(in.file)
	in.feed = growing
	go in.parse(growing, growing.CloseWithError)
	return in
}

// parse loads what the feed gives. over tells who fills it that nobody reads
// any more.
func (in *intake) parse(r io.Reader, over func(error) error) {
	defer close(in.parsed)
	if in.parseErr = in.load(r); in.parseErr != nil {
		over(in.parseErr)
	}
}

// open makes the file. One that is not to be kept has no name from the start,
// so that nothing is left of it after a crash.
func (in *intake) open(dir string) (*os.File, error) {
	if !in.keep {
		return namelessFile(dir)
	}
	name := fmt.Sprintf("temp-%d.%d.%d.rdb", time.Now().Unix(), os.Getpid(), in.l.id)
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o644)
}

func (in *intake) write(p []byte) {
	_, in.err = in.feed.Write(p)
	var disk *fs.PathError
	if errors.As(in.err, &disk) {
		in.l.e.log.Warningf("Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA synchronization: %v", in.err)
	}
}

// finish waits until all that was received, to its last byte, is loaded, and
// offers it.
func (in *intake) finish() {
	in.err = errors.Join(in.syncFile(), in.feed.Close())
	<-in.parsed
	if in.err == nil {
		in.err = in.parseErr
	}
	if in.err != nil {
		return
	}
	db := 0
	if at := in.sum.Header.Replication; at != nil {
		db = at.StreamDB
	}
	in.offer(repl.SnapshotLoaded{Link: in.l.id, DB: db})
}

// syncFile makes a file that is to be kept outlive a crash of the machine.
func (in *intake) syncFile() error {
	if !in.keep {
		return nil
	}
	err := in.file.Sync()
	if err != nil {
		in.l.e.log.Warningf("Failed trying to sync the temp DB to disk in MASTER <-> REPLICA synchronization: %v", err)
	}
	return err
}

// load reads the snapshot into a data set of its own.
func (in *intake) load(r io.Reader) (err error) {
	e := in.l.e
	in.store = e.newStore()
	in.keys = e.newLoadHandler(in.store, e.cfg.Current())
	in.keys.dropExpired = false // that is the master's to say
	if in.sum, err = rdb.Load(r, &abortable{loadHandler: in.keys, l: in.l}, rdb.LoadOptions{}); err != nil {
		return err
	}
	behind, err := io.Copy(io.Discard, r)
	if behind += int64(len(in.sum.Rest)); err == nil && behind > 0 {
		err = fmt.Errorf("%d bytes follow the end of the dump", behind)
	}
	return err
}

// abortable ends the loading when the link is given up meanwhile.
type abortable struct {
	*loadHandler
	l     *masterLink
	turns courtesy
}

func (h *abortable) Item(it *rdb.Item) error {
	if h.l.closed.Load() {
		return errLinkClosed
	}
	h.turns.worked(len(it.Key) + len(it.String) + len(it.Packed))
	return h.loadHandler.Item(it)
}

// failed tells the machine that there will be no data set.
func (in *intake) failed() {
	in.l.step(repl.SnapshotLoaded{Link: in.l.id, Err: in.err.Error()})
}

// offer tells the machine that the data set is there. On the disk the new dump
// takes the place of the old one in the same moment as in memory: at any time,
// and after a crash, there is one of them, whole.
func (in *intake) offer(event repl.SnapshotLoaded) {
	e := in.l.e
	e.lockIdle()
	defer e.Unlock()
	e.BatchBegin()
	defer e.BatchEnd()
	if e.replication.link == in.l {
		if err := in.keepFile(); err != nil {
			event.Err = err.Error()
		}
		e.replication.step(event)
	}
}

// keepFile makes the file the node's own dump.
func (in *intake) keepFile() error {
	if !in.keep {
		return nil
	}
	e := in.l.e
	e.cancelSaving() // of the old data set: it must not follow the new one
	path := dumpPath(&e.cfg.Values)
	if err := os.Rename(in.file.Name(), path); err != nil {
		e.log.Warningf("Failed trying to rename the temp DB into %s in MASTER <-> REPLICA synchronization: %v", e.cfg.DBFilename, err)
		return err
	}
	return nil
}

// syncRename makes the new dump's name outlive a crash of the machine. Called
// without the lock.
func (in *intake) syncRename() {
	if !in.keep || in.store != nil || in.err != nil {
		return
	}
	if err := syncDir(in.l.e.cfg.Current().Dir); err != nil {
		in.l.e.log.Warningf("Failed trying to sync DB directory in MASTER <-> REPLICA synchronization: %v", err)
	}
}

// install puts the loaded data set in the place of the served one.
func (l *masterLink) install() {
	e, in := l.e, l.intake
	if e.snapshot != nil {
		e.snapshot.cancel() // it is of the old one
	}
	e.adoptStore(in.store)
	in.store = nil
	e.lastLoad = lastLoad{keys: in.keys.keys, expired: in.keys.expired, summary: in.sum}
	e.logLoaded(in.sum, in.keys)
	if in.keep {
		e.dirty = 0
		e.saving.lastSave = e.now / 1000
	} else {
		e.dirty++
	}
}

// discard lets go of everything but what was installed. Called without the
// lock, by the link's goroutine.
func (in *intake) discard() {
	if in.feed != nil {
		in.feed.CloseWithError(errLinkClosed)
		<-in.parsed
	}
	if in.file != nil {
		if in.keep {
			os.Remove(in.file.Name()) // it has another name by now if it was kept
		}
		in.file.Close()
		in.file = nil
	}
	if in.store != nil {
		in.store.Close()
		in.store = nil
	}
}
