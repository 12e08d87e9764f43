// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

// Reliever is a Conn whose owner serves other connections too. A request that
// takes very long can let somebody else do that meanwhile.
type Reliever interface {
	// Relieve is called within Execute, by the goroutine that runs it. From then on
	// another goroutine serves the owner's connections, but for those with requests
	// in the same batch. It gets to execute something whenever the caller gives the
	// execution lock away.
	//
	// The caller calls end, without the execution lock, before Execute returns.
	Relieve() (end func())
}
