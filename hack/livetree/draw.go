// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package livetree

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
)

// Draw gives the tree as lines of text: who feeds from whom, where, how far
// each one is, and how many bytes it lags behind the master. Those that are in
// no tree stand below it, with the reason.
func (t *Tree) Draw() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "MEMBER\tROLE\tON\tKEYS\tOFFSET\tLAG\tLINK")
	drawn := map[*Member]bool{}
	for _, master := range t.Masters() {
		t.drawBelow(w, master, master, "", "", drawn)
	}
	for _, m := range t.Members {
		if drawn[m] {
			continue
		}
		why := "has no upstream in the group yet"
		if m.Silence != nil {
			why = "does not answer: " + brief(m.Silence)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\t\t\t%s\n", m.Pod, cmp.Or(m.Role, "-"), m.Node, why)
	}
	w.Flush()
	return out.String()
}

func (t *Tree) drawBelow(w *tabwriter.Writer, master, m *Member, branch, below string, drawn map[*Member]bool) {
	if drawn[m] {
		return
	}
	drawn[m] = true
	lag := ""
	if m != master {
		lag = fmt.Sprint(max(0, master.Offset-m.Offset))
	}
	fmt.Fprintf(w, "%s%s\t%s\t%s\t%d\t%d\t%s\t%s\n", branch, m.Pod, m.Role, m.Node, m.Keys, m.Offset, lag, m.Link)
	fed := t.Fed(m.Pod)
	for i, replica := range fed {
		if i < len(fed)-1 {
			t.drawBelow(w, master, replica, below+"├─ ", below+"│  ", drawn)
		} else {
			t.drawBelow(w, master, replica, below+"└─ ", below+"   ", drawn)
		}
	}
}

// brief is an error in one line.
func brief(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
