// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/resp"
)

// clientType is what CLIENT LIST and CLIENT KILL mean by TYPE.
type clientType int

const (
	typeAny clientType = iota - 1
	typeNormal
	typeReplica
	typePubSub
	typeMaster
)

var clientTypes = map[string]clientType{
	"NORMAL": typeNormal, "SLAVE": typeReplica, "REPLICA": typeReplica, "PUBSUB": typePubSub, "MASTER": typeMaster,
}

func parseClientType(name []byte) (clientType, bool) {
	for n, t := range clientTypes {
		if fold(name, n) {
			return t, true
		}
	}
	return typeAny, false
}

func (s *Session) clientType() clientType {
	switch {
	case s.fromMaster:
		return typeMaster
	case s.downstream != nil:
		return typeReplica
	}
	return typeNormal
}

// inOrder lists the sessions from the oldest to the newest.
func (e *Engine) inOrder() []*Session {
	list := make([]*Session, 0, len(e.sessions))
	for _, id := range slices.Sorted(maps.Keys(e.sessions)) {
		list = append(list, e.sessions[id])
	}
	return list
}

// flagLetters describes a session's state by Redis's letters.
func (s *Session) flagLetters() string {
	var f []byte
	for _, l := range []struct {
		letter byte
		on     bool
	}{
		{'O', s.monitoring},
		{'S', s.downstream != nil},
		{'M', s.fromMaster},
		{'x', s.tx.open},
		{'b', s.blocked != nil},
		{'d', s.tx.broken},
		{'c', s.closing},
		{'e', s.noEvict},
	} {
		if l.on {
			f = append(f, l.letter)
		}
	}
	if f == nil {
		return "N"
	}
	return string(f)
}

// describe appends the line of CLIENT LIST, line end included. Figures of
// Redis's buffers that we have no equal of are shown as zero. The call that is
// being executed counts as input, as with Redis.
func (s *Session) describe(dst []byte) []byte {
	addr, laddr := s.addresses()
	fd, input, inputFree := 0, 0, 0
	if s.conn != nil {
		fd = s.conn.FD()
		input, inputFree = s.conn.InputBuffer()
	}
	args := 0
	switch {
	case s.e.ctx.Session == s:
		input += len(resp.AppendCommand(nil, s.e.ctx.Argv...))
		args = argsSize(s.e.ctx.Argv)
	case s.blocked != nil && s.blocked.wait != nil:
		args = argsSize(s.blocked.wait.argv)
	}
	multi := -1
	if s.tx.open {
		multi = len(s.tx.queue)
	}
	events := "r"
	if s.unsent() > 0 {
		events = "rw"
	}
	cmd := "NULL"
	if s.lastCmd != nil {
		cmd = s.lastCmd.FullName
	}
	dst = fmt.Appendf(dst, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=0 psub=0 ssub=0 multi=%d",
		s.id, addr, laddr, fd, s.name, s.seconds(s.createdAt), s.seconds(s.lastUsed), s.flagLetters(), s.index, multi)
	dst = fmt.Appendf(dst, " qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=0 obl=0 oll=0 omem=%d tot-mem=%d",
		input, inputFree, args, s.tx.bytes, cap(s.reply.Buffer()), s.unsent(), s.memory())
	dst = fmt.Appendf(dst, " events=%s cmd=%s user=%s redir=-1 resp=%d", events, cmd, s.user, s.reply.Protocol())
	if s.libName != "" || s.libVersion != "" {
		dst = fmt.Appendf(dst, " lib-name=%s lib-ver=%s", s.libName, s.libVersion)
	}
	return append(dst, '\n')
}

// argsSize is the number of bytes in arguments.
func argsSize(argv [][]byte) (n int) {
	for _, a := range argv {
		n += len(a)
	}
	return n
}

// seconds is the age of a moment of e.clock.
func (s *Session) seconds(since int64) int64 { return (s.e.clock - since) / int64(time.Second) }

