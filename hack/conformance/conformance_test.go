// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"
)

const output = "Starting test server at port 21111\n" +
	"[\x1b[32mok\x1b[0m]: LPUSH, RPUSH (small (or not)) (12 ms)\n" +
	"[err]: SORT by something in tests/unit/x.tcl\nExpected 1\n" +
	"[ignore]: large memory flag not provided\n"

func TestJudge(t *testing.T) {
	listed, err := parseExceptions("# c\nunit/x: SORT by something\n  forks\n  a child\nskip unit/x: hangs\n  waits for ever\n")
	if err != nil {
		t.Fatal(err)
	}
	if e := listed["unit/x"][0]; e.reason != "forks a child" || e.skip {
		t.Errorf("read %+v", e)
	}
	if got := listed.skipped("unit/x"); !slices.Equal(got, []string{"hangs"}) {
		t.Errorf("skips %q", got)
	}
	done := output + "[1/1 done]: unit/x (1 seconds)\n"
	for _, c := range []struct {
		what, file, output string
		listed             exceptions
		want               []string
	}{
		{"as listed", "unit/x", done, listed, nil},
		{"a failure that is not listed", "unit/x", done, nil, []string{"unit/x: failed: SORT by something"}},
		{"cut short", "unit/x", output, listed, []string{"unit/x: it did not run to its end"}},
		{"an exception", "unit/x", output + "[exception]: Executing test client: boom\n", listed, []string{"unit/x: [exception]: Executing test client: boom"}},
		{"nothing", "unit/x", "[1/1 done]: unit/x (1 seconds)\n", nil, []string{"unit/x: no test was run"}},
		{"listed and passing", "unit/x", done, exceptions{"unit/x": {{name: "SORT by something"}, {name: "LPUSH, RPUSH (small (or not))"}}},
			[]string{"unit/x: passes and is excepted: LPUSH, RPUSH (small (or not))"}},
		{"listed and gone", "unit/x", done, exceptions{"unit/x": {{name: "SORT by something"}, {name: "gone"}}},
			[]string{"unit/x: is excepted and was not run: gone"}},
	} {
		got := judge(c.file, read(strings.NewReader(c.output), c.file), c.listed, nil)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestExceptionsHaveReasons(t *testing.T) {
	if _, err := parseExceptions(exceptionsText); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"  a reason\n", "no colon\n", "unit/x: a test\n"} {
		if _, err := parseExceptions(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
