// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/resp"
)

// commandCommands is COMMAND: what the table knows, told to clients.
func (e *Engine) commandCommands() []command.Spec {
	const (
		group = "server"
		flags = command.Loading | command.Stale
		cat   = command.CatConnection
	)
	unordered := []string{"nondeterministic_output_order"}
	return []command.Spec{{
		Name: "command", Arity: -1, Flags: flags, Categories: cat, Tips: unordered, Group: group, Since: "2.8.13",
		Summary: "List the details of all commands", Complexity: "O(N) for N commands", Handler: e.commandAll,
		Sub: []command.Spec{
			{Name: "count", Arity: 2, Flags: flags, Categories: cat, Since: "2.8.13",
				Summary: "Count the commands", Complexity: "O(1)",
				Handler: func(ctx *command.Context) { ctx.Reply.Int(int64(len(e.table.All()))) }},
			{Name: "docs", Arity: -2, Flags: flags, Categories: cat, Tips: unordered, Since: "7.0.0",
				Summary: "Show the documentation of commands", Complexity: "O(N) for N commands asked for", Handler: e.commandDocs},
			{Name: "getkeys", Arity: -4, Flags: flags, Categories: cat, Since: "2.8.13",
				Summary: "Extract the keys of a call", Complexity: "O(N) for N arguments",
				Handler: func(ctx *command.Context) { e.commandGetKeys(ctx, false) }},
			{Name: "getkeysandflags", Arity: -4, Flags: flags, Categories: cat, Since: "7.0.0",
				Summary: "Extract the keys of a call and what is done to them", Complexity: "O(N) for N arguments",
				Handler: func(ctx *command.Context) { e.commandGetKeys(ctx, true) }},
			{Name: "info", Arity: -2, Flags: flags, Categories: cat, Tips: unordered, Since: "2.8.13",
				Summary: "Show the details of commands", Complexity: "O(N) for N commands asked for", Handler: e.commandInfo},
			{Name: "list", Arity: -2, Flags: flags, Categories: cat, Tips: unordered, Since: "7.0.0",
				Summary: "List the names of the commands", Complexity: "O(N) for N commands", Handler: e.commandList},
			command.HelpSpec("5.0.0", cat,
				"(no subcommand)",
				"    Return the details of all commands.",
				"COUNT",
				"    Return the number of commands.",
				"LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
				"    Return the names of the commands.",
				"INFO [<command-name> ...]",
				"    Return the details of the named commands, or of all.",
				"DOCS [<command-name> ...]",
				"    Return the documentation of the named commands, or of all.",
				"GETKEYS <full-command>",
				"    Return the keys of a call.",
				"GETKEYSANDFLAGS <full-command>",
				"    Return the keys of a call and what is done to them.",
			),
		},
	}}
}

func (e *Engine) commandAll(ctx *command.Context) {
	all := e.table.All()
	ctx.Reply.ArrayLen(len(all))
	for _, c := range all {
		writeCommandInfo(ctx.Reply, c)
	}
}

func (e *Engine) commandInfo(ctx *command.Context) {
	if len(ctx.Argv) == 2 {
		e.commandAll(ctx)
		return
	}
	ctx.Reply.ArrayLen(len(ctx.Argv) - 2)
	for _, name := range ctx.Argv[2:] {
		if c := e.table.ByFullName(string(name)); c != nil {
			writeCommandInfo(ctx.Reply, c)
		} else {
			ctx.Reply.Null()
		}
	}
}

