// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package strings

import (
	"bytes"
	"math"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// options are what SET and GETEX can be told beside key and value.
type options struct {
	nx, xx, get      bool
	keepTTL, persist bool

	// expire is the argument of EX, PX, EXAT or PXAT; nil without one.
	expire   []byte
	seconds  bool // in seconds, not milliseconds
	absolute bool // a point in time, not a span from now
}

// verb tells which command the options belong to: each has its own set.
type verb int

const (
	forSet verb = iota
	forGetEx
)

// parseOptions reads the words behind key (and value). ok is false on a syntax
// error.
func parseOptions(args [][]byte, v verb) (o options, ok bool) {
	is := func(arg []byte, word string) bool { return bytes.EqualFold(arg, []byte(word)) }
	timed := func() bool { return o.keepTTL || o.persist || o.expire != nil }
	for i := 0; i < len(args); i++ {
		a, more := args[i], i+1 < len(args)
		switch {
		case is(a, "NX") && v == forSet && !o.xx:
			o.nx = true
		case is(a, "XX") && v == forSet && !o.nx:
			o.xx = true
		case is(a, "GET") && v == forSet:
			o.get = true
		case is(a, "KEEPTTL") && v == forSet && !timed() || is(a, "KEEPTTL") && v == forSet && o.keepTTL:
			o.keepTTL = true
		case is(a, "PERSIST") && v == forGetEx && (!timed() || o.persist):
			o.persist = true
		case more && !timed() && (is(a, "EX") || is(a, "PX") || is(a, "EXAT") || is(a, "PXAT")):
			o.seconds = is(a, "EX") || is(a, "EXAT")
			o.absolute = len(a) == 4
			i++
			o.expire = args[i]
		default:
			return o, false
		}
	}
	return o, true
}

// deadline gives the expiry in Unix milliseconds, or the error to answer with.
func (o *options) deadline(now int64, name string) (at int64, text string) {
	n, ok := resp.ParseInt(o.expire)
	if !ok {
		return 0, command.ErrNotInteger
	}
	invalid := "ERR invalid expire time in '" + name + "' command"
	if n <= 0 || o.seconds && n > math.MaxInt64/1000 {
		return 0, invalid
	}
	if o.seconds {
		n *= 1000
	}
	if !o.absolute {
		if n > math.MaxInt64-now {
			return 0, invalid
		}
		n += now
	}
	return n, ""
}

func set(ctx *command.Context) {
	if len(ctx.Argv) == 3 { // by far the most frequent form
		if put(ctx, ctx.Argv[1], ctx.Argv[2], false) {
			ctx.Modified(command.EventString, "set", ctx.Argv[1])
			ctx.Reply.OK()
		}
		return
	}
	o, ok := parseOptions(ctx.Argv[3:], forSet)
	if !ok {
		ctx.Error(command.ErrSyntax)
		return
	}
	setWith(ctx, o, ctx.Argv[1], ctx.Argv[2], "set")
}

func setEx(ctx *command.Context)  { setTimed(ctx, "setex", true) }
func psetEx(ctx *command.Context) { setTimed(ctx, "psetex", false) }

func setTimed(ctx *command.Context, name string, seconds bool) {
	o := options{expire: ctx.Argv[2], seconds: seconds}
	setWith(ctx, o, ctx.Argv[1], ctx.Argv[3], name)
}

// setWith is SET with options. On the stream it is SET key value, with the
// deadline as a point in time and without the words that only matter here.
func setWith(ctx *command.Context, o options, key, value []byte, name string) {
	var at int64
	if o.expire != nil {
		var text string
		if at, text = o.deadline(ctx.Now, name); text != "" {
			ctx.Error(text)
			return
		}
	}
	old, found := ctx.Write(key)
	if o.get {
		if found && old.Type() != store.TypeString {
			ctx.Error(command.ErrWrongType)
			return
		}
		replyValue(ctx, old, found)
	}
	if o.nx && found || o.xx && !found {
		if !o.get {
			ctx.Reply.Null()
		}
		return
	}
	if !put(ctx, key, value, o.keepTTL) {
		return
	}
	ctx.Modified(command.EventString, "set", key)
	if o.expire != nil {
		ctx.DB.SetExpire(key, at)
		ctx.Notify(command.EventGeneric, "expire", key)
		ctx.Propagate([]byte("SET"), key, value, []byte("PXAT"), strconv.AppendInt(nil, at, 10))
	} else if o.get {
		ctx.Propagate(withoutGet(ctx.Argv)...)
	}
	if !o.get {
		ctx.Reply.OK()
	}
}

// withoutGet drops the word GET from the options of a SET.
func withoutGet(argv [][]byte) [][]byte {
	out := append([][]byte(nil), argv[:3]...)
	for _, a := range argv[3:] {
		if !bytes.EqualFold(a, []byte("GET")) {
			out = append(out, a)
		}
	}
	return out
}

// put stores a value and answers when it is too large; ok is false then.
func put(ctx *command.Context, key, value []byte, keepTTL bool) (ok bool) {
	if _, err := ctx.DB.Set(key, value, keepTTL); err != nil {
		ctx.Error(command.ErrStringTooLong)
		return false
	}
	return true
}

func setNX(ctx *command.Context) {
	if ctx.Exists(ctx.Argv[1]) {
		ctx.Reply.Int(0)
		return
	}
	if put(ctx, ctx.Argv[1], ctx.Argv[2], false) {
		ctx.Modified(command.EventString, "set", ctx.Argv[1])
		ctx.Reply.Int(1)
	}
}

func mset(ctx *command.Context) {
	if msetAll(ctx, "mset") {
		ctx.Reply.OK()
	}
}

func msetNX(ctx *command.Context) {
	if len(ctx.Argv)%2 == 1 {
		for i := 1; i < len(ctx.Argv); i += 2 {
			if ctx.Exists(ctx.Argv[i]) {
				ctx.Reply.Int(0)
				return
			}
		}
	}
	if msetAll(ctx, "msetnx") {
		ctx.Reply.Int(1)
	}
}

func msetAll(ctx *command.Context, name string) bool {
	if len(ctx.Argv)%2 == 0 {
		ctx.Error("ERR wrong number of arguments for '" + name + "' command")
		return false
	}
	for i := 1; i < len(ctx.Argv); i += 2 {
		if !put(ctx, ctx.Argv[i], ctx.Argv[i+1], false) {
			return false
		}
		ctx.Modified(command.EventString, "set", ctx.Argv[i])
	}
	return true
}

func getSet(ctx *command.Context) {
	key := ctx.Argv[1]
	old, found := ctx.Write(key)
	if found && old.Type() != store.TypeString {
		ctx.Error(command.ErrWrongType)
		return
	}
	replyValue(ctx, old, found)
	if put(ctx, key, ctx.Argv[2], false) {
		ctx.Modified(command.EventString, "set", key)
		ctx.Propagate([]byte("SET"), key, ctx.Argv[2])
	}
}
