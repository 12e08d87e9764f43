// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

// SplitArgs splits a line into arguments by Redis's rules and appends them to
// argv: blanks separate; "…" takes the escapes \n \r \t \b \a \xHH and \ before
// any other byte; '…' takes only \'; a closing quote must be followed by a
// blank or the end. A NUL byte ends the line. It returns false for unbalanced
// quotes. Arguments without quotes alias line, the others are copies.
func SplitArgs(line []byte, argv [][]byte) ([][]byte, bool) {
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) || line[i] == 0 {
			return argv, true
		}
		start := i
		for i < len(line) && !endsToken(line[i]) && line[i] != '"' && line[i] != '\'' {
			i++
		}
		if i == len(line) || endsToken(line[i]) {
			argv = append(argv, line[start:i:i])
			continue
		}
		token, next, ok := quotedToken(line, start, i)
		if !ok {
			return argv, false
		}
		argv = append(argv, token)
		i = next
	}
}

// quotedToken reads the argument that begins at start and whose first quote is
// at i. It ends behind a closing quote, which by the rule above is followed by
// a blank or nothing.
func quotedToken(line []byte, start, i int) (token []byte, next int, ok bool) {
	token = append(make([]byte, 0, len(line)-start), line[start:i]...)
	quote := line[i]
	for i++; i < len(line) && line[i] != 0; {
		c := line[i]
		switch {
		case c == quote:
			i++
			closed := i == len(line) || line[i] == 0 || isSpace(line[i])
			return token, i, closed
		case c != '\\' || i+1 == len(line) || line[i+1] == 0:
			token = append(token, c)
			i++
		case quote == '\'':
			if line[i+1] == '\'' {
				i++
			}
			token = append(token, line[i])
			i++
		case line[i+1] == 'x' && i+3 < len(line) && isHex(line[i+2]) && isHex(line[i+3]):
			token = append(token, hexValue(line[i+2])<<4|hexValue(line[i+3]))
			i += 4
		default:
			token = append(token, unescape(line[i+1]))
			i += 2
		}
	}
	return nil, i, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// isSpace is C's isspace in the "C" locale. endsToken is narrower: inside an
// unquoted argument a vertical tab or form feed does not separate.
func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func endsToken(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
