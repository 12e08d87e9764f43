// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

func jsonDecode(L *lua.LState, s *jsonSettings) int {
	if L.GetTop() != 1 {
		argError(L, 1, "expected 1 argument")
	}
	v, err := decodeJSON(L, s, checkString(L, 1))
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	L.Push(v)
	return 1
}

func decodeJSON(L *lua.LState, s *jsonSettings, text string) (lua.LValue, error) {
	if len(text) >= 2 && (text[0] == 0 || text[1] == 0) {
		return nil, errors.New("JSON parser does not support UTF-16 or UTF-32")
	}
	d := jsonDecoder{L: L, s: s, text: text}
	d.next()
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if d.next(); d.token != jsonEnd {
		return nil, d.expected("the end")
	}
	return v, nil
}

// jsonToken is a kind of token, by the name that errors give it.
type jsonToken string

const (
	jsonObject      jsonToken = "T_OBJ_BEGIN"
	jsonObjectEnd   jsonToken = "T_OBJ_END"
	jsonArray       jsonToken = "T_ARR_BEGIN"
	jsonArrayEnd    jsonToken = "T_ARR_END"
	jsonString      jsonToken = "T_STRING"
	jsonNumber      jsonToken = "T_NUMBER"
	jsonBool        jsonToken = "T_BOOLEAN"
	jsonNull        jsonToken = "T_NULL"
	jsonColon       jsonToken = "T_COLON"
	jsonComma       jsonToken = "T_COMMA"
	jsonEnd         jsonToken = "T_END"
	invalidToken    jsonToken = "invalid token"
	invalidNumber   jsonToken = "invalid number"
	invalidEscape   jsonToken = "invalid escape code"
	invalidUnicode  jsonToken = "invalid unicode escape code"
	unexpectedClose jsonToken = "unexpected end of string"
)

// jsonDecoder reads JSON. What it allocates is bounded by what it has read.
type jsonDecoder struct {
	L     *lua.LState
	s     *jsonSettings
	text  string
	at    int
	depth int

	token  jsonToken
	start  int // of the token
	string string
	number lua.LNumber
	truth  bool
}

// peek gives a character, 0 behind the end as in C.
func (d *jsonDecoder) peek(ahead int) byte {
	if d.at+ahead < len(d.text) {
		return d.text[d.at+ahead]
	}
	return 0
}

func (d *jsonDecoder) next() {
	for strings.IndexByte(" \t\n\r", d.peek(0)) >= 0 && d.at < len(d.text) {
		d.at++
	}
	d.start = d.at
	c := d.peek(0)
	switch c {
	case '{':
		d.token = jsonObject
	case '}':
		d.token = jsonObjectEnd
	case '[':
		d.token = jsonArray
	case ']':
		d.token = jsonArrayEnd
	case ',':
		d.token = jsonComma
	case ':':
		d.token = jsonColon
	case 0:
		d.token = jsonEnd
		return
	default:
		d.longToken(c)
		return
	}
	d.at++
}

func (d *jsonDecoder) longToken(c byte) {
	rest := d.text[d.at:]
	switch {
	case c == '"':
		d.stringToken()
	case c == '-' || '0' <= c && c <= '9':
		if !d.s.decodeInvalid && unusualNumber(rest) {
			d.token = invalidNumber
			return
		}
		d.numberToken()
	case strings.HasPrefix(rest, "true"):
		d.token, d.truth = jsonBool, true
		d.at += 4
	case strings.HasPrefix(rest, "false"):
		d.token, d.truth = jsonBool, false
		d.at += 5
	case strings.HasPrefix(rest, "null"):
		d.token = jsonNull
		d.at += 4
	case d.s.decodeInvalid && strings.IndexByte("+iInN", c) >= 0 && unusualNumber(rest):
		d.numberToken()
	default:
		d.token = invalidToken
	}
}

// unusualNumber tells whether text begins like a number that JSON does not have.
func unusualNumber(s string) bool {
	if strings.HasPrefix(s, "+") {
		return true
	}
	s = strings.TrimPrefix(s, "-")
	if s == "" {
		return false
	}
	if s[0] == '0' {
		return len(s) > 1 && (s[1]|0x20 == 'x' || '0' <= s[1] && s[1] <= '9')
	}
	return len(s) >= 3 && (strings.EqualFold(s[:3], "inf") || strings.EqualFold(s[:3], "nan"))
}

// numberToken reads as much as C's strtod would.
func (d *jsonDecoder) numberToken() {
	end := numberEnd(d.text[d.at:])
	f, ok := lua.LNumber(0), end > 0
	if ok {
		f, ok = parseNumber(d.text[d.at : d.at+end])
	}
	if !ok {
		d.token = invalidNumber
		return
	}
	d.token, d.number = jsonNumber, f
	d.at += end
}

