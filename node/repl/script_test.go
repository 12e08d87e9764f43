// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-io/espalier/node/resp"
)

var rewrite = flag.Bool("rewrite", false, "write what the machine does into the scripts")

// TestScripts runs the scripts of testdata: blocks of verbs, a line of dashes,
// and the effects that they must have, in their order.
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
			got := newScript().run(t, string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("effects differ (- script, + machine):\n%s", diff)
			}
		})
	}
}

// script drives one machine. Replication ids are drawn in alphabetical order:
// forty times a, forty times b and so on.
type script struct {
	m     *Machine
	cfg   Config
	facts Facts
	drawn int
	out   strings.Builder
}

func newScript() *script {
	s := &script{facts: Facts{Now: 1_000_000}}
	s.cfg = Config{Port: 7000, Timeout: 60, PingPeriod: 10, MinReplicasMaxLag: 10}
	s.m = New(s.cfg, s.newID)
	return s
}

func (s *script) newID() string {
	s.drawn++
	return id(byte('a' + s.drawn - 1))
}

func id(c byte) string { return strings.Repeat(string(c), ReplidLen) }

// run gives the text with what follows each line of dashes replaced by what
// the machine does.
func (s *script) run(t *testing.T, text string) string {
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		verbs, _, isBlock := strings.Cut(block, "----")
		if !isBlock { // prose
			out.WriteString(block + "\n")
			continue
		}
		out.WriteString(strings.TrimRight(verbs, "\n") + "\n----\n")
		s.out.Reset()
		for line := range strings.SplitSeq(strings.TrimSpace(verbs), "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if err := s.do(line); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		out.WriteString(s.out.String())
	}
	return out.String()
}

func (s *script) do(line string) error {
	words, ok := resp.SplitArgs([]byte(line), nil)
	if !ok || len(words) == 0 {
		return fmt.Errorf("unbalanced quotes")
	}
	a := args{}
	for _, w := range words[1:] {
		if key, value, named := strings.Cut(string(w), "="); named && !strings.ContainsAny(key, "\r\n *") {
			a.named = append(a.named, [2]string{key, value})
		} else {
			a.list = append(a.list, w)
		}
	}
	verb, known := verbs[string(words[0])]
	if !known {
		return fmt.Errorf("unknown verb")
	}
	if event := verb(s, a); event != nil {
		s.print(s.m.Step(s.facts, event))
	}
	s.print(s.m.Take())
	return nil
}

// link reads a link's number; "-" is the present one.
func (s *script) link(a args) LinkID {
	if a.str(0) == "-" {
		return s.m.up.link
	}
	return LinkID(a.num(0))
}

// args are the words behind a verb.
type args struct {
	list  [][]byte
	named [][2]string
}

func (a args) str(i int) string {
	if i < len(a.list) {
		return string(a.list[i])
	}
	return ""
}

func (a args) num(i int) int64 {
	n, _ := strconv.ParseInt(a.str(i), 10, 64)
	return n
}

func (a args) get(name string) string {
	for _, kv := range a.named {
		if kv[0] == name {
			return kv[1]
		}
	}
	return ""
}

func (a args) getNum(name string) int64 {
	n, _ := strconv.ParseInt(a.get(name), 10, 64)
	return n
}

func (a args) has(word string) bool {
	for _, w := range a.list {
		if string(w) == word {
			return true
		}
	}
	return false
}

// expand turns "a*40" into forty times a.
func expand(text string) string {
	if len(text) == 4 && strings.HasSuffix(text, "*40") {
		return id(text[0])
	}
	return text
}

// position reads "a*40:17".
func position(text string) Position {
	replid, offset, _ := strings.Cut(text, ":")
	n, _ := strconv.ParseInt(offset, 10, 64)
	return Position{expand(replid), n}
}

