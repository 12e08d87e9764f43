// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// What an open epoch does with everyone but the master: who stands where in
// the declared shape (reshape), and whom each replica feeds from (replicas).

// reshape brings the roster and the settled tree in line with the declared
// shape and the present master. A tree that fits is left as it is, whoever is
// down: an outage is bridged, not made permanent.
func (p *pass) reshape() {
	master := ""
	if p.led.Grant != nil {
		master = p.led.Grant.Node
	}
	crew := p.shape.crew(p.rosterNames(), master)
	if p.settled(crew, master) {
		return
	}
	for _, name := range crew {
		if p.led.Record(name) == nil {
			p.led.Members = append(p.led.Members, MemberRecord{Name: name})
		}
	}
	p.index()
	seats, gone := p.seatsFor(p.seats(), master)
	placed := p.shape.arrange(seats, master, gone)
	holder := map[string]string{}
	for name, pl := range placed {
		holder[pl.name] = name
	}
	moved := 0
	for i := range p.led.Members {
		r := &p.led.Members[i]
		pl, in := placed[r.Name]
		place, parent := "", ""
		if in {
			place = pl.name
			if pl.parent >= 0 {
				parent = holder[p.shape[pl.parent].name]
			}
		}
		if r.Parent != parent {
			moved++
		}
		r.Place, r.Parent = place, parent
	}
	p.change("tree "+p.describeTree(), fmt.Sprintf("The tree is set to the declared shape; %d of %d members get another upstream.", moved, len(crew)))
}

func (p *pass) rosterNames() []string {
	var names []string
	for _, r := range p.led.Members {
		// A removed member whose claim was kept is not preferred to a new one
		// that is in its place already, but to one that was never there.
		names = append(names, r.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return b2i(p.led.Record(a).Place == "") - b2i(p.led.Record(b).Place == "")
	})
	return names
}

// settled says that the ledger's tree has the declared shape with this crew.
func (p *pass) settled(crew []string, master string) bool {
	holder := map[string]string{}
	for _, r := range p.led.Members {
		if r.Place == "" {
			if slices.Contains(crew, r.Name) {
				return false
			}
			continue
		}
		if !slices.Contains(crew, r.Name) || holder[r.Place] != "" {
			return false
		}
		holder[r.Place] = r.Name
	}
	for _, pl := range p.shape {
		name := holder[pl.name]
		if name == "" || pl.parent < 0 && master != "" && name != master {
			return false
		}
		parent := ""
		if pl.parent >= 0 {
			parent = holder[p.shape[pl.parent].name]
		}
		if p.led.Record(name).Parent != parent {
			return false
		}
	}
	return len(holder) == len(p.shape)
}

// seats are the members of the roster as they stand.
func (p *pass) seats() []seat {
	var out []seat
	for _, r := range p.led.Members {
		m := p.byName[r.Name]
		n := m.node()
		out = append(out, seat{
			name: r.Name, entry: m.entry, parent: r.Parent, place: r.Place,
			fit: n != nil && n.Complete && !p.foreign(m) && !p.stray(n),
		})
	}
	return out
}

// seatsFor are the seats of the crew under this master, and the master that it
// replaces, if it does.
func (p *pass) seatsFor(all []seat, master string) (seats []seat, gone string) {
	crew := p.shape.crew(p.rosterNames(), master)
	for _, s := range all {
		if slices.Contains(crew, s.name) {
			seats = append(seats, s)
		}
		if s.place == p.shape[0].name && s.name != master {
			gone = s.name
		}
	}
	for _, name := range crew {
		if !slices.ContainsFunc(seats, func(s seat) bool { return s.name == name }) {
			e, _ := p.shape.entryOf(name)
			seats = append(seats, seat{name: name, entry: e})
		}
	}
	return seats, gone
}

// describeTree writes the settled tree as 0(1(3 4) 2).
func (p *pass) describeTree() string {
	below := map[string][]string{}
	root := ""
	for _, r := range p.led.Members {
		switch {
		case r.Place == p.shape[0].name:
			root = r.Name
		case r.Place != "":
			below[r.Parent] = append(below[r.Parent], r.Name)
		}
	}
	var write func(name string, depth int) string
	write = func(name string, depth int) string {
		s := name
		if len(below[name]) > 0 && depth < len(p.shape) {
			s += "("
			for i, c := range below[name] {
				if i > 0 {
					s += " "
				}
				s += write(c, depth+1)
			}
			s += ")"
		}
		return s
	}
	return write(root, 0)
}

// inOrder are the placed members, top down.
func (p *pass) inOrder() []*member {
	holder := map[string]*member{}
	for _, m := range p.members {
		if m.placed() {
			holder[m.rec.Place] = m
		}
	}
	var out []*member
	for _, pl := range p.shape {
		if m := holder[pl.name]; m != nil {
			out = append(out, m)
		}
	}
	return out
}

