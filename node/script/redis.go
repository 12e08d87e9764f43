// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openRedis makes the global table redis.
func (in *Interpreter) openRedis(functions map[string]lua.LGFunction, version string) {
	in.add("redis", functions)
	in.describe(in.library("redis"), version)
}

// describe adds the constants that the redis of scripts and of libraries share.
func (in *Interpreter) describe(t *lua.LTable, version string) {
	for name, v := range map[string]int{
		"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3,
		"REDIS_VERSION_NUM": versionNumber(version),
	} {
		t.RawSetString(name, lua.LNumber(v))
	}
	t.RawSetString("REDIS_VERSION", lua.LString(version))
}

// versionNumber is 0x00MMmmpp.
func versionNumber(version string) int {
	n := 0
	for part := range strings.SplitSeq(version, ".") {
		digit, _ := strconv.Atoi(part)
		n = n<<8 | digit&0xFF
	}
	return n
}

// scriptFunctions are those of both EVAL and functions.
func (in *Interpreter) scriptFunctions() map[string]lua.LGFunction {
	for name, v := range map[string]int{
		"REPL_NONE": 0, "REPL_AOF": ReplicateAOF, "REPL_SLAVE": ReplicateReplicas,
		"REPL_REPLICA": ReplicateReplicas, "REPL_ALL": replicateAll,
	} {
		in.library("redis").RawSetString(name, lua.LNumber(v))
	}
	return map[string]lua.LGFunction{
		"call":          func(L *lua.LState) int { return in.call(L, true) },
		"pcall":         func(L *lua.LState) int { return in.call(L, false) },
		"error_reply":   in.errorReply,
		"status_reply":  in.statusReply,
		"sha1hex":       in.sha1Hex,
		"log":           in.log,
		"setresp":       in.setProtocol,
		"set_repl":      in.setReplication,
		"acl_check_cmd": in.checkCommand,
	}
}

func (in *Interpreter) redisFunctions() map[string]lua.LGFunction {
	functions := in.scriptFunctions()
	functions["replicate_commands"] = func(L *lua.LState) int { L.Push(lua.LTrue); return 1 }
	functions["breakpoint"] = func(L *lua.LState) int { L.Push(lua.LFalse); return 1 }
	functions["debug"] = func(*lua.LState) int { return 0 }
	return functions
}

// call is redis.call, which raises errors, and redis.pcall, which returns them.
func (in *Interpreter) call(L *lua.LState, raise bool) int {
	in.onlyRunning(L, "redis.call/pcall can only be called inside a script invocation")
	problem := in.takeArgs(L)
	if problem != "" {
		return in.giveError(L, in.errorTable("ERR "+problem, false), raise)
	}
	reply, refusal := in.host.Call(in.args)
	switch {
	case refusal != "":
		return in.giveError(L, in.errorTable(refusal, true), raise)
	case len(reply) > 0 && reply[0] == '-':
		v, _ := in.value(reply)
		return in.giveError(L, v, raise)
	}
	v, _ := in.value(reply)
	L.Push(v)
	return 1
}

func (in *Interpreter) giveError(L *lua.LState, v lua.LValue, raise bool) int {
	if raise {
		L.Error(v, 0)
	}
	L.Push(v)
	return 1
}

// takeArgs reads the arguments of a command into in.args.
func (in *Interpreter) takeArgs(L *lua.LState) (problem string) {
	n := L.GetTop()
	if n == 0 {
		return "Please specify at least one argument for this redis lib call"
	}
	const kept = 64 << 10
	if cap(in.bytes) > kept {
		in.bytes = nil
	}
	in.bytes = in.bytes[:0]
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			in.bytes = append(in.bytes, v...)
		case lua.LNumber:
			in.bytes = appendArg(in.bytes, v)
		default:
			return "Lua redis lib command arguments must be strings or integers"
		}
	}
	in.args = in.args[:0]
	rest := in.bytes
	for i := 1; i <= n; i++ {
		size := 0
		switch v := L.Get(i).(type) {
		case lua.LString:
			size = len(v)
		case lua.LNumber:
			var digits [32]byte
			size = len(appendArg(digits[:0], v))
		}
		in.args = append(in.args, rest[:size:size])
		rest = rest[size:]
	}
	return ""
}

