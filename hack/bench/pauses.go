// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"
)

// disturbance is what goes on while latencies are taken.
type disturbance struct {
	name string
	// once lets it happen, from its begin to its end.
	once func(ctx context.Context, master *peer, l launch) error
}

// pauses measures how late the slowest replies come, one of a thousand, while
// nothing else goes on, during BGSAVE and during full syncs. The clients send
// half of the rate that the slower of the two servers reaches in this place, the
// same to both. The masters have the machine, or the time of one CPU.
func (c *replicationCampaign) pauses(ctx context.Context, t *table) error {
	us, they := c.launches(diskless...)
	if err := c.pausesWith(ctx, us, they, "all CPUs", t); err != nil {
		return err
	}
	limit := oneCPU()
	defer limit.remove()
	us.within, they.within = limit.within(), limit.within()
	fmt.Println("One CPU by", limit)
	return c.pausesWith(ctx, us, they, "one CPU", t)
}

func (c *replicationCampaign) pausesWith(ctx context.Context, us, they launch, with string, t *table) error {
	var (
		launches = []launch{us, they}
		masters  []*peer
		rate     float64
	)
	for _, l := range launches {
		master, err := l.start(ctx)
		if err != nil {
			return err
		}
		defer master.stop()
		if err := fill(master, c.keys, record); err != nil {
			return err
		}
		most, err := reached(master, c.keys, c.seconds/4)
		if err != nil {
			return err
		}
		if masters = append(masters, master); rate == 0 || most/2 < rate {
			rate = most / 2
		}
	}
	for _, d := range []disturbance{{"at rest", nil}, {"BGSAVE", backgroundSave}, {"full sync", c.replicaComes}} {
		r := row{name: fmt.Sprintf("%.0fk requests/s, %s, %s", rate/1000, with, d.name), unit: "p99.9 ms", digits: 2, aim: 1}
		fmt.Printf("%s, %d pairs: ", r.name, c.pairs)
		for range c.pairs {
			var late [2]float64
			for i, master := range masters {
				var err error
				if late[i], err = c.slowest(ctx, master, launches[i], rate, d); err != nil {
					return err
				}
			}
			r.add(late[0], late[1])
			fmt.Printf(" %.2f×", late[0]/late[1])
		}
		fmt.Println()
		t.rows = append(t.rows, r)
	}
	return nil
}

// slowest is the 99.9th percentile of the latencies during a disturbance, in
// milliseconds. It happens again until c.seconds are over.
func (c *replicationCampaign) slowest(ctx context.Context, master *peer, l launch, rate float64, d disturbance) (float64, error) {
	const settling = 300 * time.Millisecond // connections, caches, the last disturbance's end
	clients, err := startOpenLoop(master, c.keys, rate)
	if err != nil {
		return 0, err
	}
	time.Sleep(settling)
	var spans []span
	for begin := clients.now(); err == nil && clients.now() < begin+c.seconds; {
		from := clients.now()
		if d.once == nil {
			time.Sleep(c.seconds)
		} else {
			err = d.once(ctx, master, l)
		}
		spans = append(spans, span{from, clients.now()})
	}
	replies, failed := clients.stop()
	if err == nil {
		err = failed
	}
	return quantile(during(replies, spans), 0.999), err
}

// backgroundSave lets a server save its data set once.
func backgroundSave(_ context.Context, master *peer, _ launch) error {
	c, err := master.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.OK("BGSAVE"); err != nil {
		return err
	}
	if err := awaitField(c, "persistence", "rdb_bgsave_in_progress", "0"); err != nil {
		return err
	}
	return awaitField(c, "persistence", "rdb_last_bgsave_status", "ok")
}

// replicaComes lets a new replica take a full sync. The master's quota is not its
// own, but the machine's CPUs are.
func (c *replicationCampaign) replicaComes(ctx context.Context, master *peer, l launch) error {
	l.within = nil
	_, err := c.syncOnce(ctx, l, master)
	return err
}
