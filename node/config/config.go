// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config holds the node's settings: redis.conf's directives with
// Redis 7.0's names, rules and error texts, and a few of our own.
//
// One table (table.go, inert.go) says everything about each directive; the
// command line, the file, CONFIG GET, SET and REWRITE all go by it. A
// directive either has an effect, and then a field in Values; or it is
// accepted without one, and then Inert lists it with the reason; or it is
// refused by name. Values whose silent acceptance would be dangerous are
// refused too.
//
// Who reads what: under the execution lock, the fields of Config (they change
// only there, in Set and Adjust); anywhere else, Current, an immutable
// copy.
//
// Start reading at Config, then directive.
package config

import (
	"strings"
	"sync/atomic"

	"github.com/espalier-io/espalier/node/glob"
)

// RedisVersion is the version of Redis whose directives, replies and formats
// the node speaks. INFO and dumps tell it.
const RedisVersion = "7.0.15"

// Config is the node's configuration. Its methods and fields are for the
// holder of the execution lock, but for Current.
type Config struct {
	Values

	file    string // absolute, "" if there is none
	hooks   map[*directive][]func(*Config) error
	current atomic.Pointer[Values]
}

// New returns the defaults.
func New() *Config {
	c := &Config{Values: *defaults(), hooks: map[*directive][]func(*Config) error{}}
	c.publish()
	return c
}

func defaults() *Values {
	v := &Values{}
	for _, d := range table {
		d.kind.init(v)
	}
	return v
}

func (c *Config) publish() { c.current.Store(c.Values.clone()) }

// Current is a copy of the settings as of the last change; safe to read from
// anywhere, and never to be written.
func (c *Config) Current() *Values { return c.current.Load() }

// File is the absolute path of the configuration file, or "".
func (c *Config) File() string { return c.file }

// OnChange registers what makes a change of a directive take effect: hook runs
// after CONFIG SET has put the new values into c and before it answers, under
// the execution lock. If it fails, the old values are put back, the hooks run
// again with those, and the client gets the error's text. The directive must
// exist. Hooks do not run for what the start sets.
func (c *Config) OnChange(name string, hook func(*Config) error) {
	d := lookup(name)
	if d == nil {
		panic("config: OnChange of unknown directive " + name)
	}
	c.hooks[d] = append(c.hooks[d], hook)
}

// Adjust changes settings by the node's own decision, such as a lower
// maxclients because the system allows no more. Hooks do not run.
func (c *Config) Adjust(change func(*Values)) {
	change(&c.Values)
	c.publish()
}

// SetReplicaOf records what REPLICAOF decided, so that CONFIG GET and REWRITE
// show it. The zero address is "no one".
func (c *Config) SetReplicaOf(master HostPort) {
	c.Adjust(func(v *Values) { v.ReplicaOf = master })
}

// Parameter is a directive with its value, as CONFIG GET answers.
type Parameter struct{ Name, Value string }

// Get answers CONFIG GET: the parameters that match any of the patterns, each
// once. An exact name is answered as it was written, in either spelling and
// any case; a pattern gives the matching names in alphabetical order. Hidden
// directives need their exact name.
func (c *Config) Get(patterns ...string) []Parameter {
	var found []Parameter
	seen := map[string]bool{}
	add := func(name string, d *directive) {
		if !seen[name] {
			seen[name] = true
			found = append(found, Parameter{name, d.kind.get(&c.Values)})
		}
	}
	for _, p := range patterns {
		if !strings.ContainsAny(p, "[*?") {
			if d := lookup(p); d != nil {
				add(p, d)
			}
			continue
		}
		for _, name := range allNames {
			if d := byName[name]; !d.is(hidden) && glob.MatchFold(p, name) {
				add(name, d)
			}
		}
	}
	return found
}

// allNames is Names, computed once.
var allNames = Names()

// Client says what a client that calls CONFIG SET may do.
type Client struct {
	Local   bool // it is on this machine (enable-protected-configs local)
	Loading bool // the node is loading a data set
}

// Set answers CONFIG SET with name, value, name, value …: all of them or none.
// The error is the reply to the client, without its "-". Set does not block
// beyond its hooks.
func (c *Config) Set(client Client, pairs ...string) error {
	if len(pairs)%2 != 0 {
		return refusal("ERR syntax error")
	}
	changes, err := c.resolve(client, pairs)
	if err != nil {
		return err
	}
	old := c.Values.clone()
	next := old.clone()
	for _, ch := range changes {
		if err := ch.directive.kind.set(next, ch.args(), nil); err != nil {
			return setFailed(ch.spelling, err)
		}
	}
	c.Values = *next
	for _, ch := range changes {
		if ch.directive.kind.get(old) == ch.directive.kind.get(next) {
			continue
		}
		if err := c.runHooks(ch.directive); err != nil {
			c.restore(old, changes)
			return setFailed(ch.spelling, err)
		}
	}
	c.publish()
	return nil
}

// change is one pair of CONFIG SET.
type change struct {
	directive *directive
	spelling  string // the newer or the older one, in lower case
	value     string
}

// args splits a value as CONFIG SET does: at every single blank, and only for
// directives that take several arguments.
func (ch change) args() []string {
	switch {
	case !ch.directive.is(multiArg):
		return []string{ch.value}
	case ch.value == "":
		return nil
	}
	return strings.Split(ch.value, " ")
}

// resolve finds the directives of the pairs and refuses what may not be set.
// Redis reports the first error, but "loading" before all others.
func (c *Config) resolve(client Client, pairs []string) ([]change, error) {
	var changes []change
	seen := map[*directive]bool{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		d := lookup(name)
		switch {
		case d == nil:
			return nil, refusal("ERR Unknown option or number of arguments for CONFIG SET - '" + name + "'")
		case d.is(immutable):
			return nil, setFailed(name, refusal("can't set immutable config"))
		case d.is(protected) && !c.EnableProtectedConfigs.Allows(client.Local):
			return nil, setFailed(name, refusal("can't set protected config"))
		case d.is(denyLoading) && client.Loading:
			return nil, refusal("LOADING Redis is loading the dataset in memory")
		case seen[d]:
			return nil, setFailed(name, refusal("duplicate parameter"))
		}
		seen[d] = true
		changes = append(changes, change{d, strings.ToLower(name), pairs[i+1]})
	}
	return changes, nil
}

// refusal is an error whose text a client or the starter of the node gets as it
// is; most are Redis's, to the letter.
type refusal string

func (r refusal) Error() string { return string(r) }

func setFailed(name string, err error) error {
	return refusal("ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + err.Error())
}

func (c *Config) runHooks(d *directive) error {
	for _, hook := range c.hooks[d] {
		if err := hook(c); err != nil {
			return err
		}
	}
	return nil
}

// restore puts the old values back after a hook failed. Hooks that fail to go
// back have nothing left to fall back to: what they guard stays as it is.
func (c *Config) restore(old *Values, changes []change) {
	tried := c.Values.clone()
	c.Values = *old
	for _, ch := range changes {
		if ch.directive.kind.get(old) != ch.directive.kind.get(tried) {
			_ = c.runHooks(ch.directive)
		}
	}
}

// Allows tells whether the permission covers a client.
func (p Permission) Allows(local bool) bool {
	return p == PermitAll || p == PermitLocal && local
}