// appendArg is a number as an argument: C's "%.17g".
func appendArg(dst []byte, v lua.LNumber) []byte {
	if i := int64(v); lua.LNumber(i) == v && i > -1e15 && i < 1e15 && i != 0 {
		return strconv.AppendInt(dst, i, 10)
	}
	return appendG(dst, float64(v), 17)
}

func (in *Interpreter) errorReply(L *lua.LState) int {
	message, ok := onlyString(L)
	if !ok {
		return in.wrongArguments(L)
	}
	L.Push(in.errorTable(codedError(strings.TrimPrefix(message, "-")), false))
	return 1
}

// codedError gives an error its code where it has none.
func codedError(message string) string {
	code, rest, found := strings.Cut(message, " ")
	if !found {
		return "ERR " + strings.Trim(message, "\r\n")
	}
	return code + " " + strings.Trim(rest, "\r\n")
}

func (in *Interpreter) statusReply(L *lua.LState) int {
	message, ok := onlyString(L)
	if !ok {
		return in.wrongArguments(L)
	}
	t := L.CreateTable(0, 1)
	t.RawSetString("ok", lua.LString(message))
	L.Push(t)
	return 1
}

func onlyString(L *lua.LState) (string, bool) {
	s, ok := L.Get(1).(lua.LString)
	return string(s), ok && L.GetTop() == 1
}

func (in *Interpreter) wrongArguments(L *lua.LState) int {
	L.Push(in.errorTable("ERR wrong number or type of arguments", false))
	return 1
}

func (in *Interpreter) sha1Hex(L *lua.LState) int {
	if L.GetTop() != 1 {
		in.raise(L, "wrong number of arguments")
	}
	s, _ := text(L.Get(1))
	L.Push(lua.LString(SHA1Hex([]byte(s))))
	return 1
}

// SHA1Hex is the name of a script: 40 hex digits.
func SHA1Hex(source []byte) string {
	sum := sha1.Sum(source)
	return hex.EncodeToString(sum[:])
}

func (in *Interpreter) log(L *lua.LState) int {
	if L.GetTop() < 2 {
		in.raise(L, "redis.log() requires two arguments or more.")
	}
	f, ok := number(L.Get(1))
	if !ok {
		in.raise(L, "First argument must be a number (log level).")
	}
	level := truncated32(f)
	if level < 0 || level > 3 {
		in.raise(L, "Invalid debug level.")
	}
	var line bytes.Buffer
	for i := 2; i <= L.GetTop(); i++ {
		if s, ok := text(L.Get(i)); ok {
			if i > 2 {
				line.WriteByte(' ')
			}
			line.WriteString(s)
		}
	}
	in.host.Log(int(level), line.String())
	return 0
}

func (in *Interpreter) setProtocol(L *lua.LState) int {
	in.onlyRunning(L, "redis.setresp can only be called inside a script invocation")
	if L.GetTop() != 1 {
		in.raise(L, "redis.setresp() requires one argument.")
	}
	f, _ := number(L.Get(1))
	version := truncated32(f)
	if version != 2 && version != 3 {
		in.raise(L, "RESP version must be 2 or 3.")
	}
	in.protocol = int(version)
	in.host.SetProtocol(in.protocol)
	return 0
}

func (in *Interpreter) setReplication(L *lua.LState) int {
	in.onlyRunning(L, "redis.set_repl can only be called inside a script invocation")
	if L.GetTop() != 1 {
		in.raise(L, "redis.set_repl() requires two arguments.")
	}
	f, _ := number(L.Get(1))
	where := truncated32(f)
	if where&^replicateAll != 0 {
		in.raise(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	if problem := in.host.SetReplication(int(where)); problem != "" {
		in.raise(L, problem)
	}
	return 0
}

func (in *Interpreter) checkCommand(L *lua.LState) int {
	in.onlyRunning(L, "redis.acl_check_cmd can only be called inside a script invocation")
	if problem := in.takeArgs(L); problem != "" {
		in.raise(L, problem)
	}
	permitted, known := in.host.Permits(in.args)
	if !known {
		in.raise(L, "Invalid command passed to redis.acl_check_cmd()")
	}
	L.Push(lua.LBool(permitted))
	return 1
}
