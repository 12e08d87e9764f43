// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/hack/redisclient"
	"github.com/espalier-io/espalier/hack/servers"
	"github.com/espalier-io/espalier/node/resp"
)

// load writes to one server until it is ended: a writer that sends random
// commands at a steady pace, and a consumer that waits for what the writer
// pushes.
type load struct {
	stop    chan struct{}
	done    sync.WaitGroup
	batches atomic.Int64

	mu  sync.Mutex
	err error // the first that a client met
}

// pace is the time between two batches of batchSize commands: what two dozen
// servers on two processors take in without falling behind.
const (
	pace      = 10 * time.Millisecond
	batchSize = 6
)

// startLoad begins to write.
func startLoad(addr string, seed uint64) (*load, error) {
	l := &load{stop: make(chan struct{})}
	for client, loop := range []func(*redisclient.Conn, *rand.Rand) error{l.write, l.consume} {
		conn, err := redisclient.DialTimeout(addr, "", patience)
		if err != nil {
			l.end(true)
			return l, err
		}
		r := rand.New(rand.NewPCG(seed, uint64(client)))
		l.done.Go(func() {
			defer conn.Close()
			if err := loop(conn, r); err != nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.err = errors.Join(l.err, err)
			}
		})
	}
	return l, nil
}

// deposed tells an error that clients of a master meet when it becomes a
// replica.
func deposed(err error) bool {
	var refused resp.Error
	if !errors.As(err, &refused) {
		return false
	}
	code := refused.Code()
	return code == "READONLY" || code == "UNBLOCKED" || code == "EXECABORT"
}

// end stops writing and gives the error that stopped it before, if any. The
// server may have been made a replica, or not.
func (l *load) end(mayBeDeposed bool) error {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
	if l.err != nil && !(mayBeDeposed && deposed(l.err)) {
		return fmt.Errorf("the load: %w", l.err)
	}
	return nil
}

// await waits until so many more batches are acknowledged, or the load can't go
// on.
func (l *load) await(batches int64) error {
	goal := l.batches.Load() + batches
	err := servers.Await("the load goes on", patience, func() (bool, error) {
		return l.batches.Load() >= goal || l.failure() != nil, nil
	})
	return errors.Join(err, l.failure())
}

// failure is what has stopped a client so far.
func (l *load) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *load) write(conn *redisclient.Conn, r *rand.Rand) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return nil
		case <-tick.C:
		}
		var commands [][]string
		for range batchSize {
			commands = append(commands, change(r)...)
		}
		if err := send(conn, commands); err != nil {
			return err
		}
		if r.IntN(10) == 0 {
			if err := restore(conn, r); err != nil {
				return err
			}
		}
		l.batches.Add(1)
	}
}

// harmless are the answers to commands that had nothing to do.
var harmless = []string{"ERR no such key", "ERR index out of range", "ERR source and destination objects are the same"}

// send sends commands together.
func send(conn *redisclient.Conn, commands [][]string) error {
	replies, err := conn.Pipeline(commands...)
	if err != nil {
		return err
	}
	for i, v := range replies {
		if err := v.Err(); err != nil && !slices.Contains(harmless, err.Error()) {
			return fmt.Errorf("%.100q: %w", commands[i], err)
		}
	}
	return nil
}

// restore takes a value's dump and makes another key of it.
func restore(conn *redisclient.Conn, r *rand.Rand) error {
	family := families[r.IntN(len(families))]
	dump, err := conn.Do("DUMP", family.key(r))
	if err != nil || dump.IsNull() {
		return err
	}
	ttl := []string{"0", "0", "100000", "50"}[r.IntN(4)]
	return send(conn, [][]string{{"RESTORE", family.key(r), ttl, dump.Str, "REPLACE"}})
}

// consume waits for elements, in all the ways there are.
func (l *load) consume(conn *redisclient.Conn, r *rand.Rand) error {
	for {
		select {
		case <-l.stop:
			return nil
		default:
		}
		argv := [][]string{
			{"BLPOP", "queue:0", "queue:1", "0.05"},
			{"BRPOP", "queue:1", "0.05"},
			{"BLMOVE", "queue:0", "queue:1", "LEFT", "RIGHT", "0.05"},
			{"BRPOPLPUSH", "queue:1", "queue:done", "0.05"},
			{"BLMPOP", "0.05", "2", "queue:0", "queue:1", "RIGHT", "COUNT", "3"},
			{"BZPOPMIN", "zqueue:0", "zqueue:1", "0.05"},
			{"BZPOPMAX", "zqueue:1", "0.05"},
			{"BZMPOP", "0.05", "2", "zqueue:0", "zqueue:1", "MAX", "COUNT", "2"},
		}[r.IntN(8)]
		if _, err := conn.Do(argv...); err != nil {
			return fmt.Errorf("%q: %w", argv, err)
		}
	}
}

// fill gives a server what the load alone would take long to make: large
// collections.
func fill(m *member) error {
	many := func(command, key string, parts func(i int) []string) error {
		argv := []string{command, key}
		for i := range 3000 {
			argv = append(argv, parts(i)...)
		}
		return m.tell(argv...)
	}
	name := func(i int) []string { return []string{"e" + strconv.Itoa(i)} }
	return errors.Join(
		m.tell("SELECT", "0"),
		many("HSET", "hash:large", func(i int) []string { return append(name(i), strings.Repeat("v", i%90)) }),
		m.tell("DEL", "list:large"),
		many("RPUSH", "list:large", func(i int) []string { return []string{strings.Repeat("x", i%120)} }),
		many("SADD", "set:large", name),
		many("SADD", "set:numbers", func(i int) []string { return []string{strconv.Itoa(i * i)} }),
		many("ZADD", "zset:large", func(i int) []string { return append([]string{strconv.Itoa(i % 70)}, name(i)...) }),
		m.tell("SET", "string:large", strings.Repeat("s", 1<<20)),
	)
}
