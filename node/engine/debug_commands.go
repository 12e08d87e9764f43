// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/glob"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// debugging is what DEBUG has switched.
type debugging struct {
	noActiveExpire bool
	cronPaused     bool
	listPlain      int // QUICKLIST-PACKED-THRESHOLD in bytes; 0: the default
}

func (e *Engine) debugCommands() []command.Spec {
	return []command.Spec{{
		Name: "debug", Arity: -2, Group: "server", Since: "1.0.0", System: true,
		Flags:   command.Admin | command.NoScript | command.Loading | command.Stale | command.Protected,
		Summary: "Commands for tests and for the curious", Complexity: "Depends on subcommand.", Handler: e.debug,
	}}
}

// debugSubs are the subcommands with the numbers of arguments that they take
// behind their name. COMMAND does not list them, as with Redis.
var debugSubs = map[string]struct {
	least, most int
	run         func(*Engine, *command.Context)
}{
	"AOF-FLUSH-SLEEP":              {1, 1, (*Engine).debugFlushSleep},
	"CHANGE-REPL-ID":               {0, 0, (*Engine).debugChangeReplID},
	"DIGEST":                       {0, 0, (*Engine).debugDigest},
	"DIGEST-VALUE":                 {0, -1, (*Engine).debugDigestValue},
	"ERROR":                        {1, 1, func(_ *Engine, ctx *command.Context) { ctx.Reply.Error(string(ctx.Argv[2])) }},
	"HELP":                         {0, 0, func(_ *Engine, ctx *command.Context) { command.ReplyHelp(ctx, debugHelp) }},
	"HTSTATS":                      {1, 1, (*Engine).debugTableStats},
	"HTSTATS-KEY":                  {1, 1, (*Engine).debugValueTableStats},
	"LISTPACK":                     {1, 1, (*Engine).debugListpack},
	"LOADAOF":                      {0, 0, (*Engine).debugLoadAOFCommand},
	"LOG":                          {1, 1, (*Engine).debugLog},
	"OBJECT":                       {1, 1, (*Engine).debugObject},
	"PAUSE-CRON":                   {1, 1, func(e *Engine, ctx *command.Context) { debugSwitch(ctx, &e.debugging.cronPaused) }},
	"POPULATE":                     {1, 3, (*Engine).debugPopulate},
	"PROTOCOL":                     {1, 1, (*Engine).debugProtocol},
	"QUICKLIST":                    {1, 2, (*Engine).debugQuicklist},
	"QUICKLIST-PACKED-THRESHOLD":   {1, 1, (*Engine).debugPlainThreshold},
	"RELOAD":                       {0, -1, (*Engine).debugReload},
	"REPLICATE":                    {1, -1, (*Engine).debugReplicate},
	"SET-ACTIVE-EXPIRE":            {1, 1, (*Engine).debugSetActiveExpire},
	"SET-SKIP-CHECKSUM-VALIDATION": {1, 1, func(e *Engine, ctx *command.Context) { debugSwitch(ctx, &e.saving.skipSumming) }},
	"SLEEP":                        {1, 1, (*Engine).debugSleep},
	"STRINGMATCH-LEN":              {2, 2, (*Engine).debugStringMatch},
}

var debugHelp = []string{
	"AOF-FLUSH-SLEEP <microseconds>",
	"    Slow down every write to the AOF.",
	"CHANGE-REPL-ID",
	"    Draw new replication ids: replicas then need a full sync.",
	"DIGEST",
	"    Return the digest of the data set.",
	"DIGEST-VALUE <key> [<key> ...]",
	"    Return the digests of values.",
	"ERROR <string>",
	"    Return <string> as an error.",
	"HTSTATS <dbid>",
	"    Describe the hash table of a database.",
	"HTSTATS-KEY <key>",
	"    Describe the table of a large hash, set or sorted set.",
	"LISTPACK <key>",
	"    Write the elements of a listpack into the log.",
	"LOADAOF",
	"    Write what waits for the AOF, forget the data set and load the AOF.",
	"LOG <message>",
	"    Write <message> into the log.",
	"OBJECT <key>",
	"    Describe a value.",
	"PAUSE-CRON <0|1>",
	"    Stop the periodic work.",
	"POPULATE <count> [<prefix>] [<size>]",
	"    Make <count> keys named key:<n>, or <prefix>:<n>.",
	"PROTOCOL <type>",
	"    Return a value of that type.",
	"QUICKLIST <key> [<0|1>]",
	"    Write the nodes of a list into the log, with 1 their elements, too.",
	"QUICKLIST-PACKED-THRESHOLD <size>",
	"    Give elements of lists a node of their own from this size on.",
	"RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
	"    Save the data set, forget it and load it again.",
	"REPLICATE <command> [<arg> ...]",
	"    Put a command on the stream.",
	"SET-ACTIVE-EXPIRE <0|1>",
	"    Let expired keys be removed without being looked at, or not.",
	"SET-SKIP-CHECKSUM-VALIDATION <0|1>",
	"    Load dumps whose checksum is wrong.",
	"SLEEP <seconds>",
	"    Stop everything for a while.",
	"STRINGMATCH-LEN <len> <pattern>",
	"    Match <pattern> against <len> times the letter a.",
}

