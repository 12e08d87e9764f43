// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// sorting is one call of SORT. The elements and what they are compared by are
// copied out of the store first: the keys that patterns name may expire, and so
// change the store, while it goes on.
type sorting struct {
	ctx *command.Context
	sortOptions

	elements []sorted
	text     []byte // that the elements and their weights lie in
	key      []byte // the last one that a pattern gave
}

type sortOptions struct {
	by, store     []byte // nil where not given
	get           [][]byte
	desc, alpha   bool
	asIs          bool // BY a pattern without a star: nothing is compared
	offset, limit int64
}

// span is a place in sorting.text.
type span struct{ from, to int }

type sorted struct {
	element, weight span
	score           float64
	weightless      bool // there is nothing under the key or field that BY names
}

func sortKey(ctx *command.Context)   { sortWith(ctx, false) }
func sortKeyRO(ctx *command.Context) { sortWith(ctx, true) }

func sortWith(ctx *command.Context, readOnly bool) {
	o, text := parseSortOptions(ctx.Argv[2:], readOnly)
	if text != "" {
		ctx.Error(text)
		return
	}
	v, found := ctx.Read(ctx.Argv[1])
	var typ store.Type
	if found {
		typ = v.Type()
		if typ != store.TypeList && typ != store.TypeSet && typ != store.TypeZSet {
			ctx.Error(command.ErrWrongType)
			return
		}
	}
	if o.asIs && typ == store.TypeSet && o.store != nil {
		// A set has no order of its own that a replica would share.
		o.asIs, o.alpha, o.by = false, true, nil
	}
	s := sorting{ctx: ctx, sortOptions: o}
	n := 0
	if found {
		n = length(v)
	}
	from, to := o.window(n)
	switch {
	case !found:
	case o.asIs && typ != store.TypeSet:
		s.loadWindow(v, from, to)
		from, to = 0, to-from
	default:
		s.loadAll(v)
	}
	if !o.asIs && !s.sort() {
		ctx.Error("ERR One or more scores can't be converted into double")
		return
	}
	s.answer(s.elements[from:to])
}

func parseSortOptions(args [][]byte, readOnly bool) (o sortOptions, text string) {
	o.limit = -1
	for ; len(args) > 0; args = args[1:] {
		left := len(args) - 1
		switch {
		case is(args[0], "ASC"):
			o.desc = false
		case is(args[0], "DESC"):
			o.desc = true
		case is(args[0], "ALPHA"):
			o.alpha = true
		case is(args[0], "LIMIT") && left >= 2:
			var from, count bool
			o.offset, from = resp.ParseInt(args[1])
			o.limit, count = resp.ParseInt(args[2])
			if !from || !count {
				return o, command.ErrNotInteger
			}
			args = args[2:]
		case !readOnly && is(args[0], "STORE") && left >= 1:
			o.store = args[1]
			args = args[1:]
		case is(args[0], "BY") && left >= 1:
			o.by = args[1]
			// As in Redis, a pattern without a star wins over one with it.
			o.asIs = o.asIs || star(args[1]) < 0
			args = args[1:]
		case is(args[0], "GET") && left >= 1:
			o.get = append(o.get, args[1])
			args = args[1:]
		default:
			return o, command.ErrSyntax
		}
	}
	return o, ""
}

// window is the range of n sorted elements that LIMIT leaves.
func (o *sortOptions) window(n int) (from, to int) {
	from = int(min(max(o.offset, 0), int64(n)))
	if o.limit < 0 {
		return from, n
	}
	return from, from + int(min(o.limit, int64(n-from)))
}

func length(v store.Value) int {
	switch v.Type() {
	case store.TypeList:
		return v.List().Len()
	case store.TypeSet:
		return v.Set().Len()
	}
	return v.ZSet().Len()
}

func (s *sorting) add(element []byte) {
	s.elements = append(s.elements, sorted{element: s.keep(element)})
}

func (s *sorting) keep(b []byte) span {
	from := len(s.text)
	s.text = append(s.text, b...)
	return span{from, len(s.text)}
}

func (s *sorting) bytes(p span) []byte { return s.text[p.from:p.to] }

func (s *sorting) loadAll(v store.Value) {
	s.elements = make([]sorted, 0, length(v))
	switch v.Type() {
	case store.TypeList:
		for e := range v.List().Ascend(0) {
			s.add(e)
		}
	case store.TypeSet:
		for e := range v.Set().All() {
			s.add(e)
		}
	default:
		for e := range v.ZSet().Ascend(0) {
			s.add(e)
		}
	}
}

// loadWindow loads a range of a list or a sorted set in its own order, counted
// from its end with DESC.
func (s *sorting) loadWindow(v store.Value, from, to int) {
	if from == to {
		return
	}
	take := func(e []byte) bool {
		s.add(e)
		return len(s.elements) < to-from
	}
	takeMember := func(e []byte, _ float64) bool { return take(e) }
	switch last := length(v) - 1 - from; {
	case v.Type() == store.TypeList && s.desc:
		v.List().Descend(last)(take)
	case v.Type() == store.TypeList:
		v.List().Ascend(from)(take)
	case s.desc:
		v.ZSet().Descend(last)(takeMember)
	default:
		v.ZSet().Ascend(from)(takeMember)
	}
}

