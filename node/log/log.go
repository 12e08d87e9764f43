// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package log writes the node's log in Redis's form, which its users, the
// conformance suite and monitoring tools read:
//
//	4242:M 21 Nov 2026 10:15:04.217 * Ready to accept connections
//
// that is process id, role (M master, S replica, C child or starting, X
// sentinel), time, level sign and text.
package log

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Level is the weight of a line; the names are the directive loglevel's.
type Level int32

// The levels, lightest first.
const (
	Debug Level = iota
	Verbose
	Notice
	Warning
)

const signs = ".-*#"

// Logger writes lines of at least its level. All methods may be called from
// any goroutine. The zero Logger is not usable; see New.
type Logger struct {
	mu    sync.Mutex
	out   io.Writer
	buf   []byte
	pid   int
	level atomic.Int32
	role  atomic.Int32
	now   func() time.Time
}

// New writes to out. now gives the time of a line.
func New(out io.Writer, now func() time.Time) *Logger {
	l := &Logger{out: out, pid: os.Getpid(), now: now}
	l.level.Store(int32(Notice))
	l.role.Store('C')
	return l
}

// SetLevel drops lines lighter than level from now on.
func (l *Logger) SetLevel(level Level) { l.level.Store(int32(level)) }

// SetRole sets the letter behind the process id: 'M', 'S' or 'C'.
func (l *Logger) SetRole(role byte) { l.role.Store(int32(role)) }

// SetOutput redirects what follows (directive logfile).
func (l *Logger) SetOutput(out io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = out
}

// Enabled tells whether a line of this level would be written.
func (l *Logger) Enabled(level Level) bool { return int32(level) >= l.level.Load() }

// Debugf writes a line for developers.
func (l *Logger) Debugf(format string, args ...any) { l.printf(Debug, format, args) }

// Verbosef writes a line that is rarely useful.
func (l *Logger) Verbosef(format string, args ...any) { l.printf(Verbose, format, args) }

// Noticef writes a line that a production log wants.
func (l *Logger) Noticef(format string, args ...any) { l.printf(Notice, format, args) }

// Warningf writes a line that somebody should act on, or that tells a turning
// point of the process.
func (l *Logger) Warningf(format string, args ...any) { l.printf(Warning, format, args) }

func (l *Logger) printf(level Level, format string, args []any) {
	if !l.Enabled(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = fmt.Appendf(l.buf[:0], "%d:%c %s %c ", l.pid, l.role.Load(),
		l.now().Format("02 Jan 2006 15:04:05.000"), signs[level])
	l.buf = fmt.Appendf(l.buf, format, args...)
	l.buf = append(l.buf, '\n')
	l.out.Write(l.buf) // there is nowhere to report that the log cannot be written
}