func (e *Engine) debug(ctx *command.Context) {
	sub, ok := debugSubs[strings.ToUpper(string(ctx.Argv[1]))]
	args := len(ctx.Argv) - 2
	if !ok || args < sub.least || sub.most >= 0 && args > sub.most {
		subcommandSyntax(ctx)
		return
	}
	sub.run(e, ctx)
}

func debugSwitch(ctx *command.Context, at *bool) {
	*at = atoi(ctx.Argv[2]) != 0
	ctx.Reply.OK()
}

// atoi reads a number much as C's does: anything but a number is 0.
func atoi(b []byte) int {
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return 0
	}
	return n
}

func (e *Engine) debugSetActiveExpire(ctx *command.Context) {
	on := false
	debugSwitch(ctx, &on)
	e.debugging.noActiveExpire = !on
}

func (e *Engine) debugLog(ctx *command.Context) {
	e.log.Warningf("DEBUG LOG: %s", ctx.Argv[2])
	ctx.Reply.OK()
}

// debugSleep holds the lock: that is its purpose.
func (e *Engine) debugSleep(ctx *command.Context) {
	seconds, err := strconv.ParseFloat(string(ctx.Argv[2]), 64)
	if err == nil && seconds > 0 {
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	}
	ctx.Reply.OK()
}

func (e *Engine) debugDigest(ctx *command.Context) {
	ctx.Reply.Simple(fmt.Sprintf("%x", e.store.Digest()))
}

// debugDigestValue looks at keys that have expired, too.
func (e *Engine) debugDigestValue(ctx *command.Context) {
	keys := ctx.Argv[2:]
	ctx.Reply.ArrayLen(len(keys))
	for _, key := range keys {
		var d store.Digest
		if v, ok := ctx.DB.Peek(key); ok {
			d = v.Digest()
		}
		ctx.Reply.Simple(fmt.Sprintf("%x", d))
	}
}

func (e *Engine) debugTableStats(ctx *command.Context) {
	db, ok := resp.ParseInt(ctx.Argv[2])
	switch {
	case !ok:
		ctx.Error(command.ErrNotInteger)
		return
	case db < 0 || db >= int64(e.store.NumDBs()):
		ctx.Error("ERR Out of range database")
		return
	}
	st := e.store.DB(int(db)).TableStats()
	var text strings.Builder
	fmt.Fprintf(&text, "[Dictionary HT]\nHash table 0 stats (main hash table):\n")
	fmt.Fprintf(&text, " table size: %d\n number of elements: %d\n max chain length: %d\n", st.Buckets, st.Keys, st.Longest)
	fmt.Fprintf(&text, " load: %.3f\n bytes: %d\n Chain length distribution:\n", st.Load, st.Bytes)
	lengths := make([]int, 0, len(st.Lengths))
	for n := range st.Lengths {
		lengths = append(lengths, n)
	}
	slices.Sort(lengths)
	for _, n := range lengths {
		fmt.Fprintf(&text, "   %d: %d (%.2f%%)\n", n, st.Lengths[n], 100*float64(st.Lengths[n])/float64(max(1, st.Buckets)))
	}
	fmt.Fprintf(&text, "[Expires HT]\n number of elements: %d\n", st.Expires)
	ctx.Reply.Verbatim("txt", text.String())
}

// debugPopulate neither propagates nor replaces what is there.
func (e *Engine) debugPopulate(ctx *command.Context) {
	count, ok := resp.ParseInt(ctx.Argv[2])
	size := int64(0)
	if ok && len(ctx.Argv) == 5 {
		size, ok = resp.ParseInt(ctx.Argv[4])
	}
	if !ok || count < 0 || size < 0 {
		ctx.Error("ERR value is out of range, must be positive")
		return
	}
	prefix := "key"
	if len(ctx.Argv) > 3 {
		prefix = string(ctx.Argv[3])
	}
	var key, value []byte
	for i := range count {
		key = fmt.Appendf(key[:0], "%s:%d", prefix, i)
		if ctx.Exists(key) {
			continue
		}
		value = fmt.Appendf(value[:0], "value:%d", i)
		if size > 0 {
			value = append(value, make([]byte, max(0, size-int64(len(value))))...)[:size]
		}
		if _, err := ctx.DB.Set(key, value, false); err != nil {
			ctx.Error("ERR " + err.Error())
			return
		}
		e.KeyModified(ctx.Index, command.EventGeneric, "", key)
	}
	ctx.Reply.OK()
}