// writeCommandInfo writes the ten elements of COMMAND INFO.
func writeCommandInfo(w *resp.Writer, c *command.Command) {
	first, last, step, movable := legacyKeys(c.Keys)
	flags := c.Flags
	if movable {
		flags |= command.MovableKeys
	}
	w.ArrayLen(10)
	w.BulkString(c.FullName)
	w.Int(int64(c.Arity))
	writeStatusSet(w, flags.Names())
	w.Int(int64(first))
	w.Int(int64(last))
	w.Int(int64(step))
	writeStatusSet(w, c.Categories.Names())
	w.SetLen(len(c.Tips))
	for _, tip := range c.Tips {
		w.BulkString(tip)
	}
	w.SetLen(len(c.Keys))
	for i := range c.Keys {
		writeKeySpec(w, &c.Keys[i])
	}
	subs := c.SubList()
	w.SetLen(len(subs))
	for _, sub := range subs {
		writeCommandInfo(w, sub)
	}
}

func writeStatusSet(w *resp.Writer, names []string) {
	w.SetLen(len(names))
	for _, n := range names {
		w.Simple(n)
	}
}

func writeKeySpec(w *resp.Writer, k *command.KeySpec) {
	pairs := 3
	if k.Notes != "" {
		pairs++
	}
	w.MapLen(pairs)
	if k.Notes != "" {
		w.BulkString("notes")
		w.BulkString(k.Notes)
	}
	w.BulkString("flags")
	writeStatusSet(w, k.Flags.Names())
	w.BulkString("begin_search")
	switch {
	case k.Unknown:
		writeSearch(w, "unknown")
	case k.Keyword != "":
		writeSearch(w, "keyword", field{"keyword", k.Keyword}, field{"startfrom", k.Index})
	default:
		writeSearch(w, "index", field{"index", k.Index})
	}
	w.BulkString("find_keys")
	switch {
	case k.Unknown:
		writeSearch(w, "unknown")
	case k.NumKeys:
		writeSearch(w, "keynum", field{"keynumidx", k.NumKeysAt}, field{"firstkey", k.FirstKeyAt}, field{"keystep", max(k.Step, 1)})
	default:
		writeSearch(w, "range", field{"lastkey", k.Last}, field{"keystep", max(k.Step, 1)}, field{"limit", k.Limit})
	}
}

// field is one name with its value, a string or an int.
type field struct {
	name  string
	value any
}

func writeSearch(w *resp.Writer, kind string, fields ...field) {
	w.MapLen(2)
	w.BulkString("type")
	w.BulkString(kind)
	w.BulkString("spec")
	w.MapLen(len(fields))
	for _, f := range fields {
		w.BulkString(f.name)
		switch v := f.value.(type) {
		case string:
			w.BulkString(v)
		case int:
			w.Int(int64(v))
		}
	}
}

// legacyKeys condenses key specifications into the triple that clients before
// Redis 7.0 read; movable says that the triple does not tell everything.
func legacyKeys(specs []command.KeySpec) (first, last, step int, movable bool) {
	end := 0
	for i := range specs {
		k := &specs[i]
		plain := k.Keyword == "" && !k.NumKeys && !k.Unknown
		if k.Flags&command.KeyIncomplete != 0 {
			movable = true
		}
		if plain && len(specs) == 1 {
			return k.Index, absoluteLast(k), max(k.Step, 1), movable
		}
		if !plain || max(k.Step, 1) != 1 || end != 0 && end != k.Index-1 {
			movable = true
			continue
		}
		if first == 0 {
			first = k.Index
		}
		end = absoluteLast(k)
		if last == 0 || uint(end) > uint(last) { // a negative one, counted from the end, is beyond all others
			last = end
		}
	}
	if first != 0 {
		step = 1
	}
	return first, last, step, movable
}

func absoluteLast(k *command.KeySpec) int {
	if k.Last < 0 {
		return k.Last
	}
	return k.Index + k.Last
}

func (e *Engine) commandDocs(ctx *command.Context) {
	var asked []*command.Command
	if len(ctx.Argv) == 2 {
		asked = e.table.All()
	}
	for _, name := range ctx.Argv[2:] {
		if c := e.table.ByFullName(string(name)); c != nil {
			asked = append(asked, c)
		}
	}
	ctx.Reply.MapLen(len(asked))
	for _, c := range asked {
		ctx.Reply.BulkString(c.FullName)
		writeCommandDocs(ctx.Reply, c)
	}
}

