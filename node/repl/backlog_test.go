// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// pattern is the byte that a stream carries at an offset: any mix-up shows.
func pattern(offset int64) byte { return byte(offset*7 + offset>>8) }

func patterned(from int64, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = pattern(from + int64(i))
	}
	return p
}

func TestBacklogKeepsTheConfiguredTail(t *testing.T) {
	b := NewBacklog(MinBacklogSize, 100)
	if b.FirstByteOffset() != 100 || b.Histlen() != 0 {
		t.Fatalf("new backlog: first byte %d, length %d", b.FirstByteOffset(), b.Histlen())
	}
	for b.NextOffset() < 300_000 {
		b.Append(patterned(b.NextOffset(), 1000))
		if b.Histlen() < min(b.Size(), b.NextOffset()-100) {
			t.Fatalf("only %d bytes kept at %d", b.Histlen(), b.NextOffset())
		}
		if b.Histlen() > b.Size()+2*minBlock {
			t.Fatalf("%d bytes kept at %d", b.Histlen(), b.NextOffset())
		}
	}
}

func TestBacklogContainsIsInclusive(t *testing.T) {
	b := NewBacklog(MinBacklogSize, 100)
	b.Append(make([]byte, 50))
	for offset, want := range map[int64]bool{99: false, 100: true, 149: true, 150: true, 151: false} {
		if got := b.Contains(offset); got != want {
			t.Errorf("Contains(%d) = %t", offset, got)
		}
	}
}

func TestBacklogResize(t *testing.T) {
	b := NewBacklog(256<<10, 1)
	b.Append(patterned(1, 256<<10))
	b.Resize(32 << 10)
	if b.Histlen() < 32<<10 || b.Histlen() > 32<<10+maxBlock {
		t.Errorf("after making it smaller: %d bytes", b.Histlen())
	}
	kept := b.FirstByteOffset()
	b.Resize(1 << 20)
	if b.FirstByteOffset() != kept {
		t.Errorf("making it larger moved the first byte from %d to %d", kept, b.FirstByteOffset())
	}
	b.Resize(1)
	if b.Size() != MinBacklogSize {
		t.Errorf("size %d, want the least, %d", b.Size(), MinBacklogSize)
	}
}

func TestCursorHoldsWhatItHasNotRead(t *testing.T) {
	b := NewBacklog(MinBacklogSize, 1)
	slow := b.CursorAt(1)
	b.Append(patterned(1, 10*MinBacklogSize))
	if b.FirstByteOffset() != 1 || b.Behind(slow) != 10*MinBacklogSize {
		t.Fatalf("first byte %d, the cursor is %d behind", b.FirstByteOffset(), b.Behind(slow))
	}
	// Others resync from what the slow one keeps.
	if !b.Contains(2) {
		t.Error("what a replica still has to read can't be resynced from")
	}
	slow.Advance(5 * MinBacklogSize)
	b.Trim()
	if first := b.FirstByteOffset(); first <= 1 || first > slow.Offset() {
		t.Errorf("the cursor reads at %d, the backlog begins at %d", slow.Offset(), first)
	}
	b.Release(slow)
	if b.Histlen() > b.Size()+minBlock {
		t.Errorf("%d bytes kept after the release", b.Histlen())
	}
}

func TestReserve(t *testing.T) {
	b := NewBacklog(MinBacklogSize, 1)
	c := b.CursorAt(1)
	var want []byte
	for i := 0; b.NextOffset() < 4*minBlock; i++ {
		p := fmt.Appendf(nil, "command %d;", i)
		want = append(want, p...)
		if room := b.Reserve(len(p)); room != nil {
			copy(room, p)
			b.Commit(len(p))
		} else {
			b.Append(p)
		}
	}
	if got := drain(c); !bytes.Equal(got, want) {
		t.Errorf("read %d bytes that differ from the %d written", len(got), len(want))
	}
	if b.Reserve(maxBlock+1) != nil {
		t.Error("room for more than a block")
	}
}

func drain(c *Cursor) []byte {
	var got []byte
	for {
		pieces := c.Peek(nil)
		if len(pieces) == 0 {
			return got
		}
		n := 0
		for _, p := range pieces {
			got = append(got, p...)
			n += len(p)
		}
		c.Advance(n)
	}
}

// TestCursorsReadWhileTheBacklogGrows reads from several goroutines, without a
// lock, what one writes; run with -race it shows that nothing is shared but
// what is published.
func TestCursorsReadWhileTheBacklogGrows(t *testing.T) {
	const total = 2 << 20
	b := NewBacklog(64<<10, 1)
	var cursors []*Cursor
	for range 4 {
		cursors = append(cursors, b.CursorAt(1))
	}
	var readers sync.WaitGroup
	for i, c := range cursors {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			var pieces [][]byte
			for at := int64(1); at <= total; {
				n := 0
				pieces = c.Peek(pieces[:0])
				for _, p := range pieces {
					p = p[:1+r.IntN(len(p))] // a short write
					for j, got := range p {
						if want := pattern(at + int64(j)); got != want {
							t.Errorf("byte %d is %d, want %d", at+int64(j), got, want)
							return
						}
					}
					at += int64(len(p))
					n += len(p)
					break
				}
				c.Advance(n)
			}
		})
	}
	r := rand.New(rand.NewPCG(2, 2))
	for b.NextOffset() <= total {
		n := min(1+r.IntN(5000), int(total-b.NextOffset()+1))
		b.Append(patterned(b.NextOffset(), n))
	}
	readers.Wait()
}

func BenchmarkAppend(b *testing.B) {
	backlog := NewBacklog(DefaultBacklogSize, 1)
	cmd := command("SET", "key:000000000001", "value-value-value-value-value-va")
	b.SetBytes(int64(len(cmd)))
	b.ReportAllocs()
	for b.Loop() {
		backlog.Append(cmd)
	}
}