func (e *Engine) debugStringMatch(ctx *command.Context) {
	n, ok := resp.ParseInt(ctx.Argv[2])
	if !ok || n < 0 {
		ctx.Error("ERR value is out of range, must be positive")
		return
	}
	matches := int64(0)
	if glob.Match(ctx.Argv[3], bytes.Repeat([]byte{'a'}, int(n))) {
		matches = 1
	}
	ctx.Reply.Int(matches)
}

func (e *Engine) debugReplicate(ctx *command.Context) {
	e.Propagate(ctx.Index, ctx.Argv[2:])
	ctx.Reply.OK()
}

// debugChangeReplID is one of the things that have a single author: a managed
// node's history is its operator's.
func (e *Engine) debugChangeReplID(ctx *command.Context) {
	if e.managed.on {
		if text := e.managed.refuse(command.OneAuthor); text != "" {
			ctx.Error(text)
			return
		}
	}
	e.log.Warningf("Changing replication IDs after receiving DEBUG change-repl-id")
	e.replication.changeID()
	ctx.Reply.OK()
}

func (e *Engine) debugReload(ctx *command.Context) {
	flush, save, merge := true, true, false
	for _, arg := range ctx.Argv[2:] {
		switch {
		case fold(arg, "MERGE"):
			merge = true
		case fold(arg, "NOFLUSH"):
			flush = false
		case fold(arg, "NOSAVE"):
			save = false
		default:
			ctx.Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
			return
		}
	}
	if save {
		e.cancelSaving()
		if err := e.saveNow(); err != nil {
			ctx.Error("ERR " + err.Error())
			return
		}
	}
	if err := e.reload(flush, merge); err != nil {
		e.log.Warningf("%v", err)
		ctx.Error("ERR Error trying to load the RDB dump")
		return
	}
	e.log.Warningf("DB reloaded by DEBUG RELOAD")
	ctx.Reply.OK()
}

// reload reads the dump into a new data set, or into the one that is there.
func (e *Engine) reload(flush, merge bool) error {
	target := e.store
	if flush {
		target = e.newStore()
	}
	h := e.newLoadHandler(target, &e.cfg.Values)
	h.unique = !merge
	h.dropExpired = !e.replication.isReplica() && !e.managed.on
	sum, err := rdb.LoadFile(dumpPath(&e.cfg.Values), h, rdb.LoadOptions{SkipChecksum: e.saving.skipSumming})
	if err != nil {
		if flush {
			target.Close()
		}
		return err
	}
	if flush {
		e.adoptStore(target)
	}
	e.tellDeleted(h)
	e.lastLoad = lastLoad{keys: h.keys, expired: h.expired, summary: sum}
	return nil
}

// debugProtocol answers with a value of the type asked for.
func (e *Engine) debugProtocol(ctx *command.Context) {
	w := ctx.Reply
	switch strings.ToLower(string(ctx.Argv[2])) {
	case "string":
		w.BulkString("Hello World")
	case "integer":
		w.Int(12345)
	case "double":
		w.Double(3.141)
	case "bignum":
		n, _ := new(big.Int).SetString("1234567999999999999999999999999999999", 10) // digits, as anyone can see
		w.BigNumber(n)
	case "null":
		w.Null()
	case "array":
		w.ArrayLen(3)
		for i := range int64(3) {
			w.Int(i)
		}
	case "set":
		w.SetLen(3)
		for i := range int64(3) {
			w.Int(i)
		}
	case "map":
		w.MapLen(3)
		for i := range int64(3) {
			w.Int(i)
			w.Bool(i == 1)
		}
	case "attrib":
		if w.AttributeLen(1) {
			w.BulkString("key-popularity")
			w.ArrayLen(2)
			w.BulkString("key:123")
			w.Int(90)
		}
		w.BulkString("Some real reply following the attribute")
	case "push":
		if w.Protocol() < 3 {
			ctx.Error("ERR RESP2 is not supported by this command")
			return
		}
		w.PushLen(2)
		w.BulkString("server-cpu-usage")
		w.Int(42)
		w.BulkString("Some real reply following the push reply")
	case "true":
		w.Bool(true)
	case "false":
		w.Bool(false)
	case "verbatim":
		w.Verbatim("txt", "This is a verbatim\nstring")
	default:
		ctx.Error("ERR Wrong protocol type name. Please use one of the following: " +
			"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")
	}
}
