// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// row is one figure of both servers, measured in pairs.
type row struct {
	name, unit  string
	digits      int // behind the point
	node, redis []float64
	aim         float64 // for the ratio node/redis; 0 for none
	atLeast     bool    // the aim is a lower bound, not an upper one
	limit       float64 // for the node's own figure, from above; 0 for none
}

func (r *row) add(node, redis float64) {
	r.node, r.redis = append(r.node, node), append(r.redis, redis)
}

// ratios are node/redis, pair by pair.
func (r *row) ratios() []float64 {
	all := make([]float64, len(r.node))
	for i := range all {
		all[i] = r.node[i] / r.redis[i]
	}
	return all
}

func (r *row) verdict() string {
	ratio := median(r.ratios())
	switch {
	case r.limit != 0:
		return fmt.Sprintf("≤ %.*f  %s", r.digits, r.limit, met(median(r.node) <= r.limit))
	case r.aim == 0:
		return ""
	case r.atLeast:
		return fmt.Sprintf("≥ %.2f×  %s", r.aim, met(ratio >= r.aim))
	}
	return fmt.Sprintf("≤ %.2f×  %s", r.aim, met(ratio <= r.aim))
}

func met(yes bool) string {
	if yes {
		return "met"
	}
	return "MISSED"
}

// median is the middle one, or the mean of the two in the middle; values must
// not be empty.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// table is the result.
type table struct{ rows []row }

func (t *table) print(w io.Writer) {
	name, unit := 0, 0
	for i := range t.rows {
		name, unit = max(name, utf8.RuneCountInString(t.rows[i].name)), max(unit, utf8.RuneCountInString(t.rows[i].unit))
	}
	format := fmt.Sprintf("%%-%ds %%-%ds %%9s %%13s   %%-20s %%s\n", name, unit)
	fmt.Fprintf(w, "\n"+format, "", "", "node", "redis-server", "ratio (min–max)", "aim")
	for i := range t.rows {
		r := &t.rows[i]
		number := func(v float64) string { return fmt.Sprintf("%.*f", r.digits, v) }
		ratios := r.ratios()
		ratio := fmt.Sprintf("%.2f× (%.2f–%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
		if len(ratios) == 1 {
			ratio = fmt.Sprintf("%.2f×", ratios[0])
		}
		line := fmt.Sprintf(format, r.name, r.unit, number(median(r.node)), number(median(r.redis)), ratio, r.verdict())
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	fmt.Fprintln(w, "\nMedians; each ratio is of two measurements that followed each other.")
}
