// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// maxMembers bounds the tree: its entries and their counts together.
const maxMembers = 64

// writeTree writes type Tree. CEL has no index variable in its macros, so the
// rules walk a literal list of all possible indices.
func writeTree(b *bytes.Buffer) {
	fmt.Fprintf(b, `
// Tree spells a shape out: one root, names used once, parents before children.
// Cycles and self-parents cannot be written in that order.
//
// +listType=atomic
// +kubebuilder:validation:MinItems=1
// +kubebuilder:validation:MaxItems=%d
`, maxMembers)

	root := "!has(self[i].replicaOf)"
	rule(b, "self.exists(m, !has(m.replicaOf))", "", "the tree has no root: one entry must have no replicaOf")
	rule(b, "self.filter(m, !has(m.replicaOf)).size() <= 1",
		fmt.Sprintf(`'the tree has more than one root: %s, %s; every entry but one needs replicaOf'`, name(root, 0), name(root, 1)),
		"the tree has more than one root: every entry but one needs replicaOf")

	twice := "!self.exists_one(n, n.name == self[i].name)"
	rule(b, none(twice),
		fmt.Sprintf(`'the name %s is declared more than once'`, name(twice, 0)),
		"a name is declared more than once")

	// "a-1" beside "a" could be the second member of "a".
	ambiguous := "self[i].name.matches('-[0-9]+$') && self.exists(n, self[i].name.startsWith(n.name + '-') && !self[i].name.substring(n.name.size() + 1).contains('-'))"
	rule(b, none(ambiguous),
		fmt.Sprintf(`'%s looks like a numbered member of another entry: choose another name'`, name(ambiguous, 0)),
		"an entry's name looks like a numbered member of another entry")

	unknown := "has(self[i].replicaOf) && !self.exists(p, p.name == self[i].replicaOf)"
	rule(b, none(unknown),
		fmt.Sprintf(`'%s is a replica of %s, which is not declared'`, name(unknown, 0), field("replicaOf", unknown, 0)),
		"an entry is a replica of one that is not declared")

	early := fmt.Sprintf("has(self[i].replicaOf) && self[i].replicaOf != self[i].name && self.exists(p, p.name == self[i].replicaOf) && !%s.exists(j, j < i && self[j].name == self[i].replicaOf)", indices())
	rule(b, none(early),
		fmt.Sprintf(`'%s stands before its parent %s: declare parents before children'`, name(early, 0), field("replicaOf", early, 0)),
		"an entry stands before its parent: declare parents before children")

	rule(b, fmt.Sprintf("self.map(m, has(m.count) ? m.count : 1).sum() <= %d", maxMembers), "",
		fmt.Sprintf("the tree has more than %d members in all", maxMembers))

	rule(b, "self.all(m, oldSelf.all(o, o.name != m.name || !has(o.persistence) || !has(m.persistence)"+
		" || !has(o.persistence.volume) || !has(m.persistence.volume)"+
		" || (quantity(o.persistence.volume.size).compareTo(quantity(m.persistence.volume.size)) == 0"+
		" && has(o.persistence.volume.storageClassName) == has(m.persistence.volume.storageClassName)"+
		" && (!has(o.persistence.volume.storageClassName) || o.persistence.volume.storageClassName == m.persistence.volume.storageClassName))))",
		"", "size and storageClassName of an entry's volume cannot change: claims are not expanded or moved yet")

	rule(b, "self.all(m, oldSelf.all(o, o.name != m.name || !has(o.persistence) || !has(m.persistence)"+
		" || !has(o.persistence.volume) || !has(m.persistence.volume)"+
		" || (has(o.persistence.volume.reclaim) ? o.persistence.volume.reclaim : 'Retain') == (has(m.persistence.volume.reclaim) ? m.persistence.volume.reclaim : 'Retain')))",
		"", "reclaim of an entry's volume cannot change: the claims that are there would keep the policy that they were made with")
	b.WriteString("type Tree []TreeMember\n")
}

// indices is the list of all indices that a tree can have.
func indices() string {
	list := make([]string, maxMembers)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// none is the rule that no index i meets the condition.
func none(condition string) string {
	return fmt.Sprintf("!%s.exists(i, i < self.size() && %s)", indices(), condition)
}

// name is the quoted name of the n-th entry that meets the condition, as a piece
// of a message expression between two string literals.
func name(condition string, n int) string { return field("name", condition, n) }

func field(name, condition string, n int) string {
	return fmt.Sprintf(`"' + self[%s.filter(i, i < self.size() && %s)[%d]].%s + '"`, indices(), condition, n, name)
}
