// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "runtime"

// courtesyBytes take about a tenth of a millisecond to be encoded or loaded.
const courtesyBytes = 16 << 10

// courtesy lets others run while a goroutine works through a data set. Where
// there is a single processor, a loop that has become ready would else wait for
// the runtime's own time slice, 10 ms, or for the next wait for the lock.
type courtesy struct{ bytes int }

// worked counts what was encoded or loaded since the last call.
func (c *courtesy) worked(bytes int) {
	const item = 64 // for what is not counted in bytes
	if c.bytes += item + bytes; c.bytes >= courtesyBytes {
		c.bytes = 0
		runtime.Gosched()
	}
}