// replicas gives every member its upstream, top down: each grant is tried once
// the upstream is in line itself, so that nobody follows who leads nowhere.
func (p *pass) replicas() {
	for _, m := range p.inOrder() {
		if m.name == p.led.Grant.Node {
			continue
		}
		if p.foreign(m) && m.node() != nil {
			p.stall(ReasonForeignData, m.name, "%s belongs to group %s; it gets no role here.", m.name, m.group())
			continue
		}
		if !p.obeys(m) || m.risen() {
			continue
		}
		if p.stray(m.node()) {
			p.stall(ReasonForeignData, m.name, "%s holds data of no history of this group (%s); it gets no role, and nothing of it is dropped. If the ledger was restored from a backup, this may be the newest data there is; only if this group never wrote it, delete its claim and its pod to give it up.", m.name, m.node().Position)
			continue
		}
		up := p.feed(m)
		if up == nil {
			continue
		}
		if up == p.upstream(m) {
			p.linking(m, up)
			continue
		}
		// A link to who is cut off himself is nothing to lose.
		moves := p.upstream(m) != nil && p.inLine(m, nil)
		if moves && !p.passes(moveGates, m) {
			continue
		}
		p.grantReplica(m, up, moves)
	}
}

// linking tells about a replica that has yet to be linked to who it should feed
// from. One that its shield holds back gets its grant again if it stands where
// it needs a permit to drop what it holds: the permit that it had may name
// where it stood before.
func (p *pass) linking(m, up *member) {
	switch n := m.node(); {
	case n.Link == LinkUp:
	case n.Link == LinkRefused && p.line.named(n.Position):
		p.stall(ReasonLinkRefused, m.name, "%s refuses the data set of %s (%s): it stands at %s, which is history of this group, and nothing of it is dropped.", m.name, up.name, cmp.Or(n.LinkReason, "no reason given"), n.Position)
	default:
		if n.Link == LinkRefused {
			p.grantReplica(m, up, false)
		}
		p.wait(ReasonSyncing, pollLink, "%s is not linked to %s yet (%s).", m.name, up.name, strings.TrimSpace(string(n.Link)+" "+n.LinkReason))
	}
}

// feed is whom m should feed from now; nil means to leave it as it is.
func (p *pass) feed(m *member) *member {
	parent := p.byName[m.rec.Parent]
	if parent == nil {
		return nil
	}
	cur, n := p.upstream(m), m.node()
	if cur != nil && (n.Link == LinkUp || n.Link == LinkSync && p.inLine(cur, m)) && cur != parent {
		// It is served in the interim. A transfer is not cut short, and it goes
		// back to its place only when that place is in line.
		if n.Link == LinkUp && p.inLine(parent, m) {
			return parent
		}
		p.wait(ReasonSyncing, 0, "%s feeds from %s until its upstream %s is in line.", m.name, cur.name, parent.name)
		return nil
	}
	if p.inLine(parent, m) {
		return parent
	}
	if cur == parent && n.Link == LinkUp {
		return nil
	}
	if p.coming(parent) && (!n.Complete || parent.node().Complete) {
		p.wait(ReasonSyncing, pollLink, "%s waits for its upstream %s to come up.", m.name, parent.name)
		return nil
	}
	if cur != nil && p.inLine(cur, m) {
		return cur // it was sent there in the interim and is not linked yet
	}
	for range p.members {
		if parent = p.byName[parent.recParent()]; parent == nil {
			break
		}
		if p.inLine(parent, m) {
			return parent
		}
	}
	p.wait(ReasonSyncing, 0, "%s waits for an upstream in line with the master.", m.name)
	return nil
}

func (m *member) recParent() string {
	if m.rec == nil {
		return ""
	}
	return m.rec.Parent
}

// coming says that m answers and is on its way into line.
func (p *pass) coming(m *member) bool {
	n := m.node()
	return n != nil && n.Managed && !p.foreign(m) && !p.stray(n) && n.Link != LinkRefused
}

// upstreamsLimit is how many upstreams are remembered for a member.
const upstreamsLimit = 8

// grantReplica puts m below up. What bounds m's position, and that this very
// process has a role, is in the ledger before.
func (p *pass) grantReplica(m, up *member, moves bool) {
	t, u, n := m.target(), up.target(), m.node()
	before := *m.rec
	p.enroll(m)
	if !slices.Contains(m.rec.Upstreams, u.RunID) {
		if len(m.rec.Upstreams) < upstreamsLimit {
			m.rec.Upstreams = append(m.rec.Upstreams, u.RunID)
		} else if !slices.Contains(m.rec.Upstreams, UpstreamsUnbounded) {
			m.rec.Upstreams = append(m.rec.Upstreams, UpstreamsUnbounded)
		}
	}
	if !sameRecord(before, *m.rec) {
		p.change(fmt.Sprintf("%s feeds from %s", m.name, u), "")
	}
	g := GrantReplica{
		Target: t, GroupID: p.led.GroupID, Epoch: p.led.Epoch, Replid: p.led.Grant.Replid,
		Upstream: u, Ancestors: p.line.ancestors(p.led.Grant.Replid), Moves: moves,
		Why: fmt.Sprintf("%s is to feed from %s", m.name, up.name),
	}
	if m.rec.Parent != up.name {
		g.Why += fmt.Sprintf(" in the interim, as long as %s is not in line", m.rec.Parent)
	}
	if !p.line.named(n.Position) {
		// It may stand on a side branch without holding anything of it; only the
		// ledger can tell, the node needs the permit all the same.
		at := n.Position
		g.Discard = &at
		if s := p.line.stand(at); s.tail > 0 {
			g.Why += fmt.Sprintf("; %d bytes that it holds beside the mainline are given up", s.tail)
		}
	}
	p.do(g)
}

func sameRecord(a, b MemberRecord) bool {
	return a.PodUID == b.PodUID && a.RunID == b.RunID && a.Dead == b.Dead &&
		a.ClaimUID == b.ClaimUID && a.DirID == b.DirID && slices.Equal(a.Upstreams, b.Upstreams)
}
