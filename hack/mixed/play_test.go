// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/espalier-io/espalier/hack/servers"
)

// run is a script on its way.
type run struct {
	tree *tree
	load *load
	seed uint64
}

// resume starts the load at the present top.
func (r *run) resume() (err error) {
	r.seed++
	r.load, err = startLoad(r.tree.top().server.Addr(), r.seed)
	return err
}

// some waits until the load has written some more.
func (r *run) some() error { return r.load.await(30) }

// play lets an event happen, under load or at rest, and waits until it is over.
func (r *run) play(e event) error {
	happen := map[act]func(event) error{
		cutMaster: r.cutMaster, cutReplicas: r.cutReplicas, cutAll: r.cutAll, stray: r.stray, stall: r.stall,
		crash: r.crash, restart: r.restart, kill: r.kill, lose: r.lose, wipe: r.wipe, move: r.move,
		switchover: r.switchover, failover: r.failover, succeed: r.succeed, succeedAndLose: r.succeedAndLose,
	}[e.act]
	if err := r.some(); err != nil {
		return err
	}
	if err := happen(e); err != nil {
		return err
	}
	if err := r.tree.steady(); err != nil {
		return err
	}
	return r.some()
}

func (r *run) cutMaster(e event) error {
	return r.tree.members[e.who].tell("CLIENT", "KILL", "TYPE", "master")
}

func (r *run) cutReplicas(e event) error {
	return r.tree.members[e.who].tell("CLIENT", "KILL", "TYPE", "replica")
}

func (r *run) cutAll(event) error {
	for _, m := range r.tree.members {
		if err := m.tell("CLIENT", "KILL", "TYPE", "replica"); err != nil {
			return err
		}
	}
	return nil
}

// stray points a member at a port that nobody listens on.
func (r *run) stray(e event) error {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := nobody.Addr().(*net.TCPAddr).Port
	nobody.Close()
	m := r.tree.members[e.who]
	if err := m.tell("REPLICAOF", "127.0.0.1", strconv.Itoa(port)); err != nil {
		return err
	}
	if err := r.some(); err != nil {
		return err
	}
	return r.follow(e.who)
}

func (r *run) stall(e event) error { return r.tree.members[e.who].tell("DEBUG", "SLEEP", "0.5") }

func (r *run) crash(e event) error {
	m := r.tree.members[e.who]
	if err := m.save(); err != nil {
		return err
	}
	if err := r.some(); err != nil {
		return err
	}
	if err := m.kill(); err != nil {
		return err
	}
	if err := r.some(); err != nil {
		return err
	}
	return m.start(r.tree.parent(e.who))
}

// halt stops the load and brings the tree to rest.
func (r *run) halt() error {
	if err := r.load.end(false); err != nil {
		return err
	}
	return r.tree.rest()
}

// goOn lets a tree that was at rest be written to again.
func (r *run) goOn() error {
	if err := r.tree.top().tell("CLIENT", "UNPAUSE"); err != nil {
		return err
	}
	return r.resume()
}

// restart and kill differ in how the member ends, its dump being of the same
// position. While a replica is away, the load goes on.
func (r *run) restart(e event) error {
	return r.away(e, func(m *member) error { return m.shutDown() })
}

func (r *run) kill(e event) error {
	return r.away(e, func(m *member) error {
		if err := m.save(); err != nil {
			return err
		}
		return m.kill()
	})
}

func (r *run) away(e event, end func(*member) error) error {
	m := r.tree.members[e.who]
	if err := r.halt(); err != nil {
		return err
	}
	if err := end(m); err != nil {
		return err
	}
	if isTop(r.tree.parents, e.who) {
		if err := m.start(nil); err != nil {
			return err
		}
		return r.resume()
	}
	if err := r.goOn(); err != nil {
		return err
	}
	if err := r.some(); err != nil {
		return err
	}
	return m.start(r.tree.parent(e.who))
}

// lose makes the member, and all below it, need a full resync: something is
// written meanwhile that none of them has.
func (r *run) lose(e event) error {
	m := r.tree.members[e.who]
	if err := m.kill(); err != nil {
		return err
	}
	if err := m.loseData(); err != nil {
		return err
	}
	if _, err := r.tree.mark(); err != nil {
		return err
	}
	return m.start(r.tree.parent(e.who))
}

// wipe is what the project exists to prevent, and what these servers do when
// nobody prevents it.
func (r *run) wipe(e event) error {
	m := r.tree.members[e.who]
	if err := r.load.end(false); err != nil {
		return err
	}
	if err := m.kill(); err != nil {
		return err
	}
	if err := m.loseData(); err != nil {
		return err
	}
	if err := m.start(nil); err != nil {
		return err
	}
	return r.resume()
}

func (r *run) move(e event) error {
	if err := r.halt(); err != nil {
		return err
	}
	r.tree.parents = e.parents
	if err := r.follow(e.who); err != nil {
		return err
	}
	return r.goOn()
}

