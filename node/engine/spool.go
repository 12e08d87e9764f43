// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/espalier-io/espalier/node/repl"
)

// spool lies between a snapshot that is being made and the replicas that read
// it, each at its own speed. They share its blocks. What the slowest has not
// read stays in memory up to a limit; beyond it, all that follows goes to a
// file without a name, so that the snapshot comes to its end, and lets go of
// the data set's old state, whatever the replicas do. Where no file can be
// made, the snapshot waits for them.
type spool struct {
	dir   string
	limit int64 // bytes in memory unread

	mu      sync.Mutex
	room    *sync.Cond    // a reader has read, or left
	memory  *repl.Backlog // the first bytes; blocks go as they are read
	readers []*spoolSegment
	file    *os.File // what follows, nil until it is needed
	closed  bool     // nobody wants it any more

	inMemory atomic.Int64 // bytes that went to memory
	inFile   atomic.Int64
	whole    atomic.Bool // the last byte is there
}

// spoolLimit is how much of a snapshot may lie in memory unread, in bytes.
const spoolLimit = 64 << 20

var errNobodyReads = errors.New("no replica is left to send the snapshot to")

func newSpool(dir string) *spool {
	s := &spool{dir: dir, limit: spoolLimit, memory: repl.NewBacklog(repl.DefaultBacklogSize, 1)}
	s.room = sync.NewCond(&s.mu)
	return s
}

// join lets a replica read the spool, from its begin and before anything is in
// it, behind the line that announces the mark.
func (r *replication) join(id repl.PeerID, s *spool, mark string) {
	d := r.replicas[id]
	if d == nil {
		return
	}
	seg := s.read(d.s.conn.Flush, r.transferEnd(d))
	d.feed.add(&rawSegment{rest: []byte("$EOF:" + mark + "\r\n")})
	d.send(seg)
}

// read makes a segment that gives all that will be written. wake is called when
// there is more, end when all of it was taken.
func (s *spool) read(wake func(), end func(error)) *spoolSegment {
	seg := &spoolSegment{s: s, cursor: s.memory.CursorAt(1), wake: wake, end: end}
	s.readers = append(s.readers, seg)
	return seg
}

// fill writes a snapshot and the mark behind it. Called without the lock.
func (s *spool) fill(encode func(io.Writer) error, mark string) error {
	if err := encode(s); err != nil {
		return err
	}
	if _, err := s.Write([]byte(mark)); err != nil {
		return err
	}
	s.whole.Store(true)
	s.wakeReaders()
	return nil
}

// Write adds bytes, after waiting for room where there is no file to take them.
func (s *spool) Write(p []byte) (int, error) {
	s.mu.Lock()
	err := s.write(p)
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	s.wakeReaders()
	return len(p), nil
}

func (s *spool) write(p []byte) error {
	for !s.closed && s.file == nil {
		if s.unread()+int64(len(p)) <= s.limit {
			s.memory.Append(p)
			s.inMemory.Add(int64(len(p)))
			return nil
		}
		if file, err := namelessFile(s.dir); err == nil {
			s.file = file
			break
		}
		s.room.Wait()
	}
	if s.closed {
		return errNobodyReads
	}
	n, err := s.file.Write(p)
	s.inFile.Add(int64(n))
	return err
}

// unread is how far the slowest reader is behind.
func (s *spool) unread() int64 {
	var most int64
	for _, seg := range s.readers {
		most = max(most, s.memory.Behind(seg.cursor))
	}
	return most
}

func (s *spool) wakeReaders() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.readers {
		seg.wake()
	}
}

// close lets go of everything; a writer that waits gets an error.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.room.Broadcast()
	if s.file != nil {
		s.file.Close() // it has no name: nothing is left of it
	}
}

// leave forgets a reader that has read all.
func (s *spool) leave(seg *spoolSegment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.readers {
		if other == seg {
			s.readers = append(s.readers[:i], s.readers[i+1:]...)
			s.memory.Release(seg.cursor)
			break
		}
	}
	s.room.Broadcast()
}

// spoolSegment is a replica that reads a spool.
type spoolSegment struct {
	s      *spool
	cursor *repl.Cursor
	taken  int64 // bytes passed that were in memory
	rest   *fileSegment
	wake   func()
	end    func(error)
}

func (g *spoolSegment) peek(dst [][]byte) ([][]byte, bool) {
	if g.end == nil {
		return dst, true
	}
	// The order of these questions matters: once it is whole nothing changes.
	whole := g.s.whole.Load()
	if g.taken < g.s.inMemory.Load() {
		return g.cursor.Peek(dst), false
	}
	inFile := g.s.inFile.Load()
	if g.rest == nil && inFile > 0 {
		g.s.mu.Lock()
		g.rest = &fileSegment{src: g.s.file, end: g.fail}
		g.s.mu.Unlock()
	}
	if g.rest != nil && (len(g.rest.rest) > 0 || g.rest.at < inFile) {
		g.rest.size = inFile
		pieces, _ := g.rest.peek(dst)
		return pieces, g.end == nil
	}
	if whole {
		g.finish(nil)
	}
	return dst, g.end == nil
}

func (g *spoolSegment) advance(n int) {
	if g.rest != nil {
		g.rest.advance(n)
		return
	}
	g.cursor.Advance(n)
	g.taken += int64(n)
	g.s.mu.Lock()
	g.s.room.Broadcast()
	g.s.mu.Unlock()
}

// ready tells whether there are bytes to be taken.
func (g *spoolSegment) ready() bool {
	if g.rest != nil {
		return len(g.rest.rest) > 0 || g.rest.at < g.s.inFile.Load()
	}
	return g.taken < g.s.inMemory.Load()
}

func (g *spoolSegment) fail(err error) {
	if err != nil {
		g.finish(err)
	}
}

func (g *spoolSegment) finish(err error) {
	g.end(err)
	g.end = nil
	g.s.leave(g)
}
