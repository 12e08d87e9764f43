// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

// spoolReader takes a spool's bytes as a connection does: when it is woken, as much
// as it likes at a time.
type spoolReader struct {
	feed  feed
	woken chan struct{}
	ended chan error
	got   []byte
}

func newSpoolReader(s *spool) *spoolReader {
	r := &spoolReader{woken: make(chan struct{}, 1), ended: make(chan error, 1)}
	r.feed.add(s.read(func() {
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}, func(err error) { r.ended <- err }))
	return r
}

// run reads to the end, in pieces of up to n bytes.
func (r *spoolReader) run(n int) error {
	for {
		pieces := r.feed.Peek(nil)
		if len(pieces) > 0 {
			take := pieces[0][:min(n, len(pieces[0]))]
			r.got = append(r.got, take...)
			r.feed.Advance(len(take))
			continue
		}
		select {
		case <-r.woken:
		case err := <-r.ended:
			return err
		}
	}
}

// noise is data in which a mix-up shows.
func noise(n int) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(data)
	return data
}

func writeAll(data []byte, piece int) func(io.Writer) error {
	return func(w io.Writer) error {
		for from := 0; from < len(data); from += piece {
			if _, err := w.Write(data[from:min(from+piece, len(data))]); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestSpoolGivesEveryReaderAll has readers of different speeds; the slow ones
// make it spill to a file, or wait where there can be none.
func TestSpoolGivesEveryReaderAll(t *testing.T) {
	data := noise(3 << 20)
	for _, tt := range []struct{ why, dir string }{
		{"with a file to spill to", t.TempDir()},
		{"without one", "/nonexistent"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			s := newSpool(tt.dir)
			s.limit = 256 << 10
			readers := []*spoolReader{newSpoolReader(s), newSpoolReader(s), newSpoolReader(s)}
			var group sync.WaitGroup
			group.Go(func() {
				if err := s.fill(writeAll(data, 10_000), "mark"); err != nil {
					t.Error(err)
				}
			})
			for i, n := range []int{1 << 20, 4096, 777} {
				group.Go(func() {
					if err := readers[i].run(n); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			for i, r := range readers {
				if !bytes.Equal(r.got, append(bytes.Clone(data), "mark"...)) {
					t.Errorf("reader %d got %d bytes, not the %d written and the mark", i, len(r.got), len(data))
				}
			}
			s.close()
		})
	}
}

// TestSpoolDoesNotWaitForTheGone: a writer that waits for the slowest reader
// goes on when that is gone, and gives up when all are.
func TestSpoolDoesNotWaitForTheGone(t *testing.T) {
	data := noise(1 << 20)
	s := newSpool("/nonexistent")
	s.limit = 64 << 10
	fast, stuck := newSpoolReader(s), newSpoolReader(s)
	filled := make(chan error, 1)
	go func() { filled <- s.fill(writeAll(data, 8192), "") }()
	go func() {
		<-stuck.woken // it has something to read, and reads nothing
		stuck.feed.mu.Lock()
		g := stuck.feed.segments[0].(*spoolSegment)
		stuck.feed.mu.Unlock()
		s.leave(g)
	}()
	if err := fast.run(4096); err != nil || !bytes.Equal(fast.got, data) {
		t.Fatalf("got %d bytes of %d, %v", len(fast.got), len(data), err)
	}
	if err := <-filled; err != nil {
		t.Fatal(err)
	}

	s = newSpool("/nonexistent")
	s.limit = 64 << 10
	newSpoolReader(s)
	go func() { filled <- s.fill(writeAll(data, 8192), "") }()
	s.close()
	if err := <-filled; !errors.Is(err, errNobodyReads) {
		t.Errorf("a spool that nobody wants was filled: %v", err)
	}
}
