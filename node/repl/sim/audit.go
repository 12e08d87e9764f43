// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/espalier-io/espalier/node/repl"
	"github.com/espalier-io/espalier/node/resp"
)

// audit is what is known about a process from the outside: what it was told and
// what it was seen to do. The machine's own state is asked only for what it
// claims.
type audit struct {
	// resumable: the data set has a position that a master may know.
	resumable bool
	consent   bool        // a person asked for the present master, and no sync has come of it yet
	grant     *repl.Grant // of a managed replica
	frozen    bool
	frozenAt  repl.Position
	frozenSum uint64

	// floor is the first offset that the backlog must still have, where counting
	// says that there is one.
	counting bool
	floor    int64

	own seen // before the present event
}

// seen is what a process was before an event.
type seen struct {
	history  repl.History
	role     repl.Role
	frozen   bool
	quiet    bool
	counting bool
	keys     int
	// Of a request for a sync: whether the answer may, and must, be a partial one.
	mayResume, mustResume bool
}

func (p *Process) fail(format string, args ...any) {
	h := p.m.History()
	p.w.Fail("%s (%s:%d): %s", p.n.Name, short(h.Replid), h.Offset, fmt.Sprintf(format, args...))
}

func short(replid string) string { return strings.TrimLeft(replid, "0") }

// started begins the audit of a process that has read a dump of some position.
func (a *audit) started(p *Process, at repl.Position) {
	a.resumable = at.Replid != "" && (p.n.Follows != "" || p.guard != nil && !p.tainted)
}

// named tells whether the process vouches for its position.
func (p *Process) named() bool {
	_, _, ok := p.m.SaveInfo()
	return ok && !p.tainted
}

func (a *audit) before(p *Process, e repl.Event) seen {
	a.own = seen{
		history: p.m.History(), role: p.m.Role(), frozen: p.m.Frozen(), quiet: p.facts().Quiet,
		counting: p.m.Backlog() != nil, keys: len(p.data.keys),
	}
	if ask, ok := e.(repl.Psync); ok && !ask.Legacy {
		from, err := strconv.ParseInt(ask.Offset, 10, 64)
		if err == nil && ask.Replid != "?" {
			a.resumes(p, repl.Position{Replid: ask.Replid, Offset: from - 1})
		}
	}
	return a.own
}

// resumes decides what the answer to a replica at a position may and must be. By
// the rules of the protocol, a master knows its history by two names only.
func (a *audit) resumes(p *Process, at repl.Position) {
	h := p.m.History()
	own := repl.Position{Replid: h.Replid, Offset: h.Offset}
	same := p.w.truth.contains(own, at)
	known := at.Replid == h.Replid || at.Replid == h.Replid2 && at.Offset < h.SecondOffset
	a.own.mayResume = same
	a.own.mustResume = same && known && a.counting && at.Offset+1 >= a.floor
}

// after looks at what the machine made of an event.
func (a *audit) after(p *Process, e repl.Event, was seen, effects []repl.Effect) {
	h, role := p.m.History(), p.m.Role()
	a.learn(p, e, was)
	installed := false
	for _, effect := range effects {
		if _, ok := effect.(repl.Install); ok {
			installed = true
		}
	}
	moved := h.Offset - was.history.Offset
	switch still := was.role != repl.Master || was.frozen || was.quiet; {
	case installed && was.frozen:
		p.fail("gave up its data set while frozen")
	case installed:
	case moved < 0:
		p.fail("went back from offset %d", was.history.Offset)
	case moved > 0 && still:
		p.fail("originated %d bytes of stream where it must not (role %d, frozen %t, quiet %t)", moved, was.role, was.frozen, was.quiet)
	case h.Replid != was.history.Replid && h.Replid2 == was.history.Replid && h.SecondOffset != was.history.Offset+1:
		p.fail("shifted its history with second offset %d", h.SecondOffset)
	}
	idle := was.frozen && p.m.Frozen() || was.role == repl.None && role == repl.None
	a.answers(p, e, was, effects, idle)
}

