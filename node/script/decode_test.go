// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import (
	"testing"

	"github.com/espalier-io/espalier/node/resp"
)

// lonely is a host that has nothing to offer.
type lonely struct{}

func (lonely) Call([][]byte) ([]byte, string) { return nil, "ERR nothing to call" }
func (lonely) SetProtocol(int)                {}
func (lonely) SetReplication(int) string      { return "" }
func (lonely) Permits([][]byte) (bool, bool)  { return true, true }
func (lonely) Log(int, string)                {}
func (lonely) CountError(string)              {}
func (lonely) Interrupt() string              { return "" }

func eval(t testing.TB, in *Interpreter, source string, args ...[]byte) string {
	t.Helper()
	p, err := in.Compile("user_script", source)
	if err != nil {
		t.Fatal(err)
	}
	var w resp.Writer
	if f := in.Run(p, Call{Args: args, Reply: &w}); f != nil {
		return "-" + f.Text
	}
	return string(w.Buffer())
}

// What scripts answer, as Redis 7.0.15 does.
func TestEval(t *testing.T) {
	in := New(lonely{}, "7.0.15")
	for source, want := range map[string]string{
		"return 1":                                 "*:1",
		"return 3.99":                              "*:3",
		"return {1,2,nil,4}":                       "**2",
		"return false":                             "*$-1",
		"return (0.1+0.2)..''":                     "*$3\r\n0.3\r\n",
		"return 1e15 ..''":                         "*$5\r\n1e+15\r\n",
		"return x":                                 "-ERR user_script:1: Script attempted to access nonexistent global variable 'x'",
		"string.foo=1":                             "-ERR user_script:1: Attempt to modify a readonly table",
		"rawset(_G,'x',1)":                         "-ERR Attempt to modify a readonly table",
		"return redis.error_reply('My Err')":       "*-My Err\r\n",
		"return redis.status_reply('fine')":        "*+fine\r\n",
		"return cjson.encode({1,2,{a='b/'}})":      "*$17\r\n[1,2,{\"a\":\"b\\/\"}]\r\n",
		"return struct.unpack('>H','\\1\\2')":      "*:258\r\n",
		"return bit.tohex(-1)":                     "*$8\r\nffffffff\r\n",
		"return cmsgpack.unpack(cmsgpack.pack(7))": "*:7\r\n",
	} {
		got := eval(t, in, source)
		if want[0] == '*' {
			want = want[1:]
		}
		if len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// FuzzDecoders: no input breaks the decoders.
func FuzzDecoders(f *testing.F) {
	f.Add([]byte(`{"a":[1,null,"\u00e9"]}`), "i4s")
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, ">!8dc0")
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff, 1}, "i32")
	in := New(lonely{}, "7.0.15")
	f.Fuzz(func(t *testing.T, data []byte, format string) {
		for _, source := range []string{
			"return cjson.encode({pcall(cjson.decode, ARGV[1])}) and 1 or 0",
			"pcall(cmsgpack.unpack, ARGV[1]) return 1",
			"pcall(struct.unpack, ARGV[2], ARGV[1]) pcall(struct.size, ARGV[2]) return 1",
		} {
			eval(t, in, source, data, []byte(format))
		}
	})
}
