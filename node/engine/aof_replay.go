// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/store"
)

// replaySlice bounds for how long the commands of a file keep the lock.
const replaySlice = time.Millisecond

// commands executes the commands of a file. cut is as content has it.
func (l *appendLoad) commands(f aof.Entry, r *aof.Reader) (cut int64, err error) {
	begun := r.Offset()
	whole := begun // behind the last whole command
	opened := whole
	var positions aof.Tracker
	for end := false; !end; {
		err := l.slice(func(full func() bool) error {
			for !full() {
				rec, err := r.Next()
				if err != nil {
					return err
				}
				at, ok, err := positions.See(rec)
				if err != nil {
					return fmt.Errorf("before offset %d: %w", r.Offset(), err)
				}
				if ok {
					l.at, l.placed, l.known = at, true, true
				}
				if rec.Argv == nil {
					whole = r.Offset()
					continue
				}
				if fold(rec.Argv[0], "MULTI") {
					opened = whole
				}
				if text := l.execute(f, rec.Argv); text != "" {
					return &replayError{text, r.Offset()}
				}
				l.placed = false
				whole = r.Offset()
				if l.delay.delay != 0 {
					return nil
				}
			}
			return nil
		})
		l.report(r.Offset())
		l.delay.afterKey()
		if err == nil {
			continue
		}
		if end, err = l.ended(f, err); err != nil {
			return -1, err
		}
		if !end {
			cut = whole
			return l.unopened(f, cut, opened), nil
		}
	}
	if l.multi {
		return l.unopened(f, opened, opened), nil
	}
	return -1, nil
}

// unopened is where to cut a file that ends within a transaction: before it.
func (l *appendLoad) unopened(f aof.Entry, cut, opened int64) int64 {
	if !l.multi {
		return cut
	}
	l.e.log.Warningf("Revert incomplete MULTI/EXEC transaction in AOF file %s", f.Name)
	l.multi, l.queue = false, nil
	return opened
}

// ended sorts what ended a file: true is its end, false a cut in a command. Any
// other error has been logged.
func (l *appendLoad) ended(f aof.Entry, err error) (atEnd bool, _ error) {
	var format *aof.FormatError
	var replay *replayError
	switch {
	case err == io.EOF:
		return true, nil
	case errors.Is(err, aof.ErrTruncated):
		return false, nil
	case errors.As(err, &format), errors.Is(err, aof.ErrDamaged):
		l.e.log.Warningf("The append only file %s is damaged: %v", f.Name, err)
		l.e.log.Warningf("Bad file format reading the append only file %s: make a backup of your AOF file, "+
			"then use ./redis-check-aof --fix <filename.manifest>", f.Name)
	case errors.As(err, &replay):
		l.e.log.Warningf("%s", replay.text)
	default:
		return false, l.unreadable(f, err)
	}
	return false, fmt.Errorf("reading the append-only file %s: %w", f.Name, err)
}

// replayError is a command that can't be executed: to go on without it would
// make another data set of it.
type replayError struct {
	text   string
	behind int64 // offset of the byte behind the command
}

func (e *replayError) Error() string { return fmt.Sprintf("before offset %d: %s", e.behind, e.text) }

// slice runs do under the lock, with the new data set in the engine's place.
func (l *appendLoad) slice(do func(full func() bool) error) error {
	l.lock()
	defer l.unlock()
	e := l.e
	if !l.locked {
		e.BatchBegin()
	}
	begin, n := time.Now(), 0
	full := func() bool {
		if n++; l.locked || n%64 != 0 {
			return false
		}
		return time.Since(begin) > replaySlice
	}
	var err error
	l.swapped(func() { err = do(full) })
	return err
}

func (l *appendLoad) lock() {
	if !l.locked {
		l.e.Lock()
	}
}

func (l *appendLoad) unlock() {
	if !l.locked {
		l.e.Unlock()
	}
}

// swapped runs do with the new data set in the engine's place. What commands do
// beyond it is undone.
func (l *appendLoad) swapped(do func()) {
	e := l.e
	served, muted, inTx, flushed := e.store, e.aof.muted, e.inTx, e.saving.flushed
	e.store, e.aof.muted, e.inTx, e.aof.loading = l.next, true, true, true
	do()
	e.store, e.aof.muted, e.inTx, e.aof.loading = served, muted, inTx, false
	e.saving.flushed = flushed
}

// execute runs one command of the file, or keeps it for its EXEC. text says why
// it can't.
func (l *appendLoad) execute(f aof.Entry, argv [][]byte) (text string) {
	cmd, refusal := l.e.resolve(argv)
	switch {
	case cmd == nil:
		return fmt.Sprintf("Unknown command '%.128s' reading the append only file %s", argv[0], f.Name)
	case refusal != "":
		return fmt.Sprintf("Can't execute %s of the append only file %s: %s", quoteCommand(argv), f.Name, refusal)
	case cmd.FullName == "replconf":
		return ""
	case cmd.Flags&command.Admin != 0:
		return fmt.Sprintf("Can't execute %s of the append only file %s: it is no change of the data set", quoteCommand(argv), f.Name)
	case fold(argv[0], "MULTI"):
		if l.multi {
			return fmt.Sprintf("A MULTI within a transaction in the append only file %s", f.Name)
		}
		l.multi = true
		return ""
	case fold(argv[0], "EXEC"):
		return l.exec(f)
	case l.multi:
		l.queue = append(l.queue, copyArgs(argv))
		return ""
	}
	return l.run1(f, cmd, argv)
}

func (l *appendLoad) exec(f aof.Entry) (text string) {
	if !l.multi {
		return fmt.Sprintf("An EXEC without MULTI in the append only file %s", f.Name)
	}
	queue := l.queue
	l.multi, l.queue = false, nil
	for _, argv := range queue {
		cmd, _ := l.e.resolve(argv) // it was there before
		if text := l.run1(f, cmd, argv); text != "" {
			return text
		}
	}
	return ""
}

// run1 runs a handler as for a master's command: expiry is ignored, and nothing
// is passed on.
func (l *appendLoad) run1(f aof.Entry, cmd *command.Command, argv [][]byte) (text string) {
	e, s := l.e, l.session
	ctx := &l.ctx
	ctx.Begin(e, argv)
	ctx.Session, ctx.Reply = s, &s.reply
	ctx.Store, ctx.DB, ctx.Index = e.store, s.db, s.index
	ctx.Store.SetMaxValue(store.MostValueBytes)
	ctx.Now, ctx.FromMaster, ctx.Replica, ctx.Local = e.now, true, false, false
	failures := e.stats.errorReplies
	cmd.Handler(ctx)
	if e.stats.errorReplies != failures {
		e.stats.errorReplies = failures
		text = fmt.Sprintf("Can't execute %s of the append only file %s: %s", quoteCommand(argv), f.Name, firstError(s.reply.Buffer()))
	}
	s.reply.Reset()
	return text
}
