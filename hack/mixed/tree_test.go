// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/hack/servers"
)

// none is the parent of the top.
const none = -1

// tree is a tree of running members.
type tree struct {
	members []*member
	parents []int
	marks   int
}

// newTree prepares a tree. The configuration is that of every member.
func newTree(t *testing.T, kinds []kind, parents []int, config string) *tree {
	t.Helper()
	tr := &tree{parents: slices.Clone(parents)}
	for i, k := range kinds {
		tr.members = append(tr.members, newMember(t, k, fmt.Sprintf("%s-%d", k, i), config))
	}
	return tr
}

// grow starts the members; the top has data before the others ask for it.
func (tr *tree) grow() error {
	for _, i := range tr.topDown() {
		if err := tr.members[i].start(tr.parent(i)); err != nil {
			return err
		}
		if tr.parents[i] == none {
			if err := fill(tr.members[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sound tells what a server of ours must never log.
func (tr *tree) sound() error {
	for _, m := range tr.members {
		for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if m.kind == aNode && bytes.Contains(m.server.Log(), []byte(sign)) {
				return fmt.Errorf("%s logs a %s", m.name, sign)
			}
		}
	}
	return nil
}

// logs are lines of all members' logs: the first behind a moment, the last ones if
// that is zero.
func (tr *tree) logs(moment time.Time) string {
	var b strings.Builder
	for _, m := range tr.members {
		fmt.Fprintf(&b, "%s (port %d):\n%s\n\n", m.name, m.server.Port, m.logFrom(moment))
	}
	return b.String()
}

// topOf is the place of the top.
func topOf(parents []int) int { return slices.Index(parents, none) }

func (tr *tree) top() *member { return tr.members[topOf(tr.parents)] }

// parent is whom the member at a place follows, nil for the top.
func (tr *tree) parent(i int) *member {
	if tr.parents[i] == none {
		return nil
	}
	return tr.members[tr.parents[i]]
}

// given are the resyncs that all members gave.
func (tr *tree) given() (syncs, error) {
	var sum syncs
	for _, m := range tr.members {
		s, err := m.given()
		if err != nil {
			return sum, err
		}
		sum = sum.plus(s)
	}
	return sum, nil
}

// mark writes a mark at the top and gives the offset behind it.
func (tr *tree) mark() (int64, error) {
	tr.marks++
	if err := tr.top().tell("SET", "mark", strconv.Itoa(tr.marks)); err != nil {
		return 0, err
	}
	info, err := tr.top().info("replication")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(info["master_repl_offset"], 10, 64)
}

// steady waits until every member follows its parent in the top's history, and
// a mark that is written once it does has come to all.
func (tr *tree) steady() error {
	if err := servers.Await("the tree stands", patience, func() (bool, error) { return tr.stands(0) }); err != nil {
		return err
	}
	mark, err := tr.mark()
	if err != nil {
		return err
	}
	return servers.Await("a mark passes all links", patience, func() (bool, error) { return tr.stands(mark) })
}

// stands tells whether all links are as they should be and all members at an
// offset or beyond it; the error says what is missing.
func (tr *tree) stands(mark int64) (bool, error) {
	top, err := tr.top().info("replication")
	if err != nil {
		return false, err
	}
	if top["role"] != "master" {
		return false, fmt.Errorf("%s is a %s", tr.top().name, top["role"])
	}
	for i := range tr.members {
		if err := tr.belongs(i, top["master_replid"], mark); err != nil {
			return false, err
		}
	}
	return true, nil
}

// belongs tells whether a member's link is as it should be, and the member in a
// history at an offset or beyond it.
func (tr *tree) belongs(i int, history string, mark int64) error {
	m := tr.members[i]
	info, err := m.info("replication")
	if err != nil {
		return err
	}
	if p := tr.parent(i); p != nil && (info["master_port"] != strconv.Itoa(p.server.Port) || info["master_link_status"] != "up") {
		return fmt.Errorf("%s's link to %s: port %s, %s", m.name, p.name, info["master_port"], info["master_link_status"])
	}
	if info["master_replid"] != history {
		return fmt.Errorf("%s is in history %s, not in %s", m.name, info["master_replid"], history)
	}
	if at, err := strconv.ParseInt(info["master_repl_offset"], 10, 64); err != nil || at < mark {
		return fmt.Errorf("%s is at %s, a mark at %d", m.name, info["master_repl_offset"], mark)
	}
	return nil
}

// rest pauses the top and waits until all members stand where it stands. The
// load must have stopped.
func (tr *tree) rest() error {
	if err := tr.top().tell("CLIENT", "PAUSE", "600000", "WRITE"); err != nil {
		return err
	}
	return servers.Await("the tree rests", patience, tr.level)
}

// level tells whether all members stand at the top's offset.
func (tr *tree) level() (bool, error) {
	want := ""
	for _, i := range tr.topDown() {
		info, err := tr.members[i].info("replication")
		if err != nil {
			return false, err
		}
		if at := info["master_repl_offset"]; want == "" {
			want = at
		} else if at != want {
			return false, fmt.Errorf("%s is at %s, the top at %s", tr.members[i].name, at, want)
		}
	}
	return true, nil
}

// topDown are all places, parents before children.
func (tr *tree) topDown() []int {
	order := []int{topOf(tr.parents)}
	for n := 0; n < len(order); n++ {
		for i, p := range tr.parents {
			if p == order[n] {
				order = append(order, i)
			}
		}
	}
	return order
}

// alike waits until all members hold the same data. The load must have stopped;
// what expires may still be deleted.
func (tr *tree) alike() error {
	err := servers.Await("all hold the same", patience, func() (bool, error) {
		if ok, err := tr.level(); !ok {
			return false, err
		}
		want := ""
		for _, i := range tr.topDown() {
			v, err := tr.members[i].do("DEBUG", "DIGEST")
			if err != nil {
				return false, err
			}
			if want == "" {
				want = v.Str
			} else if v.Str != want {
				return false, fmt.Errorf("%s holds %s, the top %s", tr.members[i].name, v.Str, want)
			}
		}
		return tr.level()
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, tr.differences())
}