var verbs = map[string]func(*script, args) Event{
	// The world.
	"config": func(s *script, a args) Event {
		for _, kv := range a.named {
			s.configure(kv[0], kv[1])
		}
		s.m.Configure(s.cfg)
		return nil
	},
	"managed": func(s *script, a args) Event { // begins anew
		s.cfg.Managed = true
		s.m = New(s.cfg, s.newID)
		return nil
	},
	"facts": func(s *script, a args) Event {
		for _, kv := range a.named {
			n, _ := strconv.ParseInt(kv[1], 10, 64)
			switch kv[0] {
			case "keys":
				s.facts.Keys = n
			case "busy":
				s.facts.Busy = n != 0
			case "tainted":
				s.facts.Tainted = n != 0
			case "quiet":
				s.facts.Quiet = n != 0
			}
		}
		return nil
	},
	"restore": func(s *script, a args) Event {
		s.m.Restore(s.facts, position(a.str(0)), int(a.getNum("db")), a.has("replica"))
		return nil
	},
	"tick": func(s *script, a args) Event {
		for range max(a.num(0), 1) - 1 {
			s.facts.Now += 1000
			s.print(s.m.Step(s.facts, Tick{}))
		}
		s.facts.Now += 1000
		return Tick{}
	},
	"pass": func(s *script, a args) Event { // seconds, without ticks
		s.facts.Now += a.num(0) * 1000
		return nil
	},
	"append": func(s *script, a args) Event {
		if s.m.Originates() {
			s.m.Select(int(a.num(0)))
			s.m.Append(resp.AppendCommand(nil, a.list[1:]...))
		}
		return nil
	},
	"bulk": func(s *script, a args) Event { // so many bytes of stream
		s.m.Append(make([]byte, a.num(0)))
		return nil
	},
	"applied": func(s *script, a args) Event {
		s.m.Applied(resp.AppendCommand(nil, a.list[1:]...), int(a.num(0)))
		return nil
	},
	"heard": func(s *script, a args) Event { s.m.Heard(s.facts.Now, a.num(0)); return nil },
	"status": func(s *script, a args) Event {
		s.status()
		return nil
	},
	"saveinfo": func(s *script, a args) Event {
		at, db, ok := s.m.SaveInfo()
		fmt.Fprintf(&s.out, "a dump says %s:%d db=%d: %t\n", at.Replid, at.Offset, db, ok)
		return nil
	},
	"acked": func(s *script, a args) Event {
		fmt.Fprintf(&s.out, "%d acknowledged %d, good enough: %t\n", s.m.CountAcked(a.num(0)), a.num(0), s.m.EnoughGoodReplicas())
		return nil
	},

	// The owner.
	"replicaof": func(s *script, a args) Event {
		e := SetMaster{Host: a.str(0), Port: int(a.num(1)), By: a.get("by"), Consent: a.has("consent")}
		if replid := a.get("grant"); replid != "" {
			e.Grant = &Grant{Replid: expand(replid)}
			for _, kv := range a.named {
				if kv[0] == "ancestor" {
					e.Grant.Ancestors = append(e.Grant.Ancestors, position(kv[1]))
				}
			}
			if d := a.get("discard"); d != "" {
				at := position(d)
				e.Grant.Discard = &at
			}
		}
		return e
	},
	"noone":         func(s *script, a args) Event { return UnsetMaster{By: a.get("by"), Replid: expand(a.str(0))} },
	"freeze":        func(s *script, a args) Event { return Freeze{} },
	"change-replid": func(s *script, a args) Event { return ChangeReplid{} },

	// The link to the master.
	"dialed": func(s *script, a args) Event { return Dialed{s.link(a), a.str(1)} },
	"recv":   func(s *script, a args) Event { return Received{s.link(a), []byte(a.str(1))} },
	"lost": func(s *script, a args) Event {
		return LinkLost{s.link(a), a.str(1), a.has("corrupt")}
	},
	"loaded": func(s *script, a args) Event {
		return SnapshotLoaded{s.link(a), a.str(1), int(a.getNum("db"))}
	},
	"unappliable": func(s *script, a args) Event { return Unappliable{s.link(a), a.str(1), a.has("untouched")} },
	"getack":      func(s *script, a args) Event { return GetAck{} },

	"failover": func(s *script, a args) Event {
		e := Failover{Host: a.str(0), Port: int(a.num(1)), Force: a.has("force"), Timeout: a.getNum("timeout")}
		if text := s.m.RefuseFailover(e); text != "" {
			fmt.Fprintf(&s.out, "refused: %s\n", text)
			return nil
		}
		return e
	},
	"abort": func(s *script, a args) Event { return AbortFailover{} },
	"later": func(s *script, a args) Event { // so many milliseconds
		s.facts.Now += a.num(0)
		return FailoverDue{}
	},

	// The replicas.
	"replconf": func(s *script, a args) Event { return Replconf{PeerID(a.num(0)), a.str(1), a.list[2:]} },
	"psync": func(s *script, a args) Event {
		return Psync{Peer: PeerID(a.num(0)), IP: a.str(1), Replid: expand(a.str(2)), Offset: a.str(3), Failover: a.has("failover"), By: a.get("by")}
	},
	"sync":  func(s *script, a args) Event { return Psync{Peer: PeerID(a.num(0)), IP: a.str(1), Legacy: true} },
	"alive": func(s *script, a args) Event { return Alive{PeerID(a.num(0))} },
	"gone":  func(s *script, a args) Event { return PeerGone{PeerID(a.num(0))} },
	"snapdone": func(s *script, a args) Event {
		return SnapshotDone{ID: SnapshotID(a.num(0)), Size: a.getNum("size"), Err: a.get("err")}
	},
	"sent":    func(s *script, a args) Event { return TransferDone{PeerID(a.num(0))} },
	"stalled": func(s *script, a args) Event { return Stalled{PeerID(a.num(0))} },
	"askacks": func(s *script, a args) Event { return AskAcks{} },
}

