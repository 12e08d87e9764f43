// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/espalier-io/espalier/node/repl"
)

// dataset is what a node holds: keys with the hashes of their values, and sum,
// the running hash of every command that changed any of them.
type dataset struct {
	keys map[string]uint64
	sum  uint64
}

func newDataset() dataset { return dataset{keys: make(map[string]uint64)} }

func (d *dataset) clone() dataset { return dataset{keys: maps.Clone(d.keys), sum: d.sum} }

func (d *dataset) equal(o *dataset) bool { return d.sum == o.sum && maps.Equal(d.keys, o.keys) }

// apply executes a command: SET key value, or FLUSHALL. Others change nothing.
func (d *dataset) apply(db int, argv [][]byte) {
	switch {
	case len(argv) == 3 && string(argv[0]) == "SET":
		d.keys[string(rune('0'+db))+string(argv[1])] = hashed(0, argv[2])
	case len(argv) == 1 && string(argv[0]) == "FLUSHALL":
		clear(d.keys)
	default:
		return
	}
	d.sum = hashed(d.sum, []byte{byte(db)})
	for _, word := range argv {
		d.sum = hashed(d.sum, word)
	}
}

// hashed goes on with an FNV-1a hash; the length of p goes in as well.
func hashed(h uint64, p []byte) uint64 {
	h = (h ^ uint64(len(p)) ^ 14695981039346656037) * 1099511628211
	for _, b := range p {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// dump is a data set as it is written to a disk or a replica, with its
// position; a zero position says that it has none.
type dump struct {
	at      repl.Position
	db      int
	tainted bool
	data    dataset
}

const dumpMagic = "SIMDUMP1"

// encode writes a dump with a filling of so many bytes, so that it takes its
// time on a link, and a checksum.
func (d *dump) encode(filling int) []byte {
	b := append([]byte(dumpMagic), byte(len(d.at.Replid)))
	b = append(b, d.at.Replid...)
	b = binary.BigEndian.AppendUint64(b, uint64(d.at.Offset))
	b = append(b, byte(d.db), 0)
	if d.tainted {
		b[len(b)-1] = 1
	}
	b = binary.BigEndian.AppendUint64(b, d.data.sum)
	b = binary.BigEndian.AppendUint32(b, uint32(len(d.data.keys)))
	for _, key := range slices.Sorted(maps.Keys(d.data.keys)) {
		b = append(append(b, byte(len(key))), key...)
		b = binary.BigEndian.AppendUint64(b, d.data.keys[key])
	}
	b = append(b, make([]byte, filling)...)
	return binary.BigEndian.AppendUint64(b, hashed(0, b))
}

var errDump = errors.New("wrong checksum or format")

// decodeDump reads a dump and verifies it.
func decodeDump(b []byte) (d dump, err error) {
	end := len(b) - 8
	if end < len(dumpMagic) || hashed(0, b[:end]) != binary.BigEndian.Uint64(b[end:]) ||
		string(b[:len(dumpMagic)]) != dumpMagic {
		return d, errDump
	}
	// What has the checksum was written by encode.
	b = b[len(dumpMagic):end]
	take := func(n int) []byte {
		piece := b[:n]
		b = b[n:]
		return piece
	}
	d.at.Replid = string(take(int(take(1)[0])))
	d.at.Offset = int64(binary.BigEndian.Uint64(take(8)))
	d.db = int(take(1)[0])
	d.tainted = take(1)[0] == 1
	d.data = newDataset()
	d.data.sum = binary.BigEndian.Uint64(take(8))
	for range binary.BigEndian.Uint32(take(4)) {
		key := string(take(int(take(1)[0])))
		d.data.keys[key] = binary.BigEndian.Uint64(take(8))
	}
	return d, nil
}