// follow points a member at its parent.
func (r *run) follow(i int) error {
	return r.tree.members[i].tell("REPLICAOF", "127.0.0.1", strconv.Itoa(r.tree.parent(i).server.Port))
}

func (r *run) switchover(e event) error {
	if err := r.halt(); err != nil {
		return err
	}
	if err := r.crown(e, none); err != nil {
		return err
	}
	return r.tree.members[e.who].tell("CLIENT", "UNPAUSE")
}

// crown makes the new top the master, and points one after the other at its new
// parent, from the top down: a member that has heard of the new history must
// not ask a parent that hasn't. Who belongs below a dead one waits for that.
// Only then is the top written to, and its expired keys are deleted: a member that
// got that from it would be ahead of a parent that has yet to find the top.
func (r *run) crown(e event, dead int) error {
	before, heir := r.tree.parents, r.tree.members[topOf(e.parents)]
	r.tree.parents = e.parents
	if err := heir.tell("CLIENT", "PAUSE", "600000", "WRITE"); err != nil {
		return err
	}
	if err := heir.tell("REPLICAOF", "NO", "ONE"); err != nil {
		return err
	}
	info, err := heir.info("replication")
	if err != nil {
		return err
	}
	for _, i := range r.tree.topDown()[1:] {
		if i == dead {
			continue
		}
		if before[i] != e.parents[i] {
			if err := r.follow(i); err != nil {
				return err
			}
		}
		if dead != none && below(e.parents, i, dead) {
			continue
		}
		if err := servers.Await(r.tree.members[i].name+" joins", patience, func() (bool, error) {
			err := r.tree.belongs(i, info["master_replid"], 0)
			return err == nil, err
		}); err != nil {
			return err
		}
	}
	return r.goOn()
}

func (r *run) failover(e event) error {
	old := r.tree.members[e.who]
	r.tree.parents = e.parents
	heir := r.tree.top()
	if err := old.tell("FAILOVER", "TO", "127.0.0.1", strconv.Itoa(heir.server.Port), "TIMEOUT", "30000"); err != nil {
		return err
	}
	if err := servers.Await(heir.name+" leads", patience, func() (bool, error) {
		info, err := heir.info("replication")
		return info["role"] == "master", err
	}); err != nil {
		return err
	}
	if err := r.load.end(true); err != nil {
		return err
	}
	return r.resume()
}

func (r *run) succeed(e event) error        { return r.succession(e, true) }
func (r *run) succeedAndLose(e event) error { return r.succession(e, false) }

func (r *run) succession(e event, dump bool) error {
	old := r.tree.members[e.who]
	if err := r.halt(); err != nil {
		return err
	}
	if dump {
		if err := old.save(); err != nil {
			return err
		}
	}
	if err := old.kill(); err != nil {
		return err
	}
	if !dump {
		if err := old.loseData(); err != nil {
			return err
		}
	}
	if err := r.crown(e, e.who); err != nil {
		return err
	}
	if _, err := r.tree.mark(); err != nil {
		return err
	}
	return old.start(r.tree.parent(e.who))
}

// outcome is what a script cost on an arrangement.
type outcome struct {
	first  syncs   // the growing of the tree
	events []syncs // each event
	began  []time.Time
	took   time.Duration
}

func (o outcome) sum() syncs {
	var sum syncs
	for _, s := range o.events {
		sum = sum.plus(s)
	}
	return sum
}

// perform grows the tree and plays the whole script on it; tell is called with
// each event's cost.
func perform(tr *tree, seed uint64, events []event, tell func(i int, cost syncs)) (o outcome, err error) {
	start := time.Now()
	r := &run{tree: tr, seed: seed << 20}
	if err := tr.grow(); err != nil {
		return o, err
	}
	if err := r.resume(); err != nil {
		return o, err
	}
	defer func() { r.load.end(true) }()
	if err := tr.steady(); err != nil {
		return o, fmt.Errorf("growing the tree: %w", err)
	}
	before, err := tr.given()
	if err != nil {
		return o, err
	}
	o.first = before
	for i, e := range events {
		o.began = append(o.began, time.Now())
		err := r.play(e)
		if err == nil && (i+1)%eventsPerRound == 0 {
			err = r.check()
		}
		if err != nil {
			return o, fmt.Errorf("event %d, %v: %w", i, e, err)
		}
		after, err := tr.given()
		if err != nil {
			return o, err
		}
		o.events = append(o.events, after.minus(before))
		tell(i, after.minus(before))
		before = after
	}
	o.took = time.Since(start)
	return o, nil
}

// check ends a round: the writes stop, and all have to hold the same.
func (r *run) check() error {
	if err := r.load.end(false); err != nil {
		return err
	}
	if err := r.tree.alike(); err != nil {
		return err
	}
	if err := fill(r.tree.top()); err != nil {
		return err
	}
	return r.resume()
}
