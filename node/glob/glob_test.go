// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package glob

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/redistest"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             bool
		why              string
	}{
		{"", "", true, "nothing is nothing"},
		{"*", "", false, "only the empty pattern matches the empty subject"},
		{"", "a", false, "the subject is left over"},
		{"h?llo", "hallo", true, "any byte"},
		{"h?llo", "hllo", false, "one byte, not none"},
		{"h*llo", "heeeello", true, "several bytes"},
		{"h*llo", "hllo", true, "no byte"},
		{"*a*b", "xaxab", true, "the last star goes back"},
		{"*ab", "aab", true, "the star gives up one more byte"},
		{"a**", "a", true, "stars at the end need nothing"},
		{"a*b*", "ab", true, "a star at the end of the subject"},
		{"h[ae]llo", "hello", true, "class"},
		{"h[^e]llo", "hello", false, "negated class"},
		{"h[^e]llo", "hallo", true, "negated class"},
		{"h[a-c]llo", "hbllo", true, "range"},
		{"h[c-a]llo", "hbllo", true, "a range either way round"},
		{`h\[llo`, "h[llo", true, "escaped bracket"},
		{`[\]]`, "]", true, "escaped end of a class"},
		{`a\`, `a\`, true, "a backslash at the end stands for itself"},
		{"[abc", "c", true, "an unclosed class ends with the pattern"},
		{"[^", "x", true, "an unclosed negated class of nothing"},
		{"[", "[", false, "an unclosed class of nothing"},
		{"[]", "]", false, "an empty class"},
		{"[a-]", "]", true, "a range whose end is the bracket, unclosed"},
		{"A", "a", false, "case counts"},
	} {
		if got := Match(c.pattern, c.subject); got != c.want {
			t.Errorf("Match(%q, %q) = %v: %s", c.pattern, c.subject, got, c.why)
		}
		if got := Match([]byte(c.pattern), []byte(c.subject)); got != c.want {
			t.Errorf("Match(%q, %q) of bytes = %v: %s", c.pattern, c.subject, got, c.why)
		}
	}
}

func TestMatchFold(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"MaxMem*", "maxmemory", true},
		{"[A-C]x", "bX", true},
		{`[\A]`, "a", false}, // as in Redis: an escape in a class is exact
		{`\A`, "a", true},
	} {
		if got := MatchFold(c.pattern, c.subject); got != c.want {
			t.Errorf("MatchFold(%q, %q) = %v", c.pattern, c.subject, got)
		}
	}
}

// TestHostilePatterns: a recursive matcher would take for ever, or the stack.
func TestHostilePatterns(t *testing.T) {
	start := time.Now()
	if Match(strings.Repeat("a*", 50)+"b", strings.Repeat("a", 2000)) {
		t.Error("matched a subject without b")
	}
	if Match(strings.Repeat("*?", 1<<20)+"b", strings.Repeat("a", 1<<20)) {
		t.Error("matched a subject without b")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// random makes strings of a few bytes in which patterns and subjects meet
// often; bytes beyond ASCII are compared with their sign in ranges.
func random(r *rand.Rand, alphabet string, most int) string {
	b := make([]byte, 1+r.IntN(most))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// TestAgainstRedis compares with KEYS.
func TestAgainstRedis(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	r := rand.New(rand.NewPCG(7, 11))
	const inPatterns, inKeys = "aabbABc**??[[]]^-\\\x00\x7f\x80\xff", "aabbABc*?[]^-\\\x00\x7f\x80\xff"
	var keys []string
	for len(keys) < 300 {
		if key := random(r, inKeys, 5); !slices.Contains(keys, key) {
			keys = append(keys, key)
			server.Do("SET", key, "")
		}
	}
	for range 4000 {
		pattern := random(r, inPatterns, 8)
		if pattern == "*" {
			continue // KEYS takes it for "no pattern"
		}
		var got, want []string
		for _, v := range server.Do("KEYS", pattern).Elems {
			want = append(want, v.Str)
		}
		for _, key := range keys {
			if Match(pattern, key) {
				got = append(got, key)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("pattern %q: got %q, Redis %q", pattern, got, want)
		}
	}
}

// TestFoldAgainstRedis compares with CONFIG GET, which does not regard case.
func TestFoldAgainstRedis(t *testing.T) {
	server := redistest.Start(t, t.TempDir())
	var names []string
	elems := server.Do("CONFIG", "GET", "*").Elems
	for i := 0; i < len(elems); i += 2 {
		names = append(names, elems[i].Str)
	}
	r := rand.New(rand.NewPCG(3, 5))
	for range 1500 {
		pattern := "*" + random(r, `maAxM[[]]-\?*E`, 6) + "*"
		got, want := 0, len(server.Do("CONFIG", "GET", pattern).Elems)/2
		for _, name := range names {
			if MatchFold(pattern, name) {
				got++
			}
		}
		if got != want {
			t.Errorf("pattern %q: %d names, Redis %d", pattern, got, want)
		}
	}
}

// FuzzMatch compares with the same rules written as a recursion.
func FuzzMatch(f *testing.F) {
	f.Add("h[^a-c]*\\?", "hello?", false)
	f.Fuzz(func(t *testing.T, pattern, subject string, fold bool) {
		if len(pattern) > 12 || len(subject) > 16 {
			t.Skip("the recursion takes exponential time")
		}
		if got, want := match(pattern, subject, fold), recursive(pattern, subject, fold); got != want {
			t.Errorf("match(%q, %q, %v) = %v", pattern, subject, fold, got)
		}
	})
}

func recursive(pattern, subject string, fold bool) bool {
	switch {
	case pattern == "":
		return subject == ""
	case subject == "":
		return false
	case pattern[0] == '*':
		rest := strings.TrimLeft(pattern, "*")
		if rest == "" {
			return true
		}
		for i := range len(subject) {
			if recursive(rest, subject[i:], fold) {
				return true
			}
		}
		return false
	}
	next, ok := matchOne(pattern, 0, subject[0], fold)
	if !ok {
		return false
	}
	if len(subject) == 1 {
		return strings.Trim(pattern[next:], "*") == ""
	}
	return recursive(pattern[next:], subject[1:], fold)
}
