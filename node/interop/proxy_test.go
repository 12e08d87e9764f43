// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a replica and its master: it can cut the connections,
// let none through, and let only so many bytes pass.
type proxy struct {
	target   string
	listener net.Listener

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool // to new connections
	budget int64
	room   *sync.Cond
}

// unlimited is a budget that is never used up.
const unlimited = int64(1) << 60

func newProxy(t *testing.T, target *server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: target.addr(), listener: l, conns: map[net.Conn]bool{}, budget: unlimited}
	p.room = sync.NewCond(&p.mu)
	go p.accept()
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.allow(unlimited)
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.closed
		p.mu.Unlock()
		if refuse {
			client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		go p.carry(client, server, false)
		go p.carry(server, client, true)
	}
}

// carry copies one direction; that of the master obeys the budget.
func (p *proxy) carry(from, to net.Conn, counted bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		for sent := 0; sent < n; {
			piece := n - sent
			if counted {
				piece = p.take(piece)
			}
			if _, err := to.Write(buf[sent : sent+piece]); err != nil {
				return
			}
			sent += piece
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
	}
}

// take waits for room in the budget and takes up to n bytes of it.
func (p *proxy) take(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.budget <= 0 {
		p.room.Wait()
	}
	n = int(min(int64(n), p.budget))
	if p.budget < unlimited {
		p.budget -= int64(n)
	}
	return n
}

// allow sets how many bytes of the master may pass from now on.
func (p *proxy) allow(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = bytes
	p.room.Broadcast()
}

// stuck waits until the budget is used up: the transfer stands still.
func (p *proxy) stuck(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		used := p.budget <= 0
		p.mu.Unlock()
		if used {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the transfer never came as far as the budget")
		}
	}
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}

// refuse lets no new connections through, or lets them again.
func (p *proxy) refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = on
}
