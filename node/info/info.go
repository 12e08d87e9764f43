// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package info writes the text of the INFO command and reads it.
//
// The text is made of sections, each with a title and fields:
//
//	# Replication\r\n
//	role:master\r\n
//	connected_slaves:0\r\n
//
// with an empty line between sections. The parts of the node register a
// section each (Registry.Register); whoever reads a text, tests and tools, has
// Parse.
package info

import (
	"strconv"
	"strings"
)

// Shown says which requests a section answers beside its own name.
type Shown uint8

const (
	// ByDefault: INFO without arguments, "default", "all", "everything".
	ByDefault Shown = iota
	// InAll: "all" and "everything".
	InAll
	// InEverything: "everything" alone, as the sections of modules.
	InEverything
	// ByName: no collective name.
	ByName
)

// Registry holds the sections in their order. It is filled at start and only
// read afterwards.
type Registry struct {
	sections []section
}

type section struct {
	name, title string
	shown       Shown
	fill        func(*Fields)
}

// Register adds a section, behind those before. name is what the client asks
// for, in lower case; title what stands in the text; fill writes the fields
// each time, in the goroutine of the request.
func (r *Registry) Register(name, title string, shown Shown, fill func(*Fields)) {
	r.sections = append(r.sections, section{name, title, shown, fill})
}

// Text answers INFO with the given section names, in any case: none means
// "default", several add up, unknown ones give nothing.
func (r *Registry) Text(names ...string) []byte {
	var f Fields
	wanted := selection(names)
	for _, s := range r.sections {
		if !wanted(s) {
			continue
		}
		if len(f.text) > 0 {
			f.text = append(f.text, "\r\n"...)
		}
		f.text = append(f.text, "# "+s.title+"\r\n"...)
		s.fill(&f)
	}
	return f.text
}

// selection turns names into a rule for sections.
func selection(names []string) func(section) bool {
	if len(names) == 0 {
		names = []string{"default"}
	}
	most, any := ByDefault, false // the widest collective name
	single := map[string]bool{}
	for _, name := range names {
		switch name = strings.ToLower(name); name {
		case "default":
			any = true
		case "all":
			most, any = max(most, InAll), true
		case "everything":
			most, any = InEverything, true
		default:
			single[name] = true
		}
	}
	return func(s section) bool {
		return any && s.shown <= most || single[s.name]
	}
}

// Fields collects the fields of a section.
type Fields struct{ text []byte }

func (f *Fields) name(name string) {
	f.text = append(f.text, name...)
	f.text = append(f.text, ':')
}

func (f *Fields) end() { f.text = append(f.text, '\r', '\n') }

// Str writes a text; it must not contain line breaks.
func (f *Fields) Str(name, value string) {
	f.name(name)
	f.text = append(f.text, value...)
	f.end()
}

// Int writes a number.
func (f *Fields) Int(name string, value int64) {
	f.name(name)
	f.text = strconv.AppendInt(f.text, value, 10)
	f.end()
}

// Uint writes a number that is never negative.
func (f *Fields) Uint(name string, value uint64) {
	f.name(name)
	f.text = strconv.AppendUint(f.text, value, 10)
	f.end()
}

// Float writes a number with a fixed number of decimals.
func (f *Fields) Float(name string, value float64, decimals int) {
	f.name(name)
	f.text = strconv.AppendFloat(f.text, value, 'f', decimals, 64)
	f.end()
}

// Bool writes 1 or 0.
func (f *Fields) Bool(name string, value bool) {
	n := int64(0)
	if value {
		n = 1
	}
	f.Int(name, n)
}

// Bytes writes a number of bytes and, as name_human, the same for people.
func (f *Fields) Bytes(name string, n uint64) {
	f.Uint(name, n)
	f.Str(name+"_human", HumanBytes(n))
}

// HumanBytes writes a number of bytes as Redis does for people: "1023B",
// "1.50K", "2.00M", with powers of 1024 up to P.
func HumanBytes(n uint64) string {
	const units = "KMGTP"
	for i := len(units); i > 0; i-- {
		unit := uint64(1) << (10 * i)
		if n >= unit && n < 1<<60 {
			return strconv.FormatFloat(float64(n)/float64(unit), 'f', 2, 64) + units[i-1:i]
		}
	}
	return strconv.FormatUint(n, 10) + "B"
}
