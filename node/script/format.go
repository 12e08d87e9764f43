// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringFormat is string.format: C's printf, without its pitfalls.
func stringFormat(L *lua.LState) int {
	format := checkString(L, 1)
	var out []byte
	arg := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out = append(out, format[i])
			continue
		}
		if i++; i < len(format) && format[i] == '%' {
			out = append(out, '%')
			continue
		}
		d, next := parseDirective(L, format, i)
		i = next
		arg++
		if arg > L.GetTop() {
			argError(L, arg, "no value")
		}
		out = d.append(L, out, arg)
		if len(out) > maxString {
			tooLong(L)
		}
	}
	L.Push(lua.LString(out))
	return 1
}

// directive is one conversion of a format.
type directive struct {
	flags            string // of "-+ #0"
	width, precision int    // -1 when not given
	verb             byte
}

// parseDirective reads what stands behind a percent sign.
func parseDirective(L *lua.LState, format string, i int) (d directive, last int) {
	start := i
	for i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0 {
		i++
	}
	d.flags = format[start:i]
	if len(d.flags) >= 6 {
		L.RaiseError("invalid format (repeated flags)")
	}
	d.width, i = twoDigits(format, i)
	d.precision = -1
	if i < len(format) && format[i] == '.' {
		if d.precision, i = twoDigits(format, i+1); d.precision < 0 {
			d.precision = 0
		}
	}
	if i < len(format) && '0' <= format[i] && format[i] <= '9' {
		L.RaiseError("invalid format (width or precision too long)")
	}
	if i >= len(format) {
		L.RaiseError("%s", "invalid option '%' to 'format'")
	}
	d.verb = format[i]
	return d, i
}

func twoDigits(s string, i int) (n, end int) {
	n = -1
	for end = i; end < len(s) && end < i+2 && '0' <= s[end] && s[end] <= '9'; end++ {
		n = max(n, 0)*10 + int(s[end]-'0')
	}
	return n, end
}

func (d *directive) append(L *lua.LState, out []byte, arg int) []byte {
	switch d.verb {
	case 'c':
		return d.pad(out, string([]byte{byte(truncated(checkNumber(L, arg)))}))
	case 'd', 'i':
		return fmt.Appendf(out, d.layout('d'), truncated(checkNumber(L, arg)))
	case 'u':
		return fmt.Appendf(out, d.layout('d'), unsigned(checkNumber(L, arg)))
	case 'o', 'x', 'X':
		n := unsigned(checkNumber(L, arg))
		if n == 0 {
			d.flags = strings.ReplaceAll(d.flags, "#", "") // C marks no zero
		}
		return fmt.Appendf(out, d.layout(d.verb), n)
	case 'e', 'E', 'f', 'g', 'G':
		return d.float(out, float64(checkNumber(L, arg)))
	case 'q':
		return appendLuaQuoted(out, checkString(L, arg))
	case 's':
		s := checkString(L, arg)
		if d.precision >= 0 && d.precision < len(s) {
			s = s[:d.precision]
		}
		return d.pad(out, s)
	}
	L.RaiseError("invalid option '%%%c' to 'format'", d.verb)
	return nil
}

// unsigned is C's cast of a double to a 64-bit unsigned integer on amd64.
func unsigned(n lua.LNumber) uint64 {
	if f := float64(n); f >= 1<<63 && f < 1<<64 {
		return uint64(f)
	}
	return uint64(truncated(n))
}

// layout is the directive in Go's words, which are C's but for the default
// precision.
func (d *directive) layout(verb byte) string {
	s := "%" + d.flags
	if d.width >= 0 {
		s += fmt.Sprint(d.width)
	}
	if d.precision >= 0 {
		s += "." + fmt.Sprint(d.precision)
	}
	return s + string(rune(verb))
}

func (d *directive) float(out []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		s := string(appendG(nil, f, 6))
		if !strings.HasPrefix(s, "-") {
			for _, sign := range []string{"+", " "} {
				if strings.Contains(d.flags, sign) {
					s = sign + s
					break
				}
			}
		}
		if d.verb == 'E' || d.verb == 'G' {
			s = strings.ToUpper(s)
		}
		d.flags = strings.ReplaceAll(d.flags, "0", "")
		return d.pad(out, s)
	}
	if d.precision < 0 {
		d.precision = 6
	}
	if d.precision == 0 && (d.verb == 'g' || d.verb == 'G') {
		d.precision = 1
	}
	return fmt.Appendf(out, d.layout(d.verb), f)
}

// pad appends text in the directive's width, which counts bytes.
func (d *directive) pad(out []byte, s string) []byte {
	blank := max(0, d.width-len(s))
	if strings.Contains(d.flags, "-") {
		return append(append(out, s...), strings.Repeat(" ", blank)...)
	}
	return append(append(out, strings.Repeat(" ", blank)...), s...)
}

func appendLuaQuoted(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			out = append(out, '\\', c)
		case '\r':
			out = append(out, '\\', 'r')
		case 0:
			out = append(out, "\\000"...)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
