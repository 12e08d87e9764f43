// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestOutQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var q outQueue
	var p pool
	var want []byte
	for i := range 5000 {
		chunk := bytes.Repeat([]byte{byte(i)}, random.IntN(1+random.IntN(3*mergeBelow)))
		want = append(want, chunk...)
		p.put(q.push(append(p.get(len(chunk)), chunk...)))
		for q.bytes > 0 && random.IntN(3) > 0 {
			limit := 1 + random.IntN(4*mergeBelow)
			got := bytes.Join(q.peek(nil, limit), nil)
			if !bytes.Equal(got, want[:min(limit, len(want))]) {
				t.Fatalf("round %d: peek(%d) gives %d other bytes", i, limit, len(got))
			}
			n := random.IntN(len(got) + 1)
			q.advance(n, &p)
			want = want[n:]
		}
		if q.bytes != len(want) {
			t.Fatalf("round %d: %d bytes, want %d", i, q.bytes, len(want))
		}
	}
	q.clear(&p)
	if q.bytes != 0 || q.peek(nil, 1) != nil {
		t.Error("clear left something")
	}
	if p.bytes > maxPooled {
		t.Errorf("the pool holds %d bytes", p.bytes)
	}
}

func TestRoomFor(t *testing.T) {
	for _, c := range []struct{ used, need, want int }{
		{0, 0, minBuffer},
		{1000, 0, 2000},
		{100, 5000, 5000},
		{100, trusted, trusted},
		{100, 10 * trusted, trusted},
		{trusted, 10 * trusted, 2 * trusted},
		{6 * trusted, 10 * trusted, 10 * trusted},
	} {
		if got := roomFor(c.used, c.need); got != c.want {
			t.Errorf("roomFor(%d, %d) = %d, want %d", c.used, c.need, got, c.want)
		}
	}
}

func TestPool(t *testing.T) {
	var p pool
	b := p.get(1000)
	if cap(b) != 1024 {
		t.Errorf("cap = %d", cap(b))
	}
	p.put(append(b, "x"...))
	if again := p.get(600); cap(again) != 1024 || len(again) != 0 {
		t.Errorf("len %d, cap %d", len(again), cap(again))
	}
	p.put(make([]byte, 0, maxPooledBig+1))
	p.put(make([]byte, 0, minBuffer-1))
	if len(p.free) != 0 {
		t.Errorf("%d buffers of the wrong size are kept", len(p.free))
	}
	for range 100 {
		p.put(make([]byte, 0, maxPooledBig))
	}
	if p.bytes != maxPooled {
		t.Errorf("%d bytes are kept", p.bytes)
	}
}
