// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// memory measures the resident bytes for each key of a large data set, and the
// throughput where next to nothing of it is in the processor's caches. Both
// servers are filled with the same keys in the same order, and every key is
// read once, which also lets redis-server finish growing its table: it moves a
// bucket with each access.
func (c *campaign) memory(ctx context.Context, t *table) error {
	servers, err := c.startPair(ctx)
	if err != nil {
		return err
	}
	defer servers.stop()
	var perKey []float64
	for _, p := range servers.both() {
		bytes, err := c.residentWithKeys(p)
		if err != nil {
			return err
		}
		perKey = append(perKey, float64(bytes)/float64(c.manyKeys))
	}
	r := row{name: thousands(c.manyKeys) + " keys", unit: "resident bytes/key", digits: 1, aim: 0.75}
	r.add(perKey[0], perKey[1])
	t.rows = append(t.rows, r)
	return c.measureAll(ctx, servers, []load{
		{command: "SET", pipeline: 16, requests: c.batched, keys: c.manyKeys},
		{command: "GET", pipeline: 16, requests: c.batched, keys: c.manyKeys},
	}, t)
}

func (c *campaign) residentWithKeys(p *peer) (int64, error) {
	begin := time.Now()
	if err := fill(p, c.manyKeys, value); err != nil {
		return 0, err
	}
	if err := check(p, c.manyKeys); err != nil {
		return 0, err
	}
	bytes, err := p.resident()
	fmt.Printf("%s: %d keys written and read in %.1f s, %d MiB resident\n",
		p.name, c.manyKeys, time.Since(begin).Seconds(), bytes>>20)
	return bytes, err
}

// key is 16 bytes, in redis-benchmark's form.
func key(dst []byte, i int) []byte { return fmt.Appendf(dst, "key:%012d", i) }

// value is valueSize bytes, no number, and another one for each key.
func value(dst []byte, i int) []byte { return fmt.Appendf(dst, "value of %*d", valueSize-9, i) }

// fill sets keys 0 to n-1.
func fill(p *peer, n int, value func(dst []byte, i int) []byte) error {
	return pipeline(p, n, func(request, reply []byte, i int) ([]byte, []byte) {
		request = resp.AppendCommand(request, []byte("SET"), key(nil, i), value(nil, i))
		return request, append(reply, "+OK\r\n"...)
	})
}

// check reads keys 0 to n-1 back.
func check(p *peer, n int) error {
	return pipeline(p, n, func(request, reply []byte, i int) ([]byte, []byte) {
		request = resp.AppendCommand(request, []byte("GET"), key(nil, i))
		return request, resp.AppendBulk(reply, value(nil, i))
	})
}

// pipeline sends n requests, many at a time, and insists on the replies that
// ask gives with each.
func pipeline(p *peer, n int, ask func(request, reply []byte, i int) ([]byte, []byte)) error {
	const depth = 500
	conn, err := net.Dial("tcp", p.addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	var requests, want, got []byte
	for first := 0; first < n; first += depth {
		requests, want = requests[:0], want[:0]
		for i := first; i < min(n, first+depth); i++ {
			requests, want = ask(requests, want, i)
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := conn.Write(requests); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		got = append(got[:0], want...)
		if _, err := io.ReadFull(conn, got); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s: wrong replies to requests %d to %d", p.name, first, first+depth-1)
		}
	}
	return nil
}
