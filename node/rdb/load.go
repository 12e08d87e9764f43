// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Handler takes what a dump holds, in its order. An error of its ends the
// loading and is returned by Load, wrapped.
type Handler interface {
	// Aux is a field of the header.
	Aux(name, value string) error
	// Resize tells how many keys of a database follow, and how many of them
	// expire. It is a hint that nobody has checked: bound what you make of it.
	Resize(db int, keys, expires uint64) error
	// Item is a key. It, and what it points to, is valid until Item returns.
	Item(it *Item) error
}

// LoadOptions say how a dump is read; the zero value is the usual way.
type LoadOptions struct {
	// SkipChecksum accepts a dump whose checksum is wrong.
	SkipChecksum bool
	// Progress, if not nil, is called about every ProgressEvery bytes (2 MiB
	// if zero) with the number of bytes read.
	Progress      func(read int64)
	ProgressEvery int64
}

const defaultProgress = 2 << 20

// Summary is what Load has found.
type Summary struct {
	Version int
	Valkey  bool // Version counts Valkey's own
	Header  Header
	Keys    int64 // handed on
	// EmptyKeys had no elements and were passed over, as Redis does; the first
	// ten of them are named.
	EmptyKeys  int64
	FirstEmpty []string
	Size       int64 // bytes of the dump
	// Rest are bytes behind the dump that were read from the source already:
	// the stream that follows goes on with them.
	Rest []byte
}

// ErrChecksum is a dump that is whole but damaged.
var ErrChecksum = errors.New("RDB CRC error")

// Load reads one dump from r, up to its end and no further in meaning, though
// up to 64 KiB further in bytes (Summary.Rest); a caller that must not have
// that bounds r. A dump counts only if Load returns nil: until then the
// handler has seen parts of something that may be worth nothing.
//
// Errors: *FormatError where the dump is damaged, cut off or can't be read,
// *UnsupportedError for a value that the node can't keep, ErrChecksum, and
// those of the handler.
func Load(r io.Reader, h Handler, opts LoadOptions) (Summary, error) {
	in := newInput(r, inputSize)
	in.progress, in.progressStep = opts.Progress, opts.ProgressEvery
	if in.progressStep <= 0 {
		in.progressStep = defaultProgress
	}
	l := &loader{in: in, h: h, value: newValue(in)}
	err := l.run(opts.SkipChecksum)
	l.sum.Size = in.offset()
	if err == nil {
		l.sum.Rest = append([]byte(nil), in.buf[in.pos:in.end]...)
	}
	return l.sum, err
}

// loader is a dump being read.
type loader struct {
	in   *input
	h    Handler
	sum  Summary
	db   int
	item Item

	value *value
}

func (l *loader) run(skipChecksum bool) error {
	if err := l.magic(); err != nil {
		return err
	}
	l.resetItem()
	for {
		at := l.in.offset()
		op, err := l.in.byte("an opcode or the type of a key")
		if err != nil {
			return err
		}
		if op == opEOF {
			return l.end(skipChecksum)
		}
		if op >= opSlotImport {
			err = l.operation(at, op)
		} else {
			err = l.key(at, code(op))
		}
		if err != nil {
			return err
		}
	}
}

func (l *loader) magic() error {
	p, err := l.in.next(magicSize, "the magic REDIS and a version")
	if err != nil {
		return err
	}
	magic, oldest, newest := magicRedis, oldestVersion, newestVersion
	if strings.HasPrefix(string(p), magicValkey) {
		magic, oldest, newest = magicValkey, valkeyVersion, valkeyVersion
		l.sum.Valkey = true
	}
	digits, ok := strings.CutPrefix(string(p), magic)
	version, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil {
		return l.in.failAt(0, nil, "the magic REDIS and a version, not %q", p)
	}
	l.sum.Version = int(version)
	if l.sum.Version < oldest || l.sum.Version > newest {
		return l.in.failAt(int64(len(magic)), nil, "an RDB version from %d to %d, not %d", oldest, newest, version)
	}
	return nil
}

func (l *loader) end(skipChecksum bool) error {
	if !l.sum.Valkey && l.sum.Version < checksumVersion {
		return nil
	}
	computed := l.in.checksum()
	at := l.in.offset()
	p, err := l.in.next(8, "the checksum")
	if err != nil {
		return err
	}
	stored := binary.LittleEndian.Uint64(p)
	if stored != 0 && stored != computed && !skipChecksum {
		return fmt.Errorf("rdb: offset %d: %w: the dump says %016x, its bytes give %016x", at, ErrChecksum, stored, computed)
	}
	return nil
}