// learn follows what the process is told.
func (a *audit) learn(p *Process, e repl.Event, was seen) {
	role := p.m.Role()
	if was.role == repl.Master && role == repl.Replica {
		a.resumable = was.counting || p.guard != nil && !was.history.Blank
		a.consent = true // a FAILOVER; else it is set below
	}
	if role == repl.Master {
		a.consent, a.grant = false, nil
	}
	if e, ok := e.(repl.SetMaster); ok {
		a.consent = e.Consent
		a.grant = e.Grant
	}
}

// answers looks at what was said to replicas. idle: nothing new may be.
func (a *audit) answers(p *Process, e repl.Event, was seen, effects []repl.Effect, idle bool) {
	_, asked := e.(repl.Psync)
	attached, continued := false, false
	for _, effect := range effects {
		switch e := effect.(type) {
		case repl.Attach:
			attached = true
		case repl.Write:
			continued = continued || asked && strings.HasPrefix(string(e.Data), "+CONTINUE")
		case repl.Cut, repl.Dial:
			if idle {
				p.fail("does %T without a role, or frozen", effect)
			}
		}
	}
	switch {
	case attached && idle:
		p.fail("serves a replica without a role, or frozen")
	case continued:
		p.w.Stats.Partials++
		if !was.mayResume {
			p.fail("lets a replica resume whose data set is not of its history: %+v", e)
		}
	case attached:
		p.w.Stats.FullSyncs++
		if was.mustResume {
			p.fail("sends a whole data set to a replica that could resume: %+v, backlog from %d at least", e, a.floor)
		}
	}
}

// ignore gives the machine the news of a link or a replica that is gone for it.
func (p *Process) ignore(e repl.Event) {
	was := p.m.History()
	if effects := p.m.Step(p.facts(), e); len(effects) > 0 || p.m.History() != was {
		p.fail("late news of an earlier connection led to something: %T%v: %v", e, e, effects)
	}
}

// check holds the process against the record.
func (p *Process) check() {
	if p.dead || p.w.err != nil {
		return
	}
	a, h := &p.audit, p.m.History()
	a.watchBacklog(p, h)
	if p.named() {
		if wrong := p.w.truth.note(p, h, p.data.sum); wrong != "" {
			p.fail("%s", wrong)
		}
		a.checkSecond(p, h)
	}
	if p.m.LinkUp() {
		a.consent = false
		a.resumable = !p.link.wire.session.p.n.Old
	}
	if at := (repl.Position{Replid: h.Replid, Offset: h.Offset}); a.frozen && (at != a.frozenAt || p.data.sum != a.frozenSum) {
		p.fail("moved although it has promised to stand still at %v", a.frozenAt)
	}
}

// watchBacklog follows how much of the stream must be there to resume from: as
// much as its size, since it began.
func (a *audit) watchBacklog(p *Process, h repl.History) {
	b := p.m.Backlog()
	if b == nil {
		a.counting = false
		return
	}
	if b.NextOffset() != h.Offset+1 {
		p.fail("has a backlog that goes on at %d", b.NextOffset())
	}
	if !a.counting || a.floor > h.Offset+1 {
		a.counting, a.floor = true, h.Offset+1
	}
	a.floor = max(a.floor, h.Offset+1-p.n.Config.BacklogSize)
}

// checkSecond: who serves replicas by a second name must be what that name says.
func (a *audit) checkSecond(p *Process, h repl.History) {
	if h.SecondOffset < 0 || p.m.Backlog() == nil || p.m.Role() == repl.Replica && !p.m.LinkUp() ||
		p.w.truth.histories[h.Replid2] == nil {
		return
	}
	fork := h.SecondOffset - 1
	if !p.w.truth.contains(repl.Position{Replid: h.Replid, Offset: fork}, repl.Position{Replid: h.Replid2, Offset: fork}) {
		p.fail("would let replicas of %s resume up to %d, which its data set did not grow out of", short(h.Replid2), fork)
	}
}

