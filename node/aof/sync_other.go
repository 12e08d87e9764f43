// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package aof

import "os"

func dataSync(f *os.File) error { return f.Sync() }
