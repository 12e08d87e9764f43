// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/espalier-io/espalier/node/resp"
)

// Kind is what a file is in a manifest.
type Kind byte

// The kinds, by the manifest's letters.
const (
	Base      Kind = 'b' // the data set at one moment
	Increment Kind = 'i' // what was executed since
	History   Kind = 'h' // replaced by a newer base: to be removed
)

// Entry is one file of a manifest.
type Entry struct {
	Name string // without a directory
	Seq  int64  // bases and increments are numbered each for themselves, from 1
	Kind Kind
}

// Manifest is the list of files that make up an AOF. Its methods that change
// something work on a copy: Dir puts that in place when it is on the disk.
type Manifest struct {
	Base       *Entry // nil: none
	Increments []Entry
	History    []Entry

	lastBase, lastIncrement int64 // numbers in use
}

// Empty tells whether there is nothing to load.
func (m *Manifest) Empty() bool { return m.Base == nil && len(m.Increments) == 0 }

// Files are those to be loaded, in that order.
func (m *Manifest) Files() []Entry {
	var files []Entry
	if m.Base != nil {
		files = append(files, *m.Base)
	}
	return append(files, m.Increments...)
}

func (m *Manifest) clone() *Manifest {
	c := *m
	c.Increments, c.History = slices.Clone(m.Increments), slices.Clone(m.History)
	return &c
}

// addIncrement appends a new increment of an AOF with that name.
func (m *Manifest) addIncrement(name string) Entry {
	m.lastIncrement++
	e := Entry{fmt.Sprintf("%s.%d.incr.aof", name, m.lastIncrement), m.lastIncrement, Increment}
	m.Increments = append(m.Increments, e)
	return e
}

// replaceBase puts a new base in front; the old one becomes history.
func (m *Manifest) replaceBase(name, suffix string) Entry {
	if m.Base != nil {
		m.retire(*m.Base)
	}
	m.lastBase++
	m.Base = &Entry{fmt.Sprintf("%s.%d.base.%s", name, m.lastBase, suffix), m.lastBase, Base}
	return *m.Base
}

// retireIncrements makes history of the increments but the newest keep ones.
func (m *Manifest) retireIncrements(keep int) {
	old := m.Increments[:max(0, len(m.Increments)-keep)]
	for i := len(old) - 1; i >= 0; i-- {
		m.retire(old[i])
	}
	m.Increments = slices.Clone(m.Increments[len(old):])
}

// retire puts a file in front of the history, as Redis does.
func (m *Manifest) retire(e Entry) {
	e.Kind = History
	m.History = slices.Insert(m.History, 0, e)
}

// Format writes the manifest as Redis does: the base, the history, the
// increments.
func (m *Manifest) Format() []byte {
	var b []byte
	if m.Base != nil {
		b = m.Base.format(b)
	}
	for _, e := range m.History {
		b = e.format(b)
	}
	for _, e := range m.Increments {
		b = e.format(b)
	}
	return b
}

func (e Entry) format(b []byte) []byte {
	return fmt.Appendf(b, "file %s seq %d type %c\n", quoteName(e.Name), e.Seq, e.Kind)
}

// quoteName puts a name that would not survive as one word into double quotes.
func quoteName(s string) string {
	plain := func(c byte) bool { return c > ' ' && c <= '~' && c != '"' && c != '\\' && c != '\'' }
	if !slices.ContainsFunc([]byte(s), func(c byte) bool { return !plain(c) }) {
		return s
	}
	escapes := map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\a': `\a`, '\b': `\b`, '"': `\"`, '\\': `\\`, ' ': " ", '\'': "'"}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		escape, ok := escapes[c]
		switch {
		case ok:
			b.WriteString(escape)
		case plain(c):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// ManifestError says why a manifest can't be read, in Redis's words.
type ManifestError struct {
	Path   string
	Line   int    // 1 for the first; 0 where none is to blame
	Text   string // of that line
	Reason string
}

func (e *ManifestError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("%s, line %d: %s", e.Path, e.Line, e.Reason)
}

// longestLine is what Redis takes of a line, in bytes.
const longestLine = 1024

// ParseManifest reads a manifest as strictly as Redis. Errors are
// *ManifestError, without a path.
func ParseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if len(text) == 0 {
		return nil, &ManifestError{Reason: "Found an empty AOF manifest"}
	}
	for n := 1; len(text) > 0; n++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		text = rest
		if len(line) > 0 && line[0] == '#' {
			continue
		}
		if !whole || len(line) >= longestLine {
			return nil, &ManifestError{Reason: "The AOF manifest file contains too long line"}
		}
		trimmed := strings.Trim(string(line), " \t\r\n")
		if reason := m.addLine(trimmed); reason != "" {
			return nil, &ManifestError{Line: n, Text: trimmed, Reason: reason}
		}
	}
	return m, nil
}

// addLine adds an entry, or says in Redis's words why it can't be.
func (m *Manifest) addLine(line string) (reason string) {
	const invalid = "Invalid AOF manifest file format"
	words, ok := resp.SplitArgs([]byte(line), nil)
	// More pairs than are known are welcome, for those to come.
	if line == "" || !ok || len(words) < 6 || len(words)%2 != 0 {
		return invalid
	}
	var e Entry
	for i := 0; i < len(words); i += 2 {
		value := string(words[i+1])
		switch strings.ToLower(string(words[i])) {
		case "file":
			if strings.ContainsAny(value, "/\\") {
				return "File can't be a path, just a filename"
			}
			e.Name = value
		case "seq":
			e.Seq, _ = strconv.ParseInt(value, 10, 64) // 0 is none
		case "type":
			if value != "" {
				e.Kind = Kind(value[0])
			}
		}
	}
	if e.Name == "" || e.Seq == 0 || e.Kind == 0 {
		return invalid
	}
	switch e.Kind {
	case Base:
		if m.Base != nil {
			return "Found duplicate base file information"
		}
		m.Base, m.lastBase = &e, e.Seq
	case History:
		m.History = append(m.History, e)
	case Increment:
		if e.Seq <= m.lastIncrement {
			return "Found a non-monotonic sequence number"
		}
		m.Increments = append(m.Increments, e)
		m.lastIncrement = e.Seq
	default:
		return "Unknown AOF file type"
	}
	return ""
}
