// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import "strconv"

// replidSize is the length of a replication id.
const replidSize = 40

// aux reads a field of the header, passes it on and keeps it in the summary.
func (l *loader) aux() error {
	name, err := l.in.text(nil, "the name of an auxiliary field")
	if err != nil {
		return err
	}
	at := l.in.offset()
	value, err := l.in.text(nil, "the value of an auxiliary field")
	if err != nil {
		return err
	}
	if !l.sum.Header.set(string(name), string(value)) {
		return l.in.failAt(at, nil, "a number as the value of the auxiliary field %s, not %q", name, clip(string(value)))
	}
	if err := l.h.Aux(string(name), string(value)); err != nil {
		return l.handlerFailed(err)
	}
	return nil
}

// set keeps a field; it returns false for a value that isn't one of that
// field. An unknown field, and a replication id of a wrong length, mean
// nothing, as in Redis.
func (h *Header) set(name, value string) (ok bool) {
	var err error
	switch name {
	case "redis-ver":
		h.RedisVersion = value
	case "ctime":
		h.CreatedAt, err = strconv.ParseInt(value, 10, 64)
	case "used-mem":
		h.UsedMemory, err = strconv.ParseUint(value, 10, 64)
	case "aof-base", "aof-preamble":
		h.AOFBase = value == "1"
	case "repl-stream-db":
		h.replication().StreamDB, err = strconv.Atoi(value)
	case "repl-id":
		if len(value) == replidSize {
			h.replication().ID = value
		}
	case "repl-offset":
		h.replication().Offset, err = strconv.ParseInt(value, 10, 64)
	case "redis-bits":
	default:
		h.Extra = append(h.Extra, Aux{name, value})
	}
	return err == nil
}

func (h *Header) replication() *Replication {
	if h.Replication == nil {
		h.Replication = &Replication{}
	}
	return h.Replication
}

// The parts of what a module keeps beside the keys.
const (
	modulePartEOF    = 0
	modulePartSint   = 1
	modulePartUint   = 2
	modulePartFloat  = 3
	modulePartDouble = 4
	modulePartString = 5
)

// skipModuleAux skips what a module keeps beside the keys; Redis does so too
// when it doesn't have the module.
func (in *input) skipModuleAux() error {
	if _, err := in.count("the id of a module"); err != nil {
		return err
	}
	var text []byte
	for {
		at := in.offset()
		part, err := in.count("a part of a module's data")
		if err != nil {
			return err
		}
		switch part {
		case modulePartEOF:
			return nil
		case modulePartSint, modulePartUint:
			_, err = in.count("a number of a module")
		case modulePartFloat:
			_, err = in.next(4, "a number of a module")
		case modulePartDouble:
			_, err = in.next(8, "a number of a module")
		case modulePartString:
			text, err = in.text(text[:0], "a text of a module")
		default:
			err = in.failAt(at, nil, "a part of a module's data, not one of kind %d", part)
		}
		if err != nil {
			return err
		}
	}
}
