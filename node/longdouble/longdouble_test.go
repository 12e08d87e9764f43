// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package longdouble

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1", "1"}, {"+1", "1"}, {"-0", "0"}, {".5", "0.5"}, {"5.", "5"}, {"1e3", "1000"}, {"1E-2", "0.01"},
		{"0.1", "0.1"},
		{"0x10", "16"}, {"-0X1.8p1", "-3"}, {"0x.8", "0.5"},
		{"1e-4950", "0"}, // denormal, which shows in no digit
		{"0e99999", "0"},
		{"123456789012345678901234567890", "123456789012345678899921813504"}, // 64 bits of it
	} {
		f, ok := Parse([]byte(c.text))
		if !ok {
			t.Errorf("%q is refused", c.text)
		} else if got := string(Format(f)); got != c.want {
			t.Errorf("%q is %s, want %s", c.text, got, c.want)
		}
	}
	for _, text := range []string{
		"", " 1", "1 ", "abc", "1x", "0x", "nan", "-nan", "1_000", "0b1", "0o7", "--1", "1e", "0xg",
		"1e5000", "-1e5000", // too large
		"1e-5000", // too close to zero
		strings.Repeat("1", maxText+1),
	} {
		if f, ok := Parse([]byte(text)); ok {
			t.Errorf("%q is read as %v", text, f)
		}
	}
	for _, text := range []string{"inf", "-inf", "Infinity", "+INF"} {
		if f, ok := Parse([]byte(text)); !ok || !f.IsInf() {
			t.Errorf("%q is %v, %v", text, f, ok)
		}
	}
}

func TestAdd(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"0.1", "0.2", "0.3"},
		{"3", "1.000000000000000005", "4.00000000000000001"},
		{"1e17", "-1e17", "0"},
		{"inf", "1", ""}, {"inf", "-inf", ""}, {"1", "-inf", ""},
		{"1e4932", "1e4932", ""},
	} {
		a, okA := Parse([]byte(c.a))
		b, okB := Parse([]byte(c.b))
		if !okA || !okB {
			t.Fatalf("%s or %s is refused", c.a, c.b)
		}
		sum, ok := Add(a, b)
		if ok != (c.want != "") || ok && string(Format(sum)) != c.want {
			t.Errorf("%s + %s is %v, %v, want %q", c.a, c.b, sum, ok, c.want)
		}
	}
}
