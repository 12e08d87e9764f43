// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/espalier-io/espalier/node/command"
)

// monitor makes the session see every command that is executed.
func (e *Engine) monitor(ctx *command.Context) {
	s := ctx.Session.(*Session)
	if e.inTx {
		ctx.Error("ERR MONITOR isn't allowed for DENY BLOCKING client")
		return
	}
	if s.monitoring || s.downstream != nil {
		return // no second answer, as with Redis
	}
	s.monitoring = true
	e.monitors = append(e.monitors, s)
	ctx.Reply.OK()
}

func (e *Engine) stopMonitoring(s *Session) {
	if s.monitoring {
		s.monitoring = false
		e.monitors = slices.DeleteFunc(e.monitors, func(m *Session) bool { return m == s })
	}
}

// feedMonitors shows a call to the monitors.
func (e *Engine) feedMonitors(s *Session, cmd *command.Command, argv [][]byte) {
	if cmd.Flags&(command.SkipMonitor|command.Admin) != 0 || e.loading != nil {
		return
	}
	addr := ""
	switch {
	case s.conn != nil:
		addr = s.conn.RemoteAddr()
	case s == e.scripting.session:
		addr = "lua"
	}
	micros := e.startedAt.Add(e.sinceStart()).UnixMicro()
	line := fmt.Appendf(nil, "+%d.%06d [%d %s]", micros/1e6, micros%1e6, s.index, addr)
	for i, arg := range argv {
		line = append(line, ' ')
		if secret(cmd, argv, i) {
			line = append(line, `"(redacted)"`...)
			continue
		}
		line = appendQuoted(line, arg)
	}
	line = append(line, "\r\n"...)
	for _, m := range e.monitors {
		m.reply.Raw(line)
		if m != s {
			m.push()
		}
	}
}

// appendQuoted writes bytes as Redis's logs do, in double quotes.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\a':
			dst = append(dst, `\a`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c < ' ' || c > '~':
			dst = append(dst, `\x`...)
			if c < 0x10 {
				dst = append(dst, '0')
			}
			dst = strconv.AppendUint(dst, uint64(c), 16)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
