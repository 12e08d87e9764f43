// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReasons holds the API's reasons against the planner's, which imports
// nothing and so has its own: whoever reads a condition finds every word here.
func TestReasons(t *testing.T) {
	declared, planned := reasons(t, "conditions.go"), reasons(t, "../../controllers/topology/report.go")
	if diff := cmp.Diff(planned, declared); diff != "" {
		t.Errorf("reasons of the planner (-) and of the API (+):\n%s", diff)
	}
	if len(declared) < 30 {
		t.Errorf("only %d reasons were found", len(declared))
	}
}

// reasons are the constants Reason… of a file and their values.
func reasons(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, declaration := range file.Decls {
		constants, ok := declaration.(*ast.GenDecl)
		if !ok || constants.Tok != token.CONST {
			continue
		}
		for _, spec := range constants.Specs {
			value := spec.(*ast.ValueSpec)
			literal, ok := value.Values[0].(*ast.BasicLit)
			if name := value.Names[0].Name; ok && strings.HasPrefix(name, "Reason") {
				found[name] = strings.Trim(literal.Value, `"`)
			}
		}
	}
	return found
}
