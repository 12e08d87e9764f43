// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// heldSlots hands out the places in which the directives without effect keep
// what they were set to.
type heldSlots struct{ numbers, strings int }

// holder is a kind that may keep its value in such a place.
type holder interface{ hold(*heldSlots) }

func (s *heldSlots) number() func(*Values) *int64 {
	i := s.numbers
	s.numbers++
	return func(v *Values) *int64 {
		for len(v.heldNumbers) <= i {
			v.heldNumbers = append(v.heldNumbers, 0)
		}
		return &v.heldNumbers[i]
	}
}

func (s *heldSlots) text() func(*Values) *string {
	i := s.strings
	s.strings++
	return func(v *Values) *string {
		for len(v.heldStrings) <= i {
			v.heldStrings = append(v.heldStrings, "")
		}
		return &v.heldStrings[i]
	}
}

// boolean is yes or no.
type boolean struct {
	load  func(*Values) bool
	store func(*Values, bool)
	def   bool
	check func(bool) error // may be nil
}

func yesNo(name string, def bool, at func(*Values) *bool) directive {
	return directive{name: name, kind: &boolean{
		load:  func(v *Values) bool { return *at(v) },
		store: func(v *Values, b bool) { *at(v) = b },
		def:   def,
	}}
}

func heldYesNo(name string, def bool) directive {
	return directive{name: name, kind: &boolean{def: def}}
}

func (b *boolean) hold(s *heldSlots) {
	if b.load != nil {
		return
	}
	at := s.number()
	b.load = func(v *Values) bool { return *at(v) != 0 }
	b.store = func(v *Values, on bool) {
		*at(v) = 0
		if on {
			*at(v) = 1
		}
	}
}

func (b *boolean) init(v *Values) { b.store(v, b.def) }

func (b *boolean) set(v *Values, args []string, _ *loadState) error {
	on := strings.EqualFold(args[0], "yes")
	if !on && !strings.EqualFold(args[0], "no") {
		return refusal("argument must be 'yes' or 'no'")
	}
	if b.check != nil {
		if err := b.check(on); err != nil {
			return err
		}
	}
	b.store(v, on)
	return nil
}

func (b *boolean) get(v *Values) string {
	if b.load(v) {
		return "yes"
	}
	return "no"
}

func (b *boolean) lines(v, _ *Values) []fileLine {
	return []fileLine{{b.get(v), b.load(v) != b.def}}
}

// text is a string. An empty optional one is left out of a written file.
type text struct {
	load     func(*Values) string
	store    func(*Values, string)
	def      string
	optional bool
	check    func(string) error // may be nil
}

func str(name, def string, at func(*Values) *string) directive {
	return directive{name: name, kind: &text{
		load:  func(v *Values) string { return *at(v) },
		store: func(v *Values, s string) { *at(v) = s },
		def:   def,
	}}
}

func optionalStr(name string, at func(*Values) *string) directive {
	d := str(name, "", at)
	d.kind.(*text).optional = true
	return d
}

func heldStr(name, def string) directive {
	return directive{name: name, kind: &text{def: def}}
}

func heldOptionalStr(name string) directive {
	return directive{name: name, kind: &text{optional: true}}
}

// checked adds a rule to a row whose kind is text.
func (d directive) checked(rule func(string) error) directive {
	d.kind.(*text).check = rule
	return d
}

func (t *text) hold(s *heldSlots) {
	if t.load != nil {
		return
	}
	at := s.text()
	t.load = func(v *Values) string { return *at(v) }
	t.store = func(v *Values, s string) { *at(v) = s }
}

func (t *text) init(v *Values) { t.store(v, t.def) }

func (t *text) set(v *Values, args []string, _ *loadState) error {
	if t.check != nil {
		if err := t.check(args[0]); err != nil {
			return err
		}
	}
	t.store(v, args[0])
	return nil
}

func (t *text) get(v *Values) string { return t.load(v) }

func (t *text) lines(v, _ *Values) []fileLine {
	s := t.load(v)
	if s == "" && t.optional {
		return nil
	}
	return []fileLine{{quote(s), s != t.def}}
}

// baseName refuses paths where a name of a file in the directory is wanted.
func baseName(what, noun string) func(string) error {
	return func(s string) error {
		if strings.ContainsAny(s, "/\\") {
			return fmt.Errorf("%s can't be a path, just a %s", what, noun)
		}
		return nil
	}
}

func notEmpty(what string, next func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return fmt.Errorf("%s can't be empty", what)
		}
		return next(s)
	}
}

// choice is one of a list of names, or a set of flags among them.
type choice struct {
	load  func(*Values) int
	store func(*Values, int)
	names enum
	def   int
	flags bool            // several names make a set
	check func(int) error // may be nil
}

// enum maps names to values; where several names have one value, the first is
// shown.
type enum []struct {
	name  string
	value int
}

func (e enum) name(value int) string {
	for _, n := range e {
		if n.value == value {
			return n.name
		}
	}
	return "unknown"
}

func (e enum) list() string {
	names := make([]string, len(e))
	for i, n := range e {
		names[i] = n.name
	}
	return strings.Join(names, ", ")
}

func oneOf[T ~int](name string, names enum, def T, at func(*Values) *T) directive {
	return directive{name: name, kind: &choice{
		load:  func(v *Values) int { return int(*at(v)) },
		store: func(v *Values, n int) { *at(v) = T(n) },
		names: names,
		def:   int(def),
	}}
}

func heldOneOf(name string, def int, names enum) directive {
	return directive{name: name, kind: &choice{names: names, def: def}}
}

// named numbers names from zero in their order.
func named(names ...string) enum {
	e := make(enum, len(names))
	for i, n := range names {
		e[i].name, e[i].value = n, i
	}
	return e
}

func (c *choice) hold(s *heldSlots) {
	if c.load != nil {
		return
	}
	at := s.number()
	c.load = func(v *Values) int { return int(*at(v)) }
	c.store = func(v *Values, n int) { *at(v) = int64(n) }
}

func (c *choice) init(v *Values) { c.store(v, c.def) }

func (c *choice) set(v *Values, args []string, _ *loadState) error {
	value, ok := c.parse(args)
	if !ok {
		return refusal("argument(s) must be one of the following: " + c.names.list())
	}
	if c.check != nil {
		if err := c.check(value); err != nil {
			return err
		}
	}
	c.store(v, value)
	return nil
}

func (c *choice) parse(args []string) (value int, ok bool) {
	if len(args) == 0 || len(args) > 1 && !c.flags {
		return 0, false
	}
	for _, arg := range args {
		found := false
		for _, n := range c.names {
			if strings.EqualFold(arg, n.name) {
				value |= n.value
				found = true
			}
		}
		if !found {
			return 0, false
		}
	}
	return value, true
}

func (c *choice) get(v *Values) string {
	value := c.load(v)
	if !c.flags || value == 0 {
		return c.names.name(value)
	}
	var set []string
	for _, n := range c.names {
		if n.value != 0 && value&n.value == n.value {
			set = append(set, n.name)
		}
	}
	return strings.Join(set, " ")
}

func (c *choice) lines(v, _ *Values) []fileLine {
	return []fileLine{{c.get(v), c.load(v) != c.def}}
}

// quote writes s as configuration files and logs of Redis do: in double
// quotes, with escapes that resp.SplitArgs undoes.
func quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' || c == '"':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\a':
			b = append(b, `\a`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c < ' ' || c > '~':
			b = append(b, `\x`...)
			if c < 0x10 {
				b = append(b, '0')
			}
			b = strconv.AppendUint(b, uint64(c), 16)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
