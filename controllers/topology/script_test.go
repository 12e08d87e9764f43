// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the expected text of the scripts")

// TestScripts plays the transcripts in testdata. A script is a list of blocks,
// each of comments (#), verbs, a line of dashes, and what they print up to the
// next blank line. The verbs are those of script.verb.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s differs (run with -update and look at the difference):\n%s", file, firstDifference(string(text), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			from := max(i-5, 0)
			return fmt.Sprintf("line %d\nwant:\n%s\ngot:\n%s", i+1,
				strings.Join(w[min(from, len(w)):min(i+8, len(w))], "\n"), strings.Join(g[min(from, len(g)):min(i+8, len(g))], "\n"))
		}
	}
	return ""
}

// play runs a script and returns it with what was printed.
func play(t *testing.T, text string) string {
	s := &script{t: t, world: newWorld(Spec{})}
	s.world.violated = func(format string, args ...any) { t.Errorf("invariant: "+format, args...) }
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		var verbs []string
		printed := false
		for _, line := range strings.Split(block, "\n") {
			if line == "----" {
				printed = true
				break
			}
			out.WriteString(line + "\n")
			if !strings.HasPrefix(line, "#") {
				verbs = append(verbs, line)
			}
		}
		s.out.Reset()
		for _, v := range verbs {
			s.verb(strings.Fields(v))
		}
		if printed || len(verbs) > 0 {
			out.WriteString("----\n" + s.out.String())
		}
	}
	return out.String()
}

type script struct {
	t     *testing.T
	world *world
	saved *Ledger
	pass  int
	out   strings.Builder
}