// installs looks at a data set that is about to replace another one.
func (a *audit) installs(p *Process, d *dump) {
	was, h := a.own, p.m.History()
	a.counting = false // the backlog begins anew
	own := repl.Position{Replid: was.history.Replid, Offset: was.history.Offset}
	if d == nil {
		p.fail("gives up its data set for one that was not received whole and verified")
		return
	}
	if p.m.Attached() > 0 {
		p.fail("keeps replicas of a data set that it gives up")
	}
	grown := p.w.truth.contains(d.at, own)
	switch legacy := p.link.wire.session.p.n.Old; {
	case !legacy && (d.at.Replid != h.Replid || d.at.Offset != h.Offset):
		p.fail("installs the data set of %v", d.at)
	case a.grant != nil && d.at.Replid != a.grant.Replid:
		p.fail("accepts a data set of %s under a grant for %s", short(d.at.Replid), short(a.grant.Replid))
	case a.grant != nil && a.grant.Discard != nil && *a.grant.Discard == was.history.Position():
	case a.grant != nil && !was.history.Blank && !grown:
		p.fail("under a grant, gives up %v for %v, which did not grow out of it", own, d.at)
	case a.grant == nil && p.n.Config.Protect && !a.consent && was.keys > 0 && (legacy || !grown):
		p.fail("protected, gives up %v for %v, which did not grow out of it", own, d.at)
	}
}

// sends looks at what is said to the master.
func (a *audit) sends(p *Process, data []byte) {
	var parser resp.Parser
	h := p.m.History()
	if a.frozen || p.m.Role() != repl.Replica {
		p.fail("speaks to a master: %q", data)
	}
	for len(data) > 0 {
		n, argv, err := parser.Next(data, nil)
		if n == 0 || err != nil {
			p.fail("sends half a command to its master: %q", data)
			return
		}
		data = data[n:]
		switch {
		case len(argv) == 3 && string(argv[1]) == "ACK" && string(argv[2]) != strconv.FormatInt(h.Offset, 10):
			p.fail("acknowledges %s", argv[2])
		case len(argv) < 3 || string(argv[0]) != "PSYNC":
		case string(argv[1]) == "?" && a.resumable:
			p.fail("asks for a whole data set although it could resume")
		case string(argv[1]) != "?" && (string(argv[1]) != h.Replid || string(argv[2]) != strconv.FormatInt(h.Offset+1, 10)):
			p.fail("asks to resume from where it does not stand: %q", argv)
		}
	}
}

// dials: who is frozen or has no role has no master to call.
func (a *audit) dials(p *Process) {
	if a.frozen || p.m.Role() != repl.Replica {
		p.fail("dials a master")
	}
}

// applies looks at bytes of the stream that are about to count.
func (a *audit) applies(p *Process, n int) {
	if n > 0 && (a.frozen || !p.m.LinkUp()) {
		p.fail("applies a stream that it does not follow")
	}
}

// cuts looks at the position that a snapshot is given.
func (a *audit) cuts(p *Process, c repl.Cut) {
	switch h := p.m.History(); {
	case c.At.Replid != h.Replid || c.At.Offset != h.Offset:
		p.fail("cuts a snapshot as of %v", c.At)
	case p.tainted:
		p.fail("hands down a data set that is not of its history")
	case p.busy():
		p.fail("cuts a snapshot while another one is being made")
	}
}

// broke: the stream could not be followed, so its position means nothing more.
func (a *audit) broke() { a.resumable = false }

func (a *audit) froze(p *Process) {
	h := p.m.History()
	a.frozen, a.frozenAt, a.frozenSum = true, repl.Position{Replid: h.Replid, Offset: h.Offset}, p.data.sum
}

func (a *audit) thawed() { a.frozen = false }
