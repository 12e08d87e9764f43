// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"io"
	"sync"
	"testing"
)

// numbers is a Source of the bytes 0, 1, … 255, 0, … in pieces, as many as its
// owner has released.
type numbers struct {
	mu       sync.Mutex
	released int
	written  int
	pattern  []byte
}

func newNumbers() *numbers {
	n := &numbers{pattern: make([]byte, 256+5000)}
	for i := range n.pattern {
		n.pattern[i] = byte(i)
	}
	return n
}

func (n *numbers) release(bytes int) {
	n.mu.Lock()
	n.released += bytes
	n.mu.Unlock()
}

func (n *numbers) unwritten() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.released - n.written
}

func (n *numbers) Peek(dst [][]byte) [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.written
	for left := n.released - n.written; left > 0 && len(dst) < 100; {
		size := min(left, 1+at%5000)
		from := at % 256
		dst = append(dst, n.pattern[from:from+size])
		at += size
		left -= size
	}
	return dst
}

func (n *numbers) Advance(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.written += bytes
	if n.written > n.released {
		panic("more written than there is")
	}
}

func TestSource(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.send("NAME replica", "BIG 300000")
		c.expect("OK")
		s := f.named("replica")
		source := newNumbers()
		source.release(1000)
		f.toy.Lock()
		s.reply.Simple("+CONTINUE")
		s.conn.Attach(source)
		f.toy.Unlock()
		if v, err := c.Reply(); err != nil || len(v.Str) != 300000 {
			t.Fatal(len(v.Str), err)
		}
		c.expect("+CONTINUE")
		read, got := 0, make([]byte, 1000)
		verify := func(n int) {
			t.Helper()
			for ; n > 0; n -= len(got) {
				if _, err := io.ReadFull(c, got); err != nil {
					t.Fatalf("byte %d: %v", read, err)
				}
				if from := read % 256; !bytes.Equal(got, source.pattern[from:from+len(got)]) {
					t.Fatalf("other bytes from %d on", read)
				}
				read += len(got)
			}
		}
		verify(1000)

		// The peer does not read: what the kernel does not take stays in the
		// source, and others are served.
		const much = 32_000_000
		source.release(much)
		s.conn.Flush()
		other := f.dial()
		for range 100 {
			other.send("PING")
			other.expect("PONG")
		}
		if left := source.unwritten(); left < much/2 {
			t.Errorf("only %d bytes wait", left)
		}
		verify(much)

		// What a replica says meanwhile is executed.
		for range 200 {
			c.send("SET acknowledged 1")
			source.release(10)
			s.conn.Flush()
		}
		f.await("the acknowledgement", func() bool { return f.data["acknowledged"] == "1" })

		s.conn.Attach(nil)
		f.await("all the disconnects", func() bool {
			c.Close()
			return f.disconnected == 1
		})
	})
}

// A replica that goes away with bytes unsent is noticed at once.
func TestSourceDisconnect(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.send("NAME replica")
		c.expect("OK")
		s := f.named("replica")
		source := newNumbers()
		source.release(64 << 20)
		s.conn.Attach(source)
		if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		c.Close()
		f.await("the disconnect", func() bool { return f.disconnected == 1 })
	})
}
