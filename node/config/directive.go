// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"slices"
	"strings"
)

// property says how a directive may be changed and shown.
type property uint8

const (
	immutable   property = 1 << iota // only at start
	protected                        // only where enable-protected-configs allows it
	denyLoading                      // not while a data set is loaded
	sensitive                        // its value is a secret: masked in logs
	hidden                           // CONFIG GET shows it by its exact name only
	multiArg                         // takes several arguments on a line
)

// directive is one row of the table: everything the node knows about one
// setting.
type directive struct {
	name  string
	alias string // the older spelling, or ""
	props property
	inert string // why it is accepted without effect; "": it has one
	kind  kind
}

// kind is how a directive's value is read, kept and shown.
type kind interface {
	// init puts the default into v.
	init(v *Values)
	// set parses args into v; on an error v may be half written and is thrown
	// away. loading is nil for CONFIG SET.
	set(v *Values, args []string, loading *loadState) error
	// get is the value as CONFIG GET shows it.
	get(v *Values) string
	// lines are the arguments to write behind the name into a configuration
	// file, one element for each line. def holds the defaults.
	lines(v, def *Values) []fileLine
}

// fileLine is a line that CONFIG REWRITE may write.
type fileLine struct {
	args  string
	force bool // append it even if the file has no such line
}

func (d *directive) is(p property) bool { return d.props&p != 0 }

// with adds properties to a row of the table.
func (d directive) with(p property) directive {
	d.props |= p
	return d
}

// as adds the older spelling to a row of the table.
func (d directive) as(alias string) directive {
	d.alias = alias
	return d
}

// table holds every directive, by name; byName finds them by either spelling.
var (
	table  = newTable()
	byName = index(table)
)

func newTable() []*directive {
	rows := slices.Concat(
		networkDirectives(), generalDirectives(), encodingDirectives(), persistenceDirectives(), appendOnlyDirectives(),
		replicationDirectives(), ownDirectives(),
		inertServerDirectives(), inertPersistenceDirectives(), inertMemoryDirectives(),
		inertEncodingDirectives(), inertClusterDirectives(), inertTLSDirectives(),
	)
	t := make([]*directive, len(rows))
	var held heldSlots
	for i := range rows {
		t[i] = &rows[i]
		if h, ok := t[i].kind.(holder); ok {
			h.hold(&held)
		}
	}
	slices.SortFunc(t, func(a, b *directive) int { return cmp.Compare(a.name, b.name) })
	return t
}

func index(t []*directive) map[string]*directive {
	m := make(map[string]*directive, 2*len(t))
	for _, d := range t {
		for _, name := range []string{d.name, d.alias} {
			if name == "" {
				continue
			}
			if m[name] != nil {
				panic("config: two directives named " + name)
			}
			m[name] = d
		}
	}
	return m
}

// lookup finds a directive by either spelling, in any case.
func lookup(name string) *directive {
	if d := byName[name]; d != nil {
		return d
	}
	return byName[strings.ToLower(name)]
}

// InertDirective is a directive that is accepted and has no effect.
type InertDirective struct {
	Name, Alias string
	Reason      string
}

// Inert lists the directives that are accepted, shown and kept by CONFIG
// REWRITE, and have no effect here, each with the reason.
func Inert() []InertDirective {
	var list []InertDirective
	for _, d := range table {
		if d.inert != "" {
			list = append(list, InertDirective{Name: d.name, Alias: d.alias, Reason: d.inert})
		}
	}
	return list
}

// Names lists every directive in every spelling, hidden ones included, sorted.
func Names() []string {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Sensitive reports whether the value of a directive is a secret, which
// SLOWLOG, MONITOR and the log must not show.
func Sensitive(name string) bool {
	d := lookup(name)
	return d != nil && d.is(sensitive)
}
