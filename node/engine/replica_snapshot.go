// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"io"
	"os"

	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/repl"
)

// replicaSnapshot is a snapshot made for replicas: written to a file that is
// sent when it is complete (disk), or to the replicas as it is made (sockets).
// Neither leaves anything on the disk.
type replicaSnapshot struct {
	id   repl.SnapshotID
	job  *snapshotJob // while it is being made; nil for one without keys
	file *os.File     // disk: complete, without a name
	size int64
	// spool is where the replicas of a sockets snapshot read from.
	spool     *spool
	abandoned bool
}

// cut begins a snapshot of the data set as it is now.
func (r *replication) cut(c repl.Cut) {
	s := &replicaSnapshot{id: c.ID}
	r.snapshots[c.ID] = s
	dir := r.configured.Dir
	if c.Mark != "" {
		s.spool = newSpool(dir)
		for _, id := range c.To {
			r.join(id, s.spool, c.Mark)
		}
	}
	header := rdb.Header{Replication: &rdb.Replication{StreamDB: c.DB, ID: c.At.Replid, Offset: c.At.Offset}}
	sink := func(encode func(io.Writer) error) error {
		if s.spool != nil {
			return s.spool.fill(encode, c.Mark)
		}
		return s.writeFile(dir, encode)
	}
	done := func(err error) { r.snapshotDone(s, err) }
	if c.Empty {
		r.cutEmpty(header, sink, done)
		return
	}
	job, err := r.e.startSnapshot(snapshotRequest{purpose: forReplicas, header: header, sink: sink, done: done})
	if err != nil {
		r.later = append(r.later, repl.SnapshotDone{ID: c.ID, Err: err.Error()})
		return
	}
	s.job = job
	if s.spool != nil {
		r.e.log.Noticef("Background RDB transfer started by pid %d", os.Getpid())
	} else {
		r.e.log.Noticef("Background saving started by pid %d", os.Getpid())
	}
}

// cutEmpty makes a snapshot without keys, for who filters them all out.
func (r *replication) cutEmpty(h rdb.Header, sink func(func(io.Writer) error) error, done func(error)) {
	h.RedisVersion, h.CreatedAt = config.RedisVersion, r.e.now/1000
	r.e.done.Go(func() {
		err := sink(func(dst io.Writer) error {
			w := rdb.NewWriter(dst, rdb.WriterOptions{Checksum: true})
			return errors.Join(w.Header(h), w.Close())
		})
		r.e.Lock()
		defer r.e.Unlock()
		r.e.BatchBegin()
		done(err)
		r.e.BatchEnd()
	})
}

// snapshotDone tells the machine how the snapshot ended.
func (r *replication) snapshotDone(s *replicaSnapshot, err error) {
	s.job = nil
	if err == nil && s.abandoned {
		err = errSnapshotCancelled
		s.close()
	}
	done := repl.SnapshotDone{ID: s.id, Size: s.size}
	switch {
	case err == nil && s.spool != nil:
		r.e.log.Noticef("Background RDB transfer terminated with success")
	case err == nil:
		r.e.log.Noticef("DB saved on disk")
		r.e.log.Noticef("Background saving terminated with success")
	default:
		done.Err = err.Error()
		if !errors.Is(err, errSnapshotCancelled) {
			r.e.log.Warningf("BGSAVE for replication failed: %v", err)
		}
	}
	r.step(done)
}

// forget lets go of a snapshot. Of one that is still being made the machine
// hears at once that it is over, not when its goroutine notices.
func (r *replication) forget(id repl.SnapshotID) {
	s := r.snapshots[id]
	if s == nil {
		return
	}
	delete(r.snapshots, id)
	if s.job != nil {
		r.later = append(r.later, repl.SnapshotDone{ID: id, Err: errSnapshotCancelled.Error()})
	}
	s.abandon()
}

// abandon breaks a snapshot off, or lets go of one that is complete.
func (s *replicaSnapshot) abandon() {
	s.abandoned = true
	if s.job != nil {
		s.job.cancel()
	}
	s.close()
}

func (s *replicaSnapshot) close() {
	if s.spool != nil {
		s.spool.close()
	}
	if s.file != nil {
		s.file.Close() // nothing is lost: it was read, or nobody wants it
		s.file = nil
	}
}

// writeFile writes the snapshot to a file without a name. Called without the
// lock.
func (s *replicaSnapshot) writeFile(dir string, encode func(io.Writer) error) error {
	file, err := namelessFile(dir)
	if err != nil {
		return err
	}
	if err = encode(file); err == nil {
		s.size, err = file.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		file.Close()
		return err
	}
	s.file = file
	return nil
}

// namelessFile makes a file that vanishes with its last user, a crash included.
func namelessFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "temp-repl-*.rdb")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// transfer sends a complete snapshot from its file.
func (r *replication) transfer(t repl.Transfer) {
	d, s := r.replicas[t.Peer], r.snapshots[t.ID]
	if d == nil || s == nil || s.file == nil {
		return
	}
	d.send(&fileSegment{src: s.file, size: s.size, end: r.transferEnd(d)})
}

// transferEnd gives what a segment calls, once, when the last byte of a
// snapshot is written. The connection's owner is not to wait for the lock.
func (r *replication) transferEnd(d *downstream) func(error) {
	return func(err error) { go r.e.transferred(d, err) }
}

// fileSegment is a part of a file.
type fileSegment struct {
	src  io.ReaderAt
	at   int64 // of the next byte to be read
	size int64
	rest []byte // read and not written yet
	buf  []byte
	end  func(error)
}

// fileChunk is how much is read at once.
const fileChunk = 256 << 10

func (s *fileSegment) peek(dst [][]byte) ([][]byte, bool) {
	if len(s.rest) == 0 && s.end != nil {
		s.read()
	}
	if len(s.rest) == 0 {
		return dst, s.end == nil
	}
	return append(dst, s.rest), false
}

// read fetches the next bytes, or calls the end.
func (s *fileSegment) read() {
	if s.at == s.size {
		s.finish(nil)
		return
	}
	if s.buf == nil {
		s.buf = make([]byte, min(fileChunk, s.size))
	}
	n, err := s.src.ReadAt(s.buf[:min(int64(len(s.buf)), s.size-s.at)], s.at)
	if n == 0 && err != nil {
		s.finish(err)
		return
	}
	s.rest = s.buf[:n]
	s.at += int64(n)
}

func (s *fileSegment) finish(err error) {
	s.end(err)
	s.end, s.buf = nil, nil
}

func (s *fileSegment) advance(n int) { s.rest = s.rest[n:] }

// ready tells whether there are bytes to be taken.
func (s *fileSegment) ready() bool { return len(s.rest) > 0 || s.at < s.size }
