// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/info"
	"github.com/espalier-io/espalier/node/log"
	"github.com/espalier-io/espalier/node/script"
)

// scripting runs scripts: under the execution lock, in the goroutine of the call
// that brought them. What a script's commands put on the stream is one unit, as
// a transaction's is, and the script itself is not on it: replicas get effects.
// The clock stands still meanwhile.
//
// Its commands are those of a session of its own, which has no connection, so
// nothing blocks. They pass the gates of script_gates.go.
type scripting struct {
	e       *Engine
	eval    *script.Interpreter // nil before the first script
	cache   scriptCache
	session *Session
	running *scriptRun // nil when none
	idle    sync.Cond  // of the execution lock: no script is busy any more
}

// scriptRun is the script that runs.
type scriptRun struct {
	caller      *Session
	cmd         *command.Command // EVAL and its kin
	name        string           // its SHA-1, or the function's name
	function    bool
	flags       scriptFlags
	readOnly    bool
	outOfMemory bool // when it began
	wrote       bool // a command that may write was let through: it has to go on to its end
	where       int  // its effects are told, see redis.set_repl
	argv        [][]byte
	began       int64 // Engine.clock
	busy        busyScript
}

func (x *scripting) init(e *Engine) {
	x.e = e
	x.idle.L = &e.mu
	x.cache.scripts = make(map[string]*cachedScript)
}

// interpreter gives EVAL's interpreter, made when it is needed first.
func (x *scripting) interpreter() *script.Interpreter {
	if x.eval == nil {
		x.eval = script.New(x, config.RedisVersion)
	}
	return x.eval
}

// execute runs a script for the session of a call: run calls the interpreter.
// The reply to the caller is written, the unit of the stream stays open.
func (x *scripting) execute(ctx *command.Context, run *scriptRun, call func(script.Call) *script.Failure, keys, args [][]byte) {
	e, reply := x.e, ctx.Reply
	if text := x.refuseRun(run); text != "" {
		ctx.Error(text)
		return
	}
	s := x.useSession(run.caller)
	run.outOfMemory = !run.caller.fromMaster && e.outOfMemory()
	run.where = script.ReplicateAOF | script.ReplicateReplicas
	inTx := e.inTx
	e.inTx, x.running = true, run
	run.began, run.argv = int64(e.sinceStart()), ctx.Argv
	failure := call(script.Call{Keys: keys, Args: args, Reply: reply})
	x.endBusy(run)
	e.inTx, x.running = inTx, nil
	s.reply.Reset()
	if e.shutdown.ended {
		e.unit.reset() // half of what the script meant to do must not outlive it
	}
	if failure != nil {
		text := failure.In(run.name)
		if !failure.Counted {
			e.stats.countError(text)
		}
		reply.Error(text)
	}
	ctx.Begin(e, nil) // the script itself changed nothing and is not propagated
}

// useSession readies the session of scripts for a caller.
func (x *scripting) useSession(caller *Session) *Session {
	s := x.session
	if s == nil {
		s = x.e.newSession(nil)
		x.session = s
	}
	s.selectDB(caller.index)
	s.user, s.authenticated, s.fromMaster = caller.user, true, caller.fromMaster
	s.reply.Reset()
	s.reply.SetProtocol(2)
	return s
}

// Call runs a command of a script (script.Host).
func (x *scripting) Call(argv [][]byte) (reply []byte, refusal string) {
	e, s := x.e, x.session
	cmd := e.table.Resolve(argv)
	if refusal = x.refuse(cmd, argv); refusal != "" {
		e.stats.countError(refusal)
		if cmd != nil {
			cmd.Stats.Rejected++
		}
		return nil, refusal
	}
	if cmd.Flags&command.Write != 0 {
		x.running.wrote = true
	}
	s.reply.Reset()
	s.lastCmd = cmd
	e.call(s, cmd, argv)
	return s.reply.Buffer(), ""
}

// SetProtocol chooses the protocol of the replies to a script (script.Host).
func (x *scripting) SetProtocol(version int) { x.session.reply.SetProtocol(version) }

// SetReplication chooses where effects are told (script.Host). On a managed node
// every copy has to be the stream's: positions are what the operator elects by.
func (x *scripting) SetReplication(where int) string {
	if where != script.ReplicateAOF|script.ReplicateReplicas && x.e.managed.on {
		return "redis.set_repl is not allowed on a node with an operator: its replicas would not be copies"
	}
	x.running.where = where
	return ""
}

// Permits tells whether the user may run a command: the only one may all
// (script.Host).
func (x *scripting) Permits(argv [][]byte) (permitted, known bool) {
	known = x.e.table.Resolve(argv) != nil
	return known, known
}

// Log writes a line of redis.log (script.Host).
func (x *scripting) Log(level int, line string) {
	write := [...]func(string, ...any){x.e.log.Debugf, x.e.log.Verbosef, x.e.log.Noticef, x.e.log.Warningf}
	write[log.Level(level)]("%s", line)
}

// CountError counts an error that a script answers with (script.Host).
func (x *scripting) CountError(text string) { x.e.stats.countError(text) }

// info tells of scripts in INFO memory.
func (x *scripting) info(f *info.Fields) {
	vm := uint64(0)
	if x.eval != nil {
		vm = uint64(x.eval.Memory())
	}
	f.Uint("used_memory_lua", vm)
	f.Uint("used_memory_vm_eval", vm)
	f.Str("used_memory_lua_human", info.HumanBytes(vm))
	f.Uint("used_memory_scripts_eval", uint64(x.cache.bytes))
	f.Int("number_of_cached_scripts", int64(len(x.cache.scripts)))
	f.Bytes("used_memory_scripts", vm+uint64(x.cache.bytes))
}