func (s *script) printf(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// verb performs one line.
func (s *script) verb(f []string) {
	w := s.world
	if len(f) == 0 {
		return
	}
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	number := func(i, otherwise int) int {
		n, err := strconv.Atoi(arg(i))
		if err != nil {
			return otherwise
		}
		return n
	}
	switch verb := f[0]; verb {
	case "spec": // spec instances=5 fanout=2 persistence=RDB loss=Reinitialize adopt=g1/2: the declared group
		w.spec = s.readSpec(f[1:])
	case "tree": // tree root relay<root*2:RDB@zone-b …: the explicit form
		w.spec = Spec{Tree: s.readTree(f[1:])}
	case "plan": // plan: print the plan, do nothing
		s.show(Decide(w.observe(), w.now))
	case "step": // step [n]: one pass; the operator dies after n actions
		plan := Decide(w.observe(), w.now)
		s.show(plan)
		s.act(plan, number(1, math.MaxInt))
	case "run": // run [n]: passes until nothing changes any more, at most n
		s.run(number(1, 60), s.show)
	case "quietly": // quietly: as run, without printing
		s.run(60, func(Plan) {})
	case "tick": // tick [n]: n seconds pass without the operator
		for range number(1, 1) {
			w.tick()
		}
	case "write": // write [n]: n writes are taken by the master; they are not passed on before a tick
		for range number(1, 1) {
			if !w.write() {
				s.printf("write refused: nobody is master")
				return
			}
		}
	case "nodes": // nodes: what the world holds
		s.nodes()
	case "ledger": // ledger: what the ledger says
		s.ledger()
	case "gates": // gates: which gates refuse what
		for _, r := range Decide(w.observe(), w.now).Refusals {
			s.printf("%s refuses %s (%s): %s", r.Gate, r.Member, r.Reason, r.Message)
		}
	case "health": // health: what the status would say
		s.health()
	default:
		s.event(verb, arg(1), arg(2))
	}
}

// event is what happens to a member, behind the operator's back.
func (s *script) event(verb, name, arg string) {
	w := s.world
	p := w.pods[name]
	switch verb {
	case "die": // die X [reason]: its process ends, the kubelet says so
		if arg == "" {
			arg = "OOMKilled"
		}
		w.stop(name, arg, 137)
	case "crash": // crash X: its process ends right after its start
		w.stop(name, "Error", 1)
		p.crashed = w.now
	case "restart": // restart X: the kubelet re-runs the container at once
		w.boot(name)
		p.restarts++
	case "deaf": // deaf X: the operator cannot reach it any more
		p.deafSince = w.now
		p.host.Ready = arg != "host"
	case "hear": // hear X: it can again
		p.deafSince, p.host.Ready = time.Time{}, true
	case "cut": // cut X: its replication links are cut
		p.cut = true
	case "mend":
		p.cut = false
	case "delete": // delete X: kubectl delete pod
		_ = w.do(DeletePod{Name: name, PodUID: p.uid, Restarts: p.restarts})
	case "stopping": // stopping X: a deletion that takes its time
		p.terminating = true
	case "vanish": // vanish X: the pod object and its process are gone without a word
		delete(w.pods, name)
	case "ghost": // ghost X: the pod object is torn away, the process goes on unseen
		w.haunt(p)
		delete(w.pods, name)
	case "taint": // taint X: its Kubernetes node is out of service
		p.host = Host{Name: p.host.Name, OutOfService: true}
		p.node = nil
	case "declare": // declare X: its Kubernetes node is tainted out-of-service, though its process lives
		p.host.OutOfService = true
	case "lost": // lost X: the kubelet has lost sight of the container
		p.node, p.ended, p.reason = nil, true, ReasonStatusUnknown
	case "local": // local X: it took writes of its own
		p.node.local = true
	case "torn": // torn X: its copy is not complete
		p.node.complete = false
	case "save": // save X: it writes its data set to its claim
		w.save(name)
	case "promised": // promised X n: it promised epoch n to somebody
		p.node.promised, _ = strconv.ParseUint(arg, 10, 64)
	case "belongs": // belongs X g: its process belongs to group g
		p.node.group = arg
	case "unmanaged": // unmanaged X: its process was started by hand
		p.node.unmanaged = true
	case "load": // load X: it is still reading its disk
		p.node.loading = true
	case "loaded": // loaded X: it is done
		p.node.loading = false
	case "foreign": // foreign X: its process holds the data of another history
		p.node.pos, p.node.log = Position{"elsewhere", 3}, []int{-1, -2, -3}
	case "stands": // stands X h1:5: its process turns out to stand there
		replid, offset, _ := strings.Cut(arg, ":")
		p.node.pos.Replid = replid
		p.node.pos.Offset, _ = strconv.ParseInt(offset, 10, 64)
		p.node.log = p.node.log[:0:0]
		for i := range p.node.pos.Offset {
			p.node.log = append(p.node.log, int(i+1))
		}
	case "pending": // pending X: its pod finds no Kubernetes node
		p.pending, p.node = true, nil
	case "start": // start X: it is scheduled at last
		p.pending = false
		w.boot(name)
	case "swap": // swap X: the volume behind its claim is replaced by an empty one
		w.claims[name].dir = simDir{}
	case "unclaim": // unclaim X: the volume behind its claim is gone
		w.claims[name].lost = true
	case "remember": // remember: keep a copy of the ledger
		s.saved = w.ledger.Clone()
	case "restore": // restore: put the kept copy back, as from a backup
		w.ledger, w.version = s.saved.Clone(), w.version+1
	case "forget": // forget: the ledger is lost
		w.ledger = nil
	case "uproot": // uproot: the group is deleted
		w.deleting = true
	default:
		s.t.Fatalf("unknown verb %q", verb)
	}
	s.world.checkWritable()
}

func (s *script) readSpec(args []string) Spec {
	var spec Spec
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		switch key {
		case "instances":
			spec.Instances, _ = strconv.Atoi(value)
		case "fanout":
			spec.Fanout, _ = strconv.Atoi(value)
		case "persistence":
			spec.Persistence.Mode = PersistenceMode(value)
		case "loss":
			spec.OnTotalLoss = TotalLoss(value)
		case "adopt":
			id, claim, _ := strings.Cut(value, "/")
			spec.Adopt = &Adoption{GroupID: id, Claim: claim}
		default:
			s.t.Fatalf("unknown setting %q", a)
		}
	}
	return spec
}

func (s *script) readTree(args []string) []TreeEntry {
	var entries []TreeEntry
	for _, a := range args {
		var e TreeEntry
		a, e.Zone, _ = strings.Cut(a, "@")
		a, mode, _ := strings.Cut(a, ":")
		e.Persistence.Mode = PersistenceMode(mode)
		a, count, _ := strings.Cut(a, "*")
		e.Count, _ = strconv.Atoi(count)
		e.Name, e.ReplicaOf, _ = strings.Cut(a, "<")
		entries = append(entries, e)
	}
	return entries
}

