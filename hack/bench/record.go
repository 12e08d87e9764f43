// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// recordSize makes five million keys about a gigabyte, by redis-server's account.
const recordSize = 150

// record is the value of a key as an application keeps it: a few fields with
// names, which compress, and a token, which does not. Its size is recordSize.
func record(dst []byte, i int) []byte {
	const mix = 0x9E3779B97F4A7C15
	a := uint64(i+1) * mix
	b := (a ^ a>>29) * 0xBF58476D1CE4E5B9
	c := (b ^ b>>32) * 0x94D049BB133111EB
	return fmt.Appendf(dst, `{"id":%012d,"state":"active","token":"%016x%016x%016x","owner":"user-%012d","visits":%017d}`,
		i, a, b^b>>27, c^c>>31, i/7, i%1_000_000)
}
