// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// markerKey is written at the master and read at the leaf.
const markerKey = "lag:marker"

// lag measures how long a write takes to the leaf of a tree of three levels,
// while clients send half of what the slower of the two masters reaches with
// such a tree behind it.
func (c *replicationCampaign) lag(ctx context.Context, t *table) error {
	us, they := c.launches(diskless...)
	var (
		chains [2][]*peer
		rate   float64
	)
	for i, l := range []launch{us, they} {
		chain, err := c.chain(ctx, l, 3)
		defer stopAll(chain)
		if err != nil {
			return err
		}
		most, err := reached(chain[0], c.fewKeys, c.seconds/4)
		if err != nil {
			return err
		}
		if chains[i] = chain; rate == 0 || most/2 < rate {
			rate = most / 2
		}
	}
	name := fmt.Sprintf("%.0fk requests/s, leaf of three levels", rate/1000)
	r := row{name: name, unit: "lag, p99 ms", digits: 2, limit: 5}
	half := row{name: name, unit: "lag, median ms", digits: 2}
	for range c.pairs {
		var p99, p50 [2]float64
		for i, chain := range chains {
			ms, err := c.lagOf(chain, rate)
			if err != nil {
				return err
			}
			p99[i], p50[i] = quantile(ms, 0.99), quantile(ms, 0.5)
		}
		r.add(p99[0], p99[1])
		half.add(p50[0], p50[1])
	}
	t.rows = append(t.rows, half, r)
	return nil
}

// chain starts servers of which each but the first follows the one before. What
// it has started it gives with an error, too.
func (c *replicationCampaign) chain(ctx context.Context, l launch, n int) ([]*peer, error) {
	var chain []*peer
	for i := range n {
		p, err := l.start(ctx)
		if err != nil {
			return chain, err
		}
		chain = append(chain, p)
		if i == 0 {
			err = fill(p, c.fewKeys, record)
		} else {
			_, err = p.follow(chain[i-1], c.fewKeys)
		}
		if err != nil {
			return chain, err
		}
	}
	return chain, nil
}

func stopAll(peers []*peer) {
	for _, p := range peers {
		p.stop()
	}
}

// lagOf gives the time from the sending of each marker to the moment at which
// the leaf showed it or a later one, in milliseconds.
func (c *replicationCampaign) lagOf(chain []*peer, rate float64) (ms []float64, err error) {
	clients, err := startOpenLoop(chain[0], c.fewKeys, rate)
	if err != nil {
		return nil, err
	}
	markers := &markers{}
	written := make(chan error, 1)
	go func() { written <- markers.write(chain[0], c.seconds) }()
	ms, err = markers.watch(chain[len(chain)-1])
	if failed := <-written; err == nil {
		err = failed
	}
	if _, failed := clients.stop(); err == nil {
		err = failed
	}
	return ms, err
}

// markers are numbers, and when each was sent.
type markers struct {
	mu   sync.Mutex
	sent []time.Time
	over bool // no more will come
}

// write sets the marker a hundred times a second.
func (m *markers) write(master *peer, length time.Duration) error {
	defer m.end()
	c, err := master.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < length; <-tick.C {
		if err := c.OK("SET", markerKey, strconv.Itoa(m.next())); err != nil {
			return err
		}
	}
	return nil
}

// next counts a marker that is sent now.
func (m *markers) next() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, time.Now())
	return len(m.sent)
}

func (m *markers) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
}

// watch reads the marker until the last one is there.
func (m *markers) watch(leaf *peer) ([]float64, error) {
	const often = 100 * time.Microsecond
	c, err := leaf.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var ms []float64
	for deadline := time.Now().Add(patience); ; pause(often) {
		text, err := c.Text("GET", markerKey)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		seen, _ := strconv.Atoi(text) // none yet is 0
		m.mu.Lock()
		for _, sent := range m.sent[len(ms):max(seen, len(ms))] {
			ms = append(ms, now.Sub(sent).Seconds()*1000)
		}
		done := m.over && len(ms) == len(m.sent)
		m.mu.Unlock()
		if done {
			return ms, nil
		}
		if now.After(deadline) {
			return nil, fmt.Errorf("%s: the leaf shows %d of %d markers", leaf.name, len(ms), len(m.sent))
		}
	}
}
