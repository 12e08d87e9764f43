// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
)

// memoryFigures is what the process takes, in bytes.
type memoryFigures struct {
	used     uint64 // data set and Go heap
	dataset  uint64
	overhead uint64 // used and not the data set
	startup  uint64
	peak     uint64
	rss      uint64
	system   uint64 // memory of the machine
	backlog  uint64
}

func (m *memoryFigures) fragmentation() float64 { return float64(m.rss) / float64(max(1, m.used)) }

// memoryWatch remembers what has to be sampled.
type memoryWatch struct {
	startup, peak uint64
	limit         uint64 // of the container, 0 for none
}

// LimitMemory tells the engine how many bytes the process may have: the Go heap
// is kept to what the data set, which lies outside of it, leaves. Called before
// Start.
func (e *Engine) LimitMemory(bytes uint64) {
	e.memory.limit = bytes
	e.limitHeap()
}

// limitHeap is called every second, as the data set grows and shrinks. The
// heap's limit only makes the collector work harder, so it never goes below
// what the heap needs anyway.
func (e *Engine) limitHeap() {
	const least = 32 << 20
	if e.memory.limit == 0 || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	left := int64(e.memory.limit) - int64(e.memory.limit/16) - int64(e.store.Memory().Mapped)
	debug.SetMemoryLimit(max(left, least))
}

const heapObjects = "/memory/classes/heap/objects:bytes"

// heapBytes is what live and not yet swept objects take of the Go heap. It
// stops nothing.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: heapObjects}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func (e *Engine) usedMemory() uint64 { return uint64(e.store.UsedMemory()) + heapBytes() }

// sampleMemory keeps the peak.
func (e *Engine) sampleMemory() { e.memory.peak = max(e.memory.peak, e.usedMemory()) }

func (e *Engine) memoryFigures() memoryFigures {
	m := memoryFigures{
		used: e.usedMemory(), dataset: uint64(e.store.UsedMemory()), startup: e.memory.startup,
		rss: residentBytes(), system: systemMemory(), backlog: uint64(e.replication.backlogMemory()),
	}
	e.memory.peak = max(e.memory.peak, m.used)
	m.peak = e.memory.peak
	m.overhead = m.used - m.dataset
	return m
}

// residentBytes is the process's resident memory, 0 where the system does not
// tell.
func residentBytes() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// systemMemory is the machine's memory, 0 where the system does not tell.
func systemMemory() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == "MemTotal:" {
			kib, err := strconv.ParseUint(string(fields[1]), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