func (s *script) configure(key, value string) {
	n, _ := strconv.ParseInt(value, 10, 64)
	c := &s.cfg
	switch key {
	case "user":
		c.User = value
	case "password":
		c.Password = value
	case "ip":
		c.IP = value
	case "protect":
		c.Protect = value == "yes"
	case "diskless":
		c.Diskless = value == "yes"
	case "delay":
		c.DisklessDelay = n
	case "max-replicas":
		c.DisklessMaxReplicas = int(n)
	case "load":
		c.DisklessLoad = DisklessLoad(n)
	case "timeout":
		c.Timeout = n
	case "ping":
		c.PingPeriod = n
	case "backlog":
		c.BacklogSize = n
	case "ttl":
		c.BacklogTTL = n
	case "min-replicas":
		c.MinReplicas = int(n)
	case "hard":
		c.HardLimit = n
	case "soft":
		c.SoftLimit, c.SoftSeconds = n, 2
	default:
		panic("unknown configuration " + key)
	}
}

// print shows effects, one a line.
func (s *script) print(effects []Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case Log:
			fmt.Fprintf(&s.out, "%c %s\n", ".*#"[e.Level], e.Text)
		case Dial:
			fmt.Fprintf(&s.out, "dial link=%d %s:%d\n", e.Link, e.Host, e.Port)
		case Hangup:
			fmt.Fprintf(&s.out, "hangup link=%d\n", e.Link)
		case Send:
			fmt.Fprintf(&s.out, "send link=%d %s\n", e.Link, shown(e.Data))
		case Receive:
			fmt.Fprintf(&s.out, "receive link=%d size=%d parser=%t\n", e.Link, e.Size, e.ToParser)
		case Payload:
			fmt.Fprintf(&s.out, "payload link=%d %q\n", e.Link, e.Data)
		case Load:
			fmt.Fprintf(&s.out, "load link=%d at %s:%d\n", e.Link, e.At.Replid, e.At.Offset)
		case Discard:
			fmt.Fprintf(&s.out, "discard link=%d\n", e.Link)
		case Install:
			fmt.Fprintf(&s.out, "INSTALL link=%d\n", e.Link)
		case Follow:
			fmt.Fprintf(&s.out, "follow link=%d db=%d %q\n", e.Link, e.DB, e.Data)
		case Attach:
			fmt.Fprintf(&s.out, "attach peer=%d\n", e.Peer)
		case Reply:
			text := e.Err
			if text == "" {
				text = "OK"
			}
			fmt.Fprintf(&s.out, "reply peer=%d %s\n", e.Peer, text)
		case Write:
			fmt.Fprintf(&s.out, "write peer=%d %q\n", e.Peer, e.Data)
		case Cut:
			fmt.Fprintf(&s.out, "cut id=%d at %s:%d db=%d to=%v", e.ID, e.At.Replid, e.At.Offset, e.DB, e.To)
			if e.Mark != "" {
				fmt.Fprintf(&s.out, " mark=%s", e.Mark)
			}
			if e.Empty {
				fmt.Fprint(&s.out, " empty")
			}
			fmt.Fprintln(&s.out)
		case Transfer:
			fmt.Fprintf(&s.out, "transfer peer=%d id=%d\n", e.Peer, e.ID)
		case Feed:
			fmt.Fprintf(&s.out, "feed peer=%d from=%d %s\n", e.Peer, e.From.Offset(), shown(join(e.From.Peek(nil))))
		case Forget:
			fmt.Fprintf(&s.out, "forget id=%d\n", e.ID)
		case Drop:
			fmt.Fprintf(&s.out, "drop peer=%d (%s)\n", e.Peer, e.Reason)
		case HoldWrites:
			fmt.Fprintf(&s.out, "hold writes: %t\n", e.On)
		case RoleChanged:
			fmt.Fprintf(&s.out, "role %s\n", [...]string{"master", "replica", "none"}[e.Role])
		default:
			panic(fmt.Sprintf("no line for %T", effect))
		}
	}
}