// show prints a plan.
func (s *script) show(plan Plan) {
	s.pass++
	for i, a := range plan.Actions {
		s.printf("%s %s", s.lead(i == 0), a)
	}
	if plan.Wait != nil {
		s.printf("%s wait %s: %s", s.lead(len(plan.Actions) == 0), plan.Wait.Reason, plan.Wait.Message)
	}
}

// lead numbers the first line of a pass and indents the others.
func (s *script) lead(first bool) string {
	if first {
		return fmt.Sprintf("%d>", s.pass)
	}
	return strings.Repeat(" ", len(strconv.Itoa(s.pass))+1)
}

func (s *script) act(plan Plan, n int) {
	if err := s.world.perform(plan.Actions, n); err != nil {
		s.printf("   failed: %v", err)
	}
	s.world.tick()
}

// run makes passes until two of them in a row have nothing to do and nothing
// new to say; passes that only wait for the nodes are not printed again.
func (s *script) run(limit int, show func(Plan)) {
	last := ""
	for quiet := 0; limit > 0 && quiet < 5; limit-- {
		plan := Decide(s.world.observe(), s.world.now)
		told := fmt.Sprint(plan.Wait)
		if plan.Wait != nil {
			told = string(plan.Wait.Reason)
		}
		if len(plan.Actions) > 0 || told != last {
			show(plan)
			quiet = 0
		} else {
			quiet++
		}
		last = told
		s.act(plan, math.MaxInt)
	}
	if limit == 0 {
		s.printf("   (no end in sight)")
	}
}

func (s *script) nodes() {
	for _, name := range sortedNames(s.world.pods) {
		p := s.world.pods[name]
		n := p.node
		if n == nil {
			s.printf("%s %s: no process", name, p.uid)
			continue
		}
		line := fmt.Sprintf("%s(%s) %s epoch %d at %s", name, n.run, orNone(n.role), n.epoch, n.pos)
		if n.writable() {
			line += " open"
		}
		if n.promised > n.epoch {
			line += fmt.Sprintf(" promised %d", n.promised)
		}
		if n.role == RoleReplica {
			line += fmt.Sprintf(" of %s %s", n.upstream, n.link)
		}
		s.printf("%s", line)
	}
	if e := s.world.endpoint; e != nil {
		s.printf("Service: %s", e.Member)
	}
}

func orNone(r Role) string {
	if r == RoleNone {
		return "quarantined"
	}
	return string(r)
}

func (s *script) ledger() {
	l := s.world.ledger
	if l == nil {
		s.printf("none")
		return
	}
	s.printf("group %s epoch %d %s everOpen %v", l.GroupID, l.Epoch, l.Phase, l.EverOpen)
	if g := l.Grant; g != nil {
		s.printf("grant %d: %s %s %s", g.Epoch, g.Node, g.RunID, g.Replid)
	}
	for _, h := range l.History {
		s.printf("history %d: %s from %s opened %v", h.Epoch, h.Replid, Position{h.Parent, h.ForkOffset}, h.Opened)
	}
	for _, r := range l.Members {
		dead := ""
		if r.Dead {
			dead = " dead"
		}
		s.printf("member %s: place %q below %q, last %s %s%s, fed from %v", r.Name, r.Place, r.Parent, r.PodUID, r.RunID, dead, r.Upstreams)
	}
	s.printf("decision: %s", l.Decision)
}

func (s *script) health() {
	h := Decide(s.world.observe(), s.world.now).Health
	s.printf("master %q, %d of %d ready, epoch %d", h.Master, h.ReadyCount, h.Declared, h.Epoch)
	for _, c := range []struct {
		name string
		Fact
	}{{"Ready", h.Ready}, {"Reconciling", h.Reconciling}, {"Stalled", h.Stalled}, {"RestartSafe", h.RestartSafe}, {"DataLost", h.DataLost}} {
		s.printf("%s %s %s: %s", c.name, c.Status, c.Reason, c.Message)
	}
	for _, m := range h.Members {
		s.printf("  %s %s %s of %q %s offset %d lag %d link %q %s ready %v safe %v %s",
			m.Name, m.Phase, m.Role, m.Upstream, m.Lineage, m.Offset, m.Lag, m.Link, m.Persistence, m.Ready, m.RestartSafe, m.Reason)
	}
	s.printf("decision: %s", h.Decision)
}
