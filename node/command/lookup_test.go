// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import "testing"

func TestLookup(t *testing.T) {
	table := NewTable([]Spec{
		{Name: "get"}, {Name: "set"}, {Name: "setrange"}, {Name: "incrbyfloat"}, {Name: "x"},
		{Name: "config", Sub: []Spec{{Name: "get"}, {Name: "resetstat"}}},
	})
	for _, c := range []struct{ name, want string }{
		{"get", "get"}, {"GET", "get"}, {"gEt", "get"},
		{"SETRANGE", "setrange"}, // eight bytes, the longest that are packed
		{"incrByFloat", "incrbyfloat"},
		{"X", "x"},
		{"", ""}, {"ge", ""}, {"gets", ""}, {"get\x00", ""}, {"\x00", ""},
		{"\x07ET", ""}, // folds to "get" where only one bit is looked at
		{"setrangex", ""}, {"incrbyfloatx", ""},
	} {
		got := ""
		if found := table.Lookup([]byte(c.name)); found != nil {
			got = found.Name
		}
		if got != c.want {
			t.Errorf("%q finds %q, want %q", c.name, got, c.want)
		}
	}
	config := table.Lookup([]byte("CONFIG"))
	if sub := config.Sub([]byte("ResetStat")); sub == nil || sub.FullName != "config|resetstat" {
		t.Errorf("CONFIG ResetStat finds %v", sub)
	}
	if sub := config.Sub([]byte("nosuch")); sub != nil {
		t.Errorf("CONFIG nosuch finds %v", sub)
	}
	if found := table.Resolve([][]byte{[]byte("config"), []byte("GET")}); found.FullName != "config|get" {
		t.Errorf("config GET resolves to %v", found)
	}
	if found := table.ByFullName("Config|Get"); found == nil || found.FullName != "config|get" {
		t.Errorf("ByFullName finds %v", found)
	}
}

func TestNamesGivenTwice(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a name given twice is accepted")
		}
	}()
	NewTable([]Spec{{Name: "get"}}, []Spec{{Name: "get"}})
}

func TestKeysOf(t *testing.T) {
	specs := map[string][]KeySpec{
		"one":     {{Index: 1}},
		"all":     {{Index: 1, Last: -1}},
		"pairs":   {{Index: 1, Last: -1, Step: 2}},
		"count":   {{Index: 1, NumKeys: true, FirstKeyAt: 1}},
		"keyword": {{Keyword: "STREAMS", Index: 1, Last: -1, Limit: 2}},
		"notkey":  {{Index: 1, Flags: KeyNotKey}},
	}
	for _, c := range []struct {
		spec string
		argv []string
		want []int
		bad  bool
	}{
		{"one", []string{"c", "k", "v"}, []int{1}, false},
		{"all", []string{"c", "a", "b"}, []int{1, 2}, false},
		{"pairs", []string{"c", "a", "1", "b", "2"}, []int{1, 3}, false},
		{"count", []string{"c", "2", "a", "b", "x"}, []int{2, 3}, false},
		{"count", []string{"c", "0"}, nil, false},
		{"count", []string{"c", "3", "a", "b"}, nil, true},
		{"count", []string{"c", "x", "a", "b"}, nil, true},
		{"keyword", []string{"c", "COUNT", "1", "streams", "a", "b", "0", "0"}, []int{4, 5}, false},
		{"keyword", []string{"c", "COUNT", "1"}, nil, false},
		{"notkey", []string{"c", "a"}, nil, false},
	} {
		cmd := Command{Spec: Spec{Keys: specs[c.spec]}}
		argv := make([][]byte, len(c.argv))
		for i, a := range c.argv {
			argv[i] = []byte(a)
		}
		refs, ok := cmd.KeysOf(nil, argv)
		if ok == c.bad {
			t.Errorf("%s %q: ok is %v", c.spec, c.argv, ok)
			continue
		}
		var got []int
		for _, r := range refs {
			got = append(got, r.Pos)
		}
		if !c.bad && len(got) != len(c.want) {
			t.Errorf("%s %q: keys at %v, want %v", c.spec, c.argv, got, c.want)
			continue
		}
		for i := range c.want {
			if !c.bad && got[i] != c.want[i] {
				t.Errorf("%s %q: keys at %v, want %v", c.spec, c.argv, got, c.want)
			}
		}
	}
}
