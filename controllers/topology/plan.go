// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package topology decides everything for one ReplicationGroup from one
// observation: Decide(State, now) gives the actions of this pass, or says what
// is waited for. It is pure: no clock, no I/O, no randomness (ids come in as
// State.Mint), no memory but the ledger that it is handed. So an operator may
// die between any two actions; the next pass sees ledger and nodes as they are
// and goes on from there.
//
// What it keeps true, by the numbers of the safety protocol:
//
//   - I1, I6: an epoch is offered once, to one process, and only when the
//     master before it is proven dead or has promised the new epoch (fence,
//     Fencing → Offered). It is opened when that process acknowledged.
//   - I2: the elected copy is complete, without local writes, of the ledger's
//     history, and nobody who cannot be asked may hold more (elect).
//   - I3: a replica's grant names the mainline; it authorises the loss of a
//     named tail and of nothing else (replicas).
//   - I4: a pod comes back only after its death is in the ledger, together with
//     the decision (the restart gate, pods and gates).
//   - I5: a role is in the ledger before it is told to anyone.
//   - I7: one disruptive action per plan, behind gates.
//
// Every pass writes the ledger at most once, first of all; the actions after it
// rest on that write. Start reading at Decide and drive; controllers/DESIGN.md
// tells the rules in prose.
package topology

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Decide says what to do about the group in this state. now is only compared
// with Answer.Since, to tell a hiccup from an outage in words; no decision
// rests on it.
func Decide(state State, now time.Time) Plan {
	p := newPass(state, now)
	if err := p.read(); err != nil {
		p.stall(ReasonInvalidShape, "", "The declared shape cannot be read: %v.", err)
	} else if state.Deleting {
		p.remove()
	} else if p.led == nil {
		p.begin()
	} else {
		p.drive()
	}
	return p.finish()
}

// pass is one run of the planner.
type pass struct {
	state State
	now   time.Time

	shape   shape
	led     *Ledger // the working copy; nil while there is none
	line    lineage // of led
	members []*member
	byName  map[string]*member
	byRun   map[string]*member // by the run id that answers

	changes   []string // what was changed in led, in the order of the changes
	why       []string
	actions   []Action // after the ledger update
	refusals  []Refusal
	waits     []blocker
	disrupted bool            // the one disruptive action is taken
	needed    map[string]bool // stopped members whose claims must report (elect)
	lost      lossVerdict     // what became of the data (elect)
}

// blocker is one thing that is waited for. A stalled one needs a change from
// outside.
type blocker struct {
	Wait
	stalled bool
	member  string
}

func newPass(state State, now time.Time) *pass {
	p := &pass{
		state: state, now: now,
		byName: map[string]*member{}, byRun: map[string]*member{}, needed: map[string]bool{},
	}
	if state.Ledger != nil {
		p.led = state.Ledger.Clone()
	}
	return p
}

// read joins what was seen, remembered and declared.
func (p *pass) read() error {
	shape, err := declaredShape(p.state.Spec)
	if err != nil {
		return err
	}
	p.shape = shape
	for _, seen := range p.state.Members {
		p.byName[seen.Name] = &member{name: seen.Name, seen: seen}
	}
	p.index()
	return nil
}

// index rebuilds everything that is derived from the working ledger.
func (p *pass) index() {
	if p.led != nil {
		slices.SortFunc(p.led.Members, func(a, b MemberRecord) int { return byName(a.Name, b.Name) })
		for i := range p.led.Members {
			name := p.led.Members[i].Name
			if p.byName[name] == nil {
				p.byName[name] = &member{name: name, seen: Member{Name: name}}
			}
		}
		p.line = newLineage(p.led.History)
	}
	p.members = nil // never in place: loops over it change the ledger
	clear(p.byRun)
	for _, name := range sortedNames(p.byName) {
		m := p.byName[name]
		m.rec = nil
		if p.led != nil {
			m.rec = p.led.Record(name)
		}
		m.entry, _ = p.shape.entryOf(name)
		p.members = append(p.members, m)
		if n := m.node(); n != nil && n.RunID != "" {
			p.byRun[n.RunID] = m
		}
	}
}

// drive moves a group that has a ledger on by one pass. A phase that ends
// within the pass lets the next one begin at once: its actions stand behind
// the ledger update and are dropped with it.
func (p *pass) drive() {
	p.noteDeaths()
	p.noteDirs()
	p.checkWitnesses()
	if p.led.Phase == PhaseOpen {
		p.open()
	}
	if p.led.Phase == PhaseOffered {
		p.offered()
	}
	if p.led.Phase == PhaseFencing {
		p.fencing()
	}
	p.pods()
}

// change notes that the working ledger was changed: what for transcripts, why
// for people.
func (p *pass) change(what, why string) {
	p.changes = append(p.changes, what)
	if why != "" {
		p.why = append(p.why, why)
	}
	p.index()
}

// decide is a change that people shall read as the last decision.
func (p *pass) decide(what, format string, args ...any) {
	p.led.Decision = fmt.Sprintf(format, args...)
	p.change(what, p.led.Decision)
}

// do takes an action. A disruptive one must have asked steady before.
func (p *pass) do(a Action) {
	p.disrupted = p.disrupted || a.Disruptive()
	p.actions = append(p.actions, a)
}

// wait notes what holds the plan up on its way.
func (p *pass) wait(reason Reason, after time.Duration, format string, args ...any) {
	p.waits = append(p.waits, blocker{Wait: Wait{Reason: reason, Message: fmt.Sprintf(format, args...), After: after}})
}

// stall notes what the plan cannot get past without a change from outside.
func (p *pass) stall(reason Reason, member, format string, args ...any) {
	p.waits = append(p.waits, blocker{
		Wait:    Wait{Reason: reason, Message: fmt.Sprintf(format, args...), After: pollSlow},
		stalled: true, member: member,
	})
}

// How soon to look again: where a node needs no more than a moment, where a
// replica may be linked up any time, and where only the world outside can help.
// Everything else is an event.
const (
	pollFast = 200 * time.Millisecond
	pollLink = 500 * time.Millisecond
	pollSlow = 5 * time.Second
)

// finish puts the ledger update before the actions and adds what there is to
// tell.
func (p *pass) finish() Plan {
	p.retractIfHeldUp()
	out := Plan{Refusals: p.refusals}
	if len(p.changes) > 0 {
		update := UpdateLedger{Ledger: *p.led, What: strings.Join(p.changes, "; "), Why: strings.Join(p.why, " ")}
		if p.state.Ledger != nil {
			update.ResourceVersion = p.state.Ledger.ResourceVersion
		}
		update.Ledger.ResourceVersion = ""
		out.Actions = append(out.Actions, update)
	}
	out.Actions = append(out.Actions, p.actions...)
	out.Wait = p.verdict(len(out.Actions) > 0)
	out.Health = p.health()
	return out
}

// verdict is the wait that is told: the first that needs help from outside, or
// the first there is; the soonest of all times to look again.
func (p *pass) verdict(acting bool) *Wait {
	if len(p.waits) == 0 {
		if acting {
			return nil
		}
		return &Wait{Reason: ReasonSettled, Message: "The declared shape stands."}
	}
	told := p.waits[0]
	for _, w := range p.waits {
		if w.stalled && !told.stalled {
			told = w
		}
		if w.After > 0 && (told.After == 0 || w.After < told.After) {
			told.After = w.After
		}
	}
	return &told.Wait
}
