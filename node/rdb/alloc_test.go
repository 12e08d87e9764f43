// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestLoadingStringsAllocatesNothing: not for each key, compressed or not.
func TestLoadingStringsAllocatesNothing(t *testing.T) {
	const keys = 1000
	var items []Item
	for i := range keys {
		items = append(items, item(0, fmt.Sprintf("key:%012d", i), strings.Repeat("compress me ", 10)), item(0, fmt.Sprint("number ", i), fmt.Sprint(i)))
	}
	dump := written(t, WriterOptions{Compress: true, Checksum: true}, Header{}, items...)
	allocations := testing.AllocsPerRun(5, func() {
		if _, err := Load(bytes.NewReader(dump), new(counter), LoadOptions{}); err != nil {
			t.Error(err)
		}
	})
	if allocations > keys/10 {
		t.Errorf("%.0f allocations for %d keys", allocations, 2*keys)
	}
}
