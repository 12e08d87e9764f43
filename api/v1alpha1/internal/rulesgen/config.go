// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/espalier-io/espalier/api/v1alpha1/directives"
)

// writeConfig writes type Config with a rule per hint of the owned directives,
// one per pair of spellings, one per kind of value, and one for what is on no
// list.
func writeConfig(b *bytes.Buffer) {
	b.WriteString(`
// ConfigValue is the argument text of a directive: plain words, no quotes, no
// line breaks, so that it can be nothing but arguments.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:Pattern=` + "`^[^\\x00-\\x1f\\x7f\"'\\\\]*$`" + `
type ConfigValue string

// Config holds redis.conf directives, name to value. Which ones, and why not
// the others, is told by package directives.
//
// +kubebuilder:validation:MaxProperties=64
`)
	var anyOwned []string
	for _, hint := range hints() {
		owned := ownedWith(hint)
		anyOwned = append(anyOwned, owned)
		refuse(b, owned, strings.TrimSuffix(" is owned by the operator: "+hint, ": "))
	}
	for _, old := range slices.Sorted(maps.Keys(directives.Spellings)) {
		current := directives.Spellings[old]
		rule(b, fmt.Sprintf("!('%s' in self && '%s' in self)", old, current), "",
			fmt.Sprintf("config directives %q and %q are the same one: keep one spelling", old, current))
	}
	ofKind := namesByKind()
	for _, kind := range slices.SortedFunc(maps.Keys(ofKind), func(a, b directives.Kind) int { return strings.Compare(a.Words, b.Words) }) {
		wrong := fmt.Sprintf("k in self && !self[k].matches('^(%s)$')", kind.Pattern)
		names := list(ofKind[kind])
		rule(b, fmt.Sprintf("!%s.exists(k, %s)", names, wrong),
			fmt.Sprintf(`'config directive "' + %s.filter(k, %s)[0] + '" needs %s'`, names, wrong, kind.Words),
			"a config directive needs "+kind.Words)
	}
	known := list(slices.Concat(slices.Collect(maps.Keys(directives.Permitted)), slices.Collect(maps.Keys(directives.Spellings))))
	refuse(b, fmt.Sprintf("!(k in %s || %s)", known, strings.Join(anyOwned, " || ")), " is unknown, or without effect on a node")
	b.WriteString("type Config map[string]ConfigValue\n")
}

// refuse writes the rule that no directive k meets the condition.
func refuse(b *bytes.Buffer, condition, why string) {
	rule(b, fmt.Sprintf("!self.exists(k, %s)", condition),
		fmt.Sprintf(`'config directive "' + self.filter(k, %s)[0] + '"%s'`, condition, why),
		"a config directive"+why)
}

// namesByKind are the permitted directives in every spelling, by their kind.
func namesByKind() map[directives.Kind][]string {
	names := map[directives.Kind][]string{}
	for name, kind := range directives.Permitted {
		names[kind] = append(names[kind], name)
	}
	for old, current := range directives.Spellings {
		kind := directives.Permitted[current]
		names[kind] = append(names[kind], old)
	}
	return names
}

// hints are the distinct hints of the owned directives, sorted.
func hints() []string {
	return slices.Compact(slices.Sorted(maps.Values(directives.Owned)))
}

// ownedWith is a CEL condition on k: an owned directive with that hint.
func ownedWith(hint string) string {
	var names, conditions []string
	for _, name := range slices.Sorted(maps.Keys(directives.Owned)) {
		if directives.Owned[name] != hint {
			continue
		}
		if prefix, isPattern := strings.CutSuffix(name, "*"); isPattern {
			conditions = append(conditions, fmt.Sprintf("k.startsWith('%s')", prefix))
		} else {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		conditions = append([]string{"k in " + list(names)}, conditions...)
	}
	return "(" + strings.Join(conditions, " || ") + ")"
}

// list is a CEL list of strings, sorted.
func list(names []string) string {
	return "['" + strings.Join(slices.Sorted(slices.Values(names)), "','") + "']"
}