// sort finds out what the elements weigh and sorts them. It reports false where
// something that should be a number is none.
func (s *sorting) sort() bool {
	numbers := true
	for i := range s.elements {
		e := &s.elements[i]
		weight, found := s.bytes(e.element), true
		if s.by != nil {
			if weight, found = s.lookup(s.by, weight); !found {
				e.weightless = true
				continue
			}
		}
		switch {
		case !s.alpha:
			var ok bool
			e.score, ok = parseScore(weight)
			numbers = numbers && ok
		case s.by != nil:
			e.weight = s.keep(weight)
		default:
			e.weight = e.element
		}
	}
	if !numbers {
		return false
	}
	if s.alpha {
		slices.SortFunc(s.elements, func(a, b sorted) int { return s.order(s.compareTexts(&a, &b), &a, &b) })
	} else {
		slices.SortFunc(s.elements, func(a, b sorted) int { return s.order(s.compareScores(&a, &b), &a, &b) })
	}
	return true
}

// order turns a comparison around for DESC, and leaves equal elements as they
// came.
func (s *sorting) order(c int, a, b *sorted) int {
	switch {
	case c == 0:
		return cmp.Compare(a.element.from, b.element.from)
	case s.desc:
		return -c
	}
	return c
}

// compareScores orders equal scores by their elements, so that the result is
// the same everywhere.
func (s *sorting) compareScores(a, b *sorted) int {
	switch {
	case a.score < b.score:
		return -1
	case a.score > b.score:
		return 1
	}
	return bytes.Compare(s.bytes(a.element), s.bytes(b.element))
}

func (s *sorting) compareTexts(a, b *sorted) int {
	switch {
	case a.weightless && b.weightless:
		return 0
	case a.weightless:
		return -1
	case b.weightless:
		return 1
	case s.store != nil:
		return bytes.Compare(s.bytes(a.weight), s.bytes(b.weight))
	}
	// What is only shown is compared as C's strings, which end at a NUL byte.
	return bytes.Compare(text(s.bytes(a.weight)), text(s.bytes(b.weight)))
}

// answer sends the elements, or what GET has in their place, or stores them.
func (s *sorting) answer(elements []sorted) {
	n := len(elements) * max(1, len(s.get))
	if s.store == nil {
		s.ctx.Reply.ArrayLen(n)
		s.results(elements, func(b []byte, found bool) {
			if found {
				s.ctx.Reply.Bulk(b)
			} else {
				s.ctx.Reply.Null()
			}
		})
		return
	}
	results := make([]span, 0, n)
	s.results(elements, func(b []byte, _ bool) { results = append(results, s.keep(b)) })
	// By now nothing looks at other keys any more.
	there := s.ctx.Exists(s.store) && s.ctx.DB.Delete(s.store)
	if n > 0 {
		list := s.ctx.DB.EditList(s.store)
		for _, r := range results {
			list.PushTail(s.bytes(r))
		}
		list.Close()
		s.ctx.Modified(command.EventList, "sortstore", s.store)
		s.ctx.Changed(n - 1)
	} else if there {
		s.ctx.Modified(command.EventGeneric, "del", s.store)
	}
	s.ctx.Reply.Int(int64(n))
}

// results hands on what is asked for, element by element.
func (s *sorting) results(elements []sorted, emit func(b []byte, found bool)) {
	for i := range elements {
		element := s.bytes(elements[i].element)
		if len(s.get) == 0 {
			emit(element, true)
		}
		for _, pattern := range s.get {
			emit(s.lookup(pattern, element))
		}
	}
}

// lookup returns what a pattern means for an element, valid until the next
// lookup: "#" the element itself; else the star is replaced by it, which gives
// the key of a string or, before "->", of a hash with the field behind that.
func (s *sorting) lookup(pattern, element []byte) (value []byte, found bool) {
	if string(pattern) == "#" {
		return element, true
	}
	at := star(pattern)
	if at < 0 {
		return nil, false
	}
	suffix, field := pattern[at+1:], []byte(nil)
	if arrow := bytes.Index(text(suffix), []byte("->")); arrow >= 0 && arrow+2 < len(text(suffix)) {
		suffix, field = suffix[:arrow], suffix[arrow+2:]
	}
	s.key = append(append(append(s.key[:0], pattern[:at]...), element...), suffix...)
	v, found := s.ctx.Read(s.key)
	switch {
	case !found:
	case field != nil && v.Type() == store.TypeHash:
		return v.Hash().Get(field)
	case field == nil && v.Type() == store.TypeString:
		return v.Bytes(), true
	}
	return nil, false
}

// star is where the first star of a pattern stands, -1 if there is none.
func star(pattern []byte) int { return bytes.IndexByte(text(pattern), '*') }

// text is what C takes for the string: what stands before a NUL byte.
func text(b []byte) []byte {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		return b[:end]
	}
	return b
}

// parseScore reads a number as C's strtod does, blanks in front included; nothing
// at all is 0.
func parseScore(b []byte) (float64, bool) {
	b = text(b)
	if len(b) == 0 {
		return 0, true
	}
	f, ok := command.ParseDouble(bytes.TrimLeft(b, " \t\n\v\f\r"))
	return f, ok && !math.IsNaN(f)
}

// sortStoreKey adds the destination of SORT to its keys: the last one counts,
// wherever it stands.
func sortStoreKey(argv [][]byte, refs []command.KeyRef) []command.KeyRef {
	at := 0
	for i := 2; i < len(argv); i++ {
		switch {
		case is(argv[i], "LIMIT"):
			i += 2
		case is(argv[i], "GET"), is(argv[i], "BY"):
			i++
		case is(argv[i], "STORE") && i+1 < len(argv):
			at = i + 1
		}
	}
	if at > 0 {
		refs = append(refs, command.KeyRef{Pos: at, Flags: command.KeyOW | command.KeyUpdate})
	}
	return refs
}
