// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package script runs the Lua of EVAL and of functions. It knows Lua and the
// conversions between its values and replies; what a script reaches outside of
// itself it asks of a Host, which is the engine.
//
// Invariants:
//   - An Interpreter is one Lua state. It runs one script at a time, in the
//     goroutine that calls it; nothing in it is safe for concurrent use.
//   - A script reaches the Host and the tables it made. What it shares with the
//     scripts after it, the globals and the libraries, it can't change: a shared
//     table is shown through a guard (sandbox.go).
//   - Numbers become text as C's printf makes it (number.go), also where the
//     machine underneath would do otherwise: the parsed program is rewritten for
//     that (rewrite.go).
//   - The Host is asked every few thousand instructions whether the script may go
//     on (watch.go). No single call allocates more than maxString.
//
// The language and the limits are those of Lua 5.1 as Redis 7.0 has it: see
// https://redis.io/docs/manual/programmability/lua-api/.
//
// Start reading at Interpreter.
package script
