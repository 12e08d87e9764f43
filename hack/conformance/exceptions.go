// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// exception is a test that the node is not meant to pass.
type exception struct {
	name   string
	reason string
	skip   bool // it would hang, or take the file down with it: it is not run
}

// exceptions by file.
type exceptions map[string][]exception

// parseExceptions reads exceptions.txt: blocks of lines, of which the first is
// "file: name" or "skip file: name" and the others, indented, are the reason.
func parseExceptions(text string) (exceptions, error) {
	listed := exceptions{}
	file := ""
	for n, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case line[0] == ' ' || line[0] == '\t':
			if file == "" {
				return nil, fmt.Errorf("exceptions.txt:%d: a reason without a test", n+1)
			}
			e := &listed[file][len(listed[file])-1]
			e.reason = strings.TrimSpace(e.reason + " " + strings.TrimSpace(line))
		default:
			line, skip := strings.CutPrefix(line, "skip ")
			at, name, ok := strings.Cut(line, ": ")
			if !ok {
				return nil, fmt.Errorf("exceptions.txt:%d: want \"file: name of the test\", got %q", n+1, line)
			}
			file = at
			listed[file] = append(listed[file], exception{name: name, skip: skip})
		}
	}
	for file, all := range listed {
		for _, e := range all {
			if e.reason == "" {
				return nil, fmt.Errorf("exceptions.txt: %s: %s has no reason", file, e.name)
			}
		}
	}
	return listed, nil
}

func (x exceptions) has(file, name string) bool {
	for _, e := range x[file] {
		if e.name == name {
			return true
		}
	}
	return false
}

// skipped are the names of the tests of a file that are not run.
func (x exceptions) skipped(file string) []string {
	var names []string
	for _, e := range x[file] {
		if e.skip {
			names = append(names, e.name)
		}
	}
	return names
}
