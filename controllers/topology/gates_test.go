// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// The document tells the same gates as the code.
func TestGatesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	table := regexp.MustCompile(`(?s)\| Gate \|.*?\n\n`).FindString(string(text))
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		told = append(told, row[1])
	}
	var real []string
	for _, list := range [][]gate{electionGates, restartGates, releaseGates, moveGates, removalGates} {
		for _, g := range list {
			if !slices.Contains(real, g.name) {
				real = append(real, g.name)
			}
		}
	}
	slices.Sort(told)
	slices.Sort(real)
	if !slices.Equal(told, real) {
		t.Errorf("DESIGN.md tells %v, the code has %v", told, real)
	}
}
