// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package info

import (
	"fmt"
	"strconv"
	"strings"
)

// Text is an INFO text that was read.
type Text struct {
	Sections []Section

	fields map[string]string
}

// Section is a part of a Text.
type Section struct {
	Title  string // "" for fields before the first title
	Fields []Field
}

// Field is a line of a Text.
type Field struct{ Name, Value string }

// Parse reads an INFO text of a node or of a Redis. It takes lines that end in
// \r\n or \n, and passes over what is neither a title nor a field. Where a name
// occurs twice, Get gives the first.
func Parse(text string) *Text {
	t := &Text{fields: map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if title, ok := strings.CutPrefix(line, "#"); ok {
			t.Sections = append(t.Sections, Section{Title: strings.TrimSpace(title)})
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		if len(t.Sections) == 0 {
			t.Sections = append(t.Sections, Section{})
		}
		s := &t.Sections[len(t.Sections)-1]
		s.Fields = append(s.Fields, Field{name, value})
		if _, known := t.fields[name]; !known {
			t.fields[name] = value
		}
	}
	return t
}

// Section finds a section by its title, in any case; nil if there is none.
func (t *Text) Section(title string) *Section {
	for i := range t.Sections {
		if strings.EqualFold(t.Sections[i].Title, title) {
			return &t.Sections[i]
		}
	}
	return nil
}

// Lookup gives a field's value and whether there is one.
func (t *Text) Lookup(name string) (string, bool) {
	value, ok := t.fields[name]
	return value, ok
}

// Get gives a field's value, "" if there is none.
func (t *Text) Get(name string) string { return t.fields[name] }

// Int gives a field that is a number.
func (t *Text) Int(name string) (int64, error) {
	value, ok := t.fields[name]
	if !ok {
		return 0, fmt.Errorf("info: no field %s", name)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("info: field %s: %q is no number", name, value)
	}
	return n, nil
}

// Subfields takes the value of a field such as slave0 or db0 apart:
// "ip=10.0.0.1,port=6379,state=online". What has no "=" is passed over.
func Subfields(value string) map[string]string {
	m := map[string]string{}
	for part := range strings.SplitSeq(value, ",") {
		if k, v, ok := strings.Cut(part, "="); ok {
			m[k] = v
		}
	}
	return m
}