// operation does one opcode other than EOF.
func (l *loader) operation(at int64, op byte) (err error) {
	switch op {
	case opSelectDB:
		return l.selectDB()
	case opResizeDB:
		return l.resizeDB()
	case opAux:
		return l.aux()
	case opExpireTime, opExpireTimeMS:
		l.item.ExpireAt, err = l.expiry(op)
		return err
	case opFreq:
		frequency, err := l.in.byte("an access frequency")
		l.item.Usage = Usage{UsageFrequency, uint64(frequency)}
		return err
	case opIdle:
		idle, err := l.in.count("an idle time")
		l.item.Usage = Usage{UsageIdle, idle}
		return err
	case opModuleAux:
		return l.in.skipModuleAux()
	case opSlotInfo:
		return l.skipSlotInfo()
	case opFunction2:
		return l.function(at)
	case opFunctionPreGA:
		return fmt.Errorf("rdb: offset %d: the dump holds a function library in the format of a preview of Redis 7.0, which this node can't keep", at)
	}
	return fmt.Errorf("rdb: offset %d: the dump holds the slots of a cluster in migration, which this node can't keep", at)
}

func (l *loader) selectDB() error {
	at := l.in.offset()
	db, err := l.in.count("the number of a database")
	if err != nil {
		return err
	}
	if db > math.MaxInt32 {
		return l.in.failAt(at, nil, "the number of a database, not %d", db)
	}
	l.db = int(db)
	return nil
}

func (l *loader) resizeDB() error {
	keys, err := l.in.count("a number of keys")
	if err != nil {
		return err
	}
	expires, err := l.in.count("a number of expiring keys")
	if err != nil {
		return err
	}
	if err := l.h.Resize(l.db, keys, expires); err != nil {
		return l.handlerFailed(err)
	}
	return nil
}

func (l *loader) expiry(op byte) (int64, error) {
	if op == opExpireTime {
		p, err := l.in.next(4, "a time of expiry")
		if err != nil {
			return 0, err
		}
		return int64(int32(binary.LittleEndian.Uint32(p))) * 1000, nil
	}
	p, err := l.in.next(8, "a time of expiry")
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint64(p)), nil
}

func (l *loader) skipSlotInfo() error {
	for range 3 { // slot, keys, expiring keys
		if _, err := l.in.count("what a slot holds"); err != nil {
			return err
		}
	}
	return nil
}

// function refuses a library by name: the node can't run functions, and to
// drop them would lose data when it is promoted.
func (l *loader) function(at int64) error {
	source, err := l.in.text(nil, "the source of a function library")
	if err != nil {
		return err
	}
	name := "without a name"
	shebang, _, _ := strings.Cut(string(source), "\n")
	for _, word := range strings.Fields(shebang) {
		if n, ok := strings.CutPrefix(word, "name="); ok {
			name = strconv.Quote(clip(n))
		}
	}
	return fmt.Errorf("rdb: offset %d: the dump holds the function library %s, which this node can't keep yet", at, name)
}

// key reads a key with its value and passes it on with what was said before
// it.
func (l *loader) key(at int64, c code) (err error) {
	it := &l.item
	it.DB = l.db
	if it.Key, err = l.in.text(it.Key[:0], "a key"); err != nil {
		return err
	}
	if readers[c] == nil {
		return &UnsupportedError{Offset: at, DB: l.db, Key: string(it.Key), Code: uint8(c), Valkey: l.sum.Valkey}
	}
	switch err := l.value.read(c, it); {
	case errors.Is(err, errNoElements):
		l.passOver(it.Key)
	case err != nil:
		return l.inKey(err)
	default:
		refused := l.h.Item(it)
		if l.value.err != nil { // the handler may have refused what is half
			return l.inKey(l.value.err)
		}
		if refused != nil {
			return l.handlerFailed(refused)
		}
		if err := l.value.drain(); err != nil {
			return l.inKey(err)
		}
		l.sum.Keys++
	}
	l.resetItem()
	return nil
}

// passOver leaves out a key without elements.
func (l *loader) passOver(key []byte) {
	const named = 10
	if l.sum.EmptyKeys++; l.sum.EmptyKeys <= named {
		l.sum.FirstEmpty = append(l.sum.FirstEmpty, string(key))
	}
}

func (l *loader) inKey(err error) error {
	return fmt.Errorf("%w (key %q of database %d)", err, clip(string(l.item.Key)), l.db)
}

func (l *loader) handlerFailed(err error) error {
	return fmt.Errorf("rdb: offset %d: %w", l.in.offset(), err)
}

// resetItem makes the item ready for the next key, in the same memory.
func (l *loader) resetItem() {
	it := &l.item
	if cap(it.Key) > keepBuffer {
		it.Key = nil
	}
	if cap(it.String) > keepBuffer {
		it.String = nil
	}
	*it = Item{Key: it.Key, String: it.String[:0], ExpireAt: NoExpiry}
	l.value.forget()
}