func join(pieces [][]byte) []byte {
	var all []byte
	for _, p := range pieces {
		all = append(all, p...)
	}
	return all
}

// shown writes commands as people do, anything else quoted.
func shown(data []byte) string {
	var p resp.Parser
	var words []string
	rest := data
	for len(rest) > 0 && rest[0] == '*' {
		n, argv, err := p.Next(rest, nil)
		if n == 0 || err != nil {
			break
		}
		var line []string
		for _, w := range argv {
			line = append(line, string(w))
		}
		words = append(words, strings.Join(line, " "))
		rest = rest[n:]
	}
	if len(rest) > 0 || len(words) == 0 {
		return strconv.Quote(string(data))
	}
	return "[" + strings.Join(words, "] [") + "]"
}

func (s *script) status() {
	st := s.m.Status(s.facts.Now)
	fmt.Fprintf(&s.out, "%s %s:%d second %s:%d", [...]string{"master", "replica", "none"}[st.Role],
		st.History.Replid, st.History.Offset, st.History.Replid2, st.History.SecondOffset)
	if st.Frozen {
		fmt.Fprint(&s.out, " frozen")
	}
	if st.BacklogActive {
		fmt.Fprintf(&s.out, " backlog first=%d len=%d", st.BacklogFirst, st.BacklogLen)
	}
	fmt.Fprintf(&s.out, " full=%d partial=%d refused=%d\n", st.FullSyncs, st.PartialOK, st.PartialErr)
	if u := st.Upstream; u != nil {
		fmt.Fprintf(&s.out, "master %s:%d %s applied=%d idle=%d down=%d", u.Host, u.Port, u.State, u.Applied, u.IdleSeconds, u.DownSeconds)
		if u.Syncing {
			fmt.Fprintf(&s.out, " received %d of %d", u.Read, u.Total)
		}
		if u.Refused {
			fmt.Fprint(&s.out, " REFUSED")
		}
		if u.Reason != "" {
			fmt.Fprintf(&s.out, " because: %s", u.Reason)
		}
		fmt.Fprintln(&s.out)
	}
	for _, p := range st.Peers {
		fmt.Fprintf(&s.out, "replica %s:%d %s acked=%d lag=%d unsent=%d\n", p.IP, p.Port, p.State, p.Acked, p.Lag, p.Unsent)
	}
}
