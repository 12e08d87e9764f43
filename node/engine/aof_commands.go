// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"io"
	"slices"
	"strconv"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/config"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/resp"
	"github.com/espalier-io/espalier/node/store"
)

// itemWriter writes a snapshot in one of its forms.
type itemWriter interface {
	begin() error
	put(it *store.Item) error
	end() error
}

// dumpWriter writes the dump format.
type dumpWriter struct {
	w      *rdb.Writer
	item   itemEncoder
	header rdb.Header
}

func (w *dumpWriter) begin() error             { return w.w.Header(w.header) }
func (w *dumpWriter) put(it *store.Item) error { return w.w.Item(w.item.convert(it)) }
func (w *dumpWriter) end() error               { return w.w.Close() }

// commandWriter writes the commands that make the data set
// (aof-use-rdb-preamble no), in Redis's words: collections 64 elements at a time.
type commandWriter struct {
	dst      io.Writer
	buf      []byte
	selected int
	args     [][]byte     // of the command being put together
	second   int64        // of the annotation of the time, 0 for none
	position aof.Position // of the data set
}

// newCommandWriter takes from a dump's header what commands can say as well.
func newCommandWriter(dst io.Writer, h *rdb.Header, cfg *config.Values) *commandWriter {
	w := &commandWriter{dst: dst}
	if cfg.AppendOnly.Timestamps {
		w.second = h.CreatedAt
	}
	if r := h.Replication; r != nil {
		local := slices.Contains(h.Extra, rdb.Aux{Name: auxLocal, Value: "1"})
		w.position = aof.Position{Replid: r.ID, Offset: r.Offset, DB: r.StreamDB, Local: local}
	}
	return w
}

const (
	elementsPerCommand = 64
	commandBuffer      = 64 << 10
)

func (w *commandWriter) begin() error {
	w.selected = -1
	if w.second != 0 {
		w.buf = aof.AppendTime(w.buf, w.second)
	}
	return nil
}

func (w *commandWriter) put(it *store.Item) error {
	if it.DB != w.selected {
		w.selected = it.DB
		w.buf = resp.AppendCommand(w.buf, "SELECT", strconv.Itoa(it.DB))
	}
	switch it.Type {
	case store.TypeString:
		w.string(it)
	case store.TypeList:
		w.list(it)
	case store.TypeSet:
		w.group("SADD", it.Key)
		for member := range it.Set().All() {
			w.add("SADD", it.Key, member)
		}
	case store.TypeZSet:
		z := it.ZSet()
		w.group("ZADD", it.Key)
		for member, score := range z.Ascend(0) {
			w.add("ZADD", it.Key, resp.AppendDouble(nil, score), member)
		}
	case store.TypeHash:
		w.group("HMSET", it.Key)
		for field, value := range it.Hash().All() {
			w.add("HMSET", it.Key, field, value)
		}
	}
	w.flushGroup()
	if it.ExpireAt != rdb.NoExpiry {
		w.buf = resp.AppendCommand(w.buf, []byte("PEXPIREAT"), it.Key, strconv.AppendInt(nil, it.ExpireAt, 10))
	}
	if len(w.buf) >= commandBuffer {
		return w.flush()
	}
	return nil
}

func (w *commandWriter) string(it *store.Item) {
	value := it.Value
	if it.Encoding == store.EncInt {
		value = strconv.AppendInt(nil, it.Int, 10)
	}
	w.buf = resp.AppendCommand(w.buf, []byte("SET"), it.Key, value)
}

func (w *commandWriter) list(it *store.Item) {
	w.group("RPUSH", it.Key)
	for element := range it.List().Ascend(0) {
		w.add("RPUSH", it.Key, element)
	}
}

// group begins a command with that name and key.
func (w *commandWriter) group(name string, key []byte) {
	w.args = append(w.args[:0], []byte(name), key)
}

// add adds one element, of one or two parts, and ends the command when it has
// enough of them.
func (w *commandWriter) add(name string, key []byte, parts ...[]byte) {
	for _, p := range parts {
		w.args = append(w.args, append([]byte(nil), p...))
	}
	if (len(w.args)-2)/len(parts) >= elementsPerCommand {
		w.flushGroup()
		w.group(name, key)
	}
}

func (w *commandWriter) flushGroup() {
	if len(w.args) > 2 {
		w.buf = resp.AppendCommand(w.buf, w.args...)
	}
	w.args = w.args[:0]
}

func (w *commandWriter) flush() error {
	_, err := w.dst.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// end says where in the stream the data set stands, behind all of it.
func (w *commandWriter) end() error {
	if w.position.Replid != "" {
		w.buf = aof.AppendPosition(w.buf, w.position, aof.Position{}, nil)
	}
	return w.flush()
}