// numberEnd is the length of the number at the front of a text, 0 for none.
func numberEnd(s string) int {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	for _, word := range []string{"infinity", "inf", "nan"} {
		if len(s) >= i+len(word) && strings.EqualFold(s[i:i+len(word)], word) {
			return i + len(word)
		}
	}
	base, exponent := isDigit, byte('e')
	if len(s) > i+2 && s[i] == '0' && s[i+1]|0x20 == 'x' && (isHex(s[i+2]) || s[i+2] == '.' && len(s) > i+3 && isHex(s[i+3])) {
		base, exponent = isHex, 'p'
		i += 2
	}
	digits := 0
	for ; i < len(s) && base(s[i]); i++ {
		digits++
	}
	if i < len(s) && s[i] == '.' {
		for i++; i < len(s) && base(s[i]); i++ {
			digits++
		}
	}
	if digits == 0 {
		return 0
	}
	if i < len(s) && s[i]|0x20 == exponent {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			for i = j; i < len(s) && isDigit(s[i]); i++ {
			}
		}
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (d *jsonDecoder) stringToken() {
	d.at++
	var b []byte
	for {
		c := d.peek(0)
		switch c {
		case 0:
			d.fail(unexpectedClose)
			return
		case '"':
			d.at++
			d.token, d.string = jsonString, string(b)
			return
		case '\\':
			at := strings.IndexByte(`"\/btnfr`, d.peek(1))
			switch {
			case d.peek(1) == 'u':
				r, size := d.unicode()
				if size == 0 {
					d.fail(invalidUnicode)
					return
				}
				b = utf8.AppendRune(b, r)
				d.at += size
			case at < 0:
				d.fail(invalidEscape)
				return
			default:
				b = append(b, "\"\\/\b\t\n\f\r"[at])
				d.at += 2
			}
		default:
			b = append(b, c)
			d.at++
		}
	}
}

func (d *jsonDecoder) fail(why jsonToken) { d.token, d.start = why, d.at }

// unicode reads an escaped code point; its size is 0 where it is none.
func (d *jsonDecoder) unicode() (r rune, size int) {
	r, ok := d.hex4(2)
	if !ok {
		return 0, 0
	}
	if r&0xF800 != 0xD800 {
		return r, 6
	}
	low, ok := d.hex4(8)
	if r&0x400 != 0 || d.peek(6) != '\\' || d.peek(7) != 'u' || !ok || low&0xFC00 != 0xDC00 {
		return 0, 0
	}
	return (r&0x3FF)<<10 | low&0x3FF + 0x10000, 12
}

func (d *jsonDecoder) hex4(ahead int) (rune, bool) {
	if d.at+ahead+4 > len(d.text) {
		return 0, false
	}
	digits := d.text[d.at+ahead : d.at+ahead+4]
	for i := range 4 {
		if !isHex(digits[i]) {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return rune(n), err == nil
}

func (d *jsonDecoder) expected(what string) error {
	return fmt.Errorf("Expected %s but found %s at character %d", what, d.token, d.start+1)
}

func (d *jsonDecoder) descend() error {
	d.depth++
	if d.depth > min(d.s.decodeDepth, maxJSONDepth) {
		return fmt.Errorf("Found too many nested data structures (%d) at character %d", d.depth, d.at)
	}
	return nil
}

// value reads the value that the token at hand begins.
func (d *jsonDecoder) value() (lua.LValue, error) {
	switch d.token {
	case jsonString:
		return lua.LString(d.string), nil
	case jsonNumber:
		return d.number, nil
	case jsonBool:
		return lua.LBool(d.truth), nil
	case jsonNull:
		return d.s.null, nil
	case jsonObject:
		return d.object()
	case jsonArray:
		return d.array()
	}
	return nil, d.expected("value")
}

func (d *jsonDecoder) object() (lua.LValue, error) {
	if err := d.descend(); err != nil {
		return nil, err
	}
	t := d.L.CreateTable(0, 0)
	if d.next(); d.token == jsonObjectEnd {
		d.depth--
		return t, nil
	}
	for {
		if d.token != jsonString {
			return nil, d.expected("object key string")
		}
		key := d.string
		if d.next(); d.token != jsonColon {
			return nil, d.expected("colon")
		}
		d.next()
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		t.RawSetString(key, v)
		switch d.next(); d.token {
		case jsonObjectEnd:
			d.depth--
			return t, nil
		case jsonComma:
			d.next()
		default:
			return nil, d.expected("comma or object end")
		}
	}
}

func (d *jsonDecoder) array() (lua.LValue, error) {
	if err := d.descend(); err != nil {
		return nil, err
	}
	t := d.L.CreateTable(0, 0)
	if d.next(); d.token == jsonArrayEnd {
		d.depth--
		return t, nil
	}
	for {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		t.Append(v)
		switch d.next(); d.token {
		case jsonArrayEnd:
			d.depth--
			return t, nil
		case jsonComma:
			d.next()
		default:
			return nil, d.expected("comma or array end")
		}
	}
}
