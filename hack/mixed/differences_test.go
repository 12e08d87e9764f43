// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// databases is how many databases the load writes to.
const databases = 3

// mostShown bounds what is told of one member's differences, and of one key's.
const mostShown = 20

// place is a key in its database.
type place struct {
	db  int
	key string
}

// differences tells which keys are not the same as at the top, on whom.
func (tr *tree) differences() string {
	want, err := contents(tr.top())
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, m := range tr.members {
		got, err := contents(m)
		if err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		all := maps.Clone(want)
		maps.Copy(all, got)
		shown := 0
		for at := range all {
			if got[at] == want[at] {
				continue
			}
			if shown++; shown > mostShown {
				fmt.Fprintf(&b, "%s: and more\n", m.name)
				break
			}
			fmt.Fprintf(&b, "%s: %d/%s: %s, at the top %s\n", m.name, at.db, at.key, got[at], want[at])
			b.WriteString(odd(elements(m, at), elements(tr.top(), at)))
		}
	}
	return b.String()
}

// contents are a member's keys with the digests of their values and with their
// expiries: what DEBUG DIGEST sums up.
func contents(m *member) (map[place]string, error) {
	all := map[place]string{}
	for db := range databases {
		if err := m.tell("SELECT", strconv.Itoa(db)); err != nil {
			return nil, err
		}
		keys, err := m.do("KEYS", "*")
		if err != nil {
			return nil, err
		}
		for _, key := range keys.Elems {
			digest, err1 := m.do("DEBUG", "DIGEST-VALUE", key.Str)
			expiry, err2 := m.do("PEXPIRETIME", key.Str)
			if err1 != nil || err2 != nil {
				return nil, fmt.Errorf("%s: %q: %v, %v", m.name, key.Str, err1, err2)
			}
			all[place{db, key.Str}] = digest.Text() + " expires " + expiry.Text()
		}
	}
	return all, m.tell("SELECT", "0")
}

// elements are what a key holds, as text, behind its type and encoding.
func elements(m *member, at place) []string {
	ask := func(argv ...string) string {
		v, _ := m.do(argv...) // an error is shown as the answer
		return v.Text()
	}
	ask("SELECT", strconv.Itoa(at.db))
	defer ask("SELECT", "0")
	kind := ask("TYPE", at.key)
	told := []string{kind + " " + ask("OBJECT", "ENCODING", at.key)}
	argv := map[string][]string{
		"string": {"GETRANGE", at.key, "0", "100"},
		"hash":   {"HGETALL", at.key},
		"list":   {"LRANGE", at.key, "0", "-1"},
		"set":    {"SMEMBERS", at.key},
		"zset":   {"ZRANGE", at.key, "0", "-1", "WITHSCORES"},
	}[strings.Trim(kind, "\"+")]
	if argv == nil {
		return told
	}
	v, _ := m.do(argv...) // as above
	step := 1
	if strings.HasPrefix(argv[0], "H") || strings.HasPrefix(argv[0], "Z") {
		step = 2
	}
	for i := 0; i+step <= len(v.Elems); i += step {
		element := fmt.Sprintf("%.80q", v.Elems[i].Str)
		if step == 2 {
			element += fmt.Sprintf(" %.80q", v.Elems[i+1].Str)
		}
		told = append(told, element)
	}
	return told
}

// odd tells which elements are on one side only, or in other places.
func odd(here, top []string) string {
	var b strings.Builder
	for side, pair := range map[string][2][]string{"here only": {here, top}, "at the top only": {top, here}} {
		shown := 0
		for i, element := range pair[0] {
			if slices.Contains(pair[1], element) {
				continue
			}
			if shown++; shown <= mostShown {
				fmt.Fprintf(&b, "    %s: %d: %s\n", side, i, element)
			}
		}
	}
	return b.String()
}
