// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

// Library is a set of functions that FUNCTION LOAD made of one source.
type Library struct{}