func (e *Engine) clientList(ctx *command.Context) {
	args := ctx.Argv[2:]
	wanted := typeAny
	var text []byte
	switch {
	case len(args) == 2 && fold(args[0], "TYPE"):
		var ok bool
		if wanted, ok = parseClientType(args[1]); !ok {
			ctx.Error("ERR Unknown client type '" + string(args[1]) + "'")
			return
		}
	case len(args) > 1 && fold(args[0], "ID"):
		for _, arg := range args[1:] {
			id, ok := resp.ParseInt(arg)
			if !ok {
				ctx.Error("ERR Invalid client ID")
				return
			}
			if s := e.sessions[id]; s != nil {
				text = s.describe(text)
			}
		}
		ctx.Reply.Verbatim("txt", string(text))
		return
	case len(args) != 0:
		ctx.Error(command.ErrSyntax)
		return
	}
	for _, s := range e.inOrder() {
		if wanted == typeAny || s.clientType() == wanted {
			text = s.describe(text)
		}
	}
	ctx.Reply.Verbatim("txt", string(text))
}

// killFilter is what CLIENT KILL is to match; all of it.
type killFilter struct {
	addr, laddr []byte
	id          int64
	kind        clientType
	user        []byte
	skipMe      bool
}

func (f *killFilter) matches(s, caller *Session) bool {
	if s.conn == nil && s.clientType() != typeMaster {
		return false
	}
	remote, local := s.addresses()
	switch {
	case f.addr != nil && remote != string(f.addr),
		f.laddr != nil && local != string(f.laddr),
		f.kind != typeAny && s.clientType() != f.kind,
		f.id != 0 && s.id != f.id,
		f.user != nil && s.user != string(f.user),
		f.skipMe && s == caller:
		return false
	}
	return true
}

// parse reads the options; text is the error, if any.
func (f *killFilter) parse(args [][]byte) (text string) {
	for ; len(args) > 0; args = args[2:] {
		if len(args) == 1 {
			return command.ErrSyntax
		}
		value := args[1]
		switch {
		case fold(args[0], "ID"):
			id, ok := resp.ParseInt(value)
			if !ok || id < 1 {
				return "ERR client-id should be greater than 0"
			}
			f.id = id
		case fold(args[0], "TYPE"):
			var ok bool
			if f.kind, ok = parseClientType(value); !ok {
				return "ERR Unknown client type '" + string(value) + "'"
			}
		case fold(args[0], "ADDR"):
			f.addr = value
		case fold(args[0], "LADDR"):
			f.laddr = value
		case fold(args[0], "USER"):
			if string(value) != defaultUser {
				return "ERR No such user '" + string(value) + "'"
			}
			f.user = value
		case fold(args[0], "SKIPME") && fold(value, "YES"):
			f.skipMe = true
		case fold(args[0], "SKIPME") && fold(value, "NO"):
			f.skipMe = false
		default:
			return command.ErrSyntax
		}
	}
	return ""
}

func (e *Engine) clientKill(ctx *command.Context) {
	caller := ctx.Session.(*Session)
	old := len(ctx.Argv) == 3 // CLIENT KILL addr, which may hit the caller
	filter := killFilter{kind: typeAny, skipMe: !old}
	if old {
		filter.addr = ctx.Argv[2]
	} else if text := filter.parse(ctx.Argv[2:]); text != "" {
		ctx.Error(text)
		return
	}
	killed := 0
	for _, s := range e.inOrder() {
		if !filter.matches(s, caller) {
			continue
		}
		killed++
		if s == caller {
			s.closing = true // when the reply is out
		} else {
			s.kill()
		}
	}
	switch {
	case !old:
		ctx.Reply.Int(int64(killed))
	case killed == 0:
		ctx.Error("ERR No such client")
	default:
		ctx.Reply.OK()
	}
}