func writeCommandDocs(w *resp.Writer, c *command.Command) {
	texts := []field{
		{"summary", c.Summary}, {"since", c.Since}, {"group", c.DocGroup()}, {"complexity", c.Complexity},
	}
	late := []field{{"deprecated_since", c.Deprecated}, {"replaced_by", c.ReplacedBy}}
	var docFlags []string
	if c.Deprecated != "" {
		docFlags = append(docFlags, "deprecated")
	}
	if c.System {
		docFlags = append(docFlags, "syscmd")
	}
	subs := c.SubList()

	place, pairs := w.Defer(), 0
	write := func(fields []field) {
		for _, f := range fields {
			if f.value != "" {
				w.BulkString(f.name)
				w.BulkString(f.value.(string))
				pairs++
			}
		}
	}
	write(texts)
	if docFlags != nil {
		w.BulkString("doc_flags")
		writeStatusSet(w, docFlags)
		pairs++
	}
	write(late)
	if subs != nil {
		w.BulkString("subcommands")
		w.MapLen(len(subs))
		for _, sub := range subs {
			w.BulkString(sub.FullName)
			writeCommandDocs(w, sub)
		}
		pairs++
	}
	w.SetMapLen(place, pairs)
}

func (e *Engine) commandList(ctx *command.Context) {
	keep := func(*command.Command) bool { return true }
	if args := ctx.Argv[2:]; len(args) != 0 {
		if len(args) != 3 || !fold(args[0], "FILTERBY") {
			ctx.Error(command.ErrSyntax)
			return
		}
		switch what := string(args[2]); {
		case fold(args[1], "MODULE"):
			keep = func(*command.Command) bool { return false } // there are no modules
		case fold(args[1], "ACLCAT"):
			at := slices.Index(command.CategoryNames, strings.ToLower(what))
			keep = func(c *command.Command) bool { return at >= 0 && c.Categories&(1<<at) != 0 }
		case fold(args[1], "PATTERN"):
			keep = func(c *command.Command) bool { return glob.MatchFold(what, c.FullName) }
		default:
			ctx.Error(command.ErrSyntax)
			return
		}
	}
	place, n := ctx.Reply.Defer(), 0
	list := func(c *command.Command) {
		if keep(c) {
			ctx.Reply.BulkString(c.FullName)
			n++
		}
	}
	for _, c := range e.table.All() {
		list(c)
		for _, sub := range c.SubList() {
			list(sub)
		}
	}
	ctx.Reply.SetArrayLen(place, n)
}

func (e *Engine) commandGetKeys(ctx *command.Context, withFlags bool) {
	argv := ctx.Argv[2:]
	c := e.table.Resolve(argv)
	switch {
	case c == nil:
		ctx.Error("ERR Invalid command specified")
		return
	case !slices.ContainsFunc(c.Keys, func(k command.KeySpec) bool { return k.Flags&command.KeyNotKey == 0 }):
		ctx.Error("ERR The command has no key arguments")
		return
	case !c.ArityOK(len(argv)):
		ctx.Error("ERR Invalid number of arguments specified for command")
		return
	}
	refs, ok := c.KeysOf(nil, argv)
	if !ok || len(refs) == 0 {
		if c.Flags&command.NoMandatory != 0 {
			ctx.Reply.ArrayLen(0)
			return
		}
		ctx.Error("ERR Invalid arguments specified for command")
		return
	}
	ctx.Reply.ArrayLen(len(refs))
	for _, ref := range refs {
		if withFlags {
			ctx.Reply.ArrayLen(2)
		}
		ctx.Reply.Bulk(argv[ref.Pos])
		if withFlags {
			writeStatusSet(ctx.Reply, ref.Flags.Names())
		}
	}
}
