// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestEffectsAreReal: a directive that is not on the list of those without
// effect has a field, and something in the node reads it. The table's own
// accessors don't count.
func TestEffectsAreReal(t *testing.T) {
	read := map[string]bool{}
	for _, root := range []string{"..", "../../cmd/node"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			accessor := path == "../config/table.go" || path == "../config/special.go"
			if err != nil || accessor || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if selector, ok := n.(*ast.SelectorExpr); ok {
					read[selector.Sel.Name] = true
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Values]()) {
		if field.IsExported() && !read[field.Name] {
			t.Errorf("nothing reads %s: its directive has no effect and belongs to those that say so", field.Name)
		}
	}
}
