// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hashes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/hashes"
	"github.com/espalier-io/espalier/node/keys"
	stringcommands "github.com/espalier-io/espalier/node/strings"
)

var families = engine.Families{hashes.Commands(), keys.Commands(), stringcommands.Commands()}

func TestInfo(t *testing.T) { difftest.Info(t, engine.Families{hashes.Commands()}, "client|setinfo") }

func TestFields(t *testing.T) {
	difftest.Run(t, families, `
		HSET h f v
		HSET h f w
		HSET h f x g 1 i 2
		HSET h f x g 1 j 3 k 4
		HSET h f
		HSET h f v g
		hset h
		HMSET h f v g
		hMsEt h m 1 n 2
		HMSET h
		HGET h f
		HGET h g
		HGET h nope
		HGET nope f
		HGET h
		HGET h f g
		HMGET h f nope g
		HMGET nope f g
		HMGET h
		HGETALL h
		HGETALL nope
		HGETALL
		HKEYS h
		HKEYS nope
		HVALS h
		HVALS nope
		HLEN h
		HLEN nope
		HSTRLEN h f
		HSTRLEN h m
		HSTRLEN h nope
		HSTRLEN nope f
		HEXISTS h f
		HEXISTS h nope
		HEXISTS nope f
		HSETNX h f v
		HSETNX h fresh v
		HSETNX h fresh w
		HSETNX nx f v
		HGET nx f
		HSETNX nx f
		HDEL h f nope g f
		HGETALL h
		HDEL nope f
		HDEL h
		HDEL nx f
		EXISTS nx
		HDEL h i j k m n fresh more
		EXISTS h
		TYPE h

		# what is empty, binary, a number or looks like one
		HSET b "" "" "\x00" "\xff\r\n" -1 12 007 +5 9223372036854775807 -9223372036854775808 99999999999999999999 1.0 "a b" " 1"
		HGETALL b
		HGET b ""
		HGET b "\x00"
		HGET b -1
		HGET b 007
		HSTRLEN b ""
		HEXISTS b ""
		HSTRLEN b 9223372036854775807
		HSTRLEN b -1
		HDEL b ""
		HDEL b -1 7 -01
		HKEYS b
		HVALS b
		OBJECT ENCODING b
		TYPE b

		# a time to live stays
		HSET ttl f v
		EXPIRE ttl 100
		HSET ttl f w g v
		TTL ttl
		HDEL ttl f
		TTL ttl
		HDEL ttl g
		HSET ttl f v
		TTL ttl
	`)
}

func TestTypes(t *testing.T) {
	difftest.Run(t, families, `
		SET s v
		HSET s f v
		HSET s f v g
		HMSET s f v
		HMSET s f v g
		HSETNX s f v
		HGET s f
		HMGET s f g
		HGETALL s
		HKEYS s
		HVALS s
		HLEN s
		HSTRLEN s f
		HEXISTS s f
		HDEL s f
		HINCRBY s f 1
		HINCRBY s f x
		HINCRBYFLOAT s f 1
		HINCRBYFLOAT s f x
		HINCRBYFLOAT s f inf
		HRANDFIELD s
		HRANDFIELD s 1
		HRANDFIELD s x
		HRANDFIELD s 1 FOO
		HRANDFIELD s 0
		HSCAN s 0
		HSCAN s x
		HSCAN s 0 FOO
		HSET h f v
		GET h
		INCR h
		APPEND h x
		SET h v GET
		SETRANGE h 0 x
		GETRANGE h 0 1
		STRLEN h
		GETDEL h
		MGET h s
		SET h v
		TYPE h
		GET h
	`)
}

func TestCounters(t *testing.T) {
	difftest.Run(t, families, `
		HINCRBY h c 1
		HINCRBY h c 41
		HINCRBY h c -100
		HINCRBY h c 0
		HINCRBY h c x
		HINCRBY h c 1.5
		HINCRBY h c " 1"
		HINCRBY h c 9223372036854775808
		HINCRBY h
		HSET h max 9223372036854775807 min -9223372036854775808 text abc blank " 1" zeros 007 float 1.5
		HINCRBY h max 1
		HINCRBY h max -1
		HINCRBY h min -1
		HINCRBY h min 1
		HINCRBY h min 9223372036854775807
		HINCRBY h c -9223372036854775808
		HINCRBY h text 1
		HINCRBY h blank 1
		HINCRBY h zeros 1
		HINCRBY h float 1
		HGETALL h
		HINCRBYFLOAT h f 10.5
		HINCRBYFLOAT h f 0.1
		HINCRBYFLOAT h f -5
		HINCRBYFLOAT h f 5.0e3
		HINCRBYFLOAT h f abc
		HINCRBYFLOAT h f " 1"
		HINCRBYFLOAT h f "1 "
		HINCRBYFLOAT h f ""
		HINCRBYFLOAT h f nan
		HINCRBYFLOAT h f inf
		HINCRBYFLOAT h f -inf
		HINCRBYFLOAT h f 0x10
		HINCRBYFLOAT h f 1e5000
		HINCRBYFLOAT h text 1
		HINCRBYFLOAT h blank 1
		HINCRBYFLOAT h zeros 1
		HINCRBYFLOAT h max 1
		HINCRBYFLOAT h float 0.1
		HSET h third 0.3333333333333333333 big 100000000000000000000 huge 1e4932 inf inf tiny 1e-17
		HINCRBYFLOAT h third 1
		HINCRBYFLOAT h big 1
		HINCRBYFLOAT h huge 1e4932
		HINCRBYFLOAT h inf 1
		HINCRBYFLOAT h tiny -1e-17
		HINCRBYFLOAT fresh f 3.0
		HINCRBYFLOAT fresh f -3
		HGETALL fresh
		HINCRBYFLOAT fresh

		# an error leaves no key behind
		HINCRBY none f x
		HINCRBYFLOAT none f x
		HINCRBYFLOAT none f inf
		EXISTS none
	`)
}

func TestRandomFields(t *testing.T) {
	difftest.Run(t, families, `
		HRANDFIELD nope
		HRANDFIELD nope 5
		HRANDFIELD nope -5 WITHVALUES
		HRANDFIELD nope x
		HSET one f 1
		HRANDFIELD one
		HRANDFIELD one 1
		HRANDFIELD one 5
		HRANDFIELD one -3
		HRANDFIELD one 0
		HRANDFIELD one 1 WITHVALUES
		HRANDFIELD one 5 withvalues
		HRANDFIELD one -3 WithValues
		HRANDFIELD one 0 WITHVALUES
		HRANDFIELD one 1 FOO
		HRANDFIELD one 1 WITHVALUES x
		HRANDFIELD one x WITHVALUES
		HRANDFIELD one ""
		HRANDFIELD one 1.0
		HRANDFIELD one -9223372036854775808
		HRANDFIELD one -9223372036854775808 WITHVALUES
		HRANDFIELD one -9223372036854775807 WITHVALUES
		HRANDFIELD one 9223372036854775807 WITHVALUES
		HRANDFIELD one 9223372036854775807
		HRANDFIELD one 4611686018427387903 WITHVALUES
		HRANDFIELD one 9223372036854775808
		HSET h a 1 b 2 c 3 d 4 e 5 f 6
		HRANDFIELD h                   # about
		HRANDFIELD h 3                 # about
		HRANDFIELD h 6                 # unordered
		HRANDFIELD h 5                 # about
		HRANDFIELD h 1                 # about
		HRANDFIELD h -8                # about
		HRANDFIELD h 3 WITHVALUES      # about
		HRANDFIELD h 100 WITHVALUES    # unordered
		HRANDFIELD h -8 WITHVALUES     # about
	`)
}

func TestScan(t *testing.T) {
	difftest.Run(t, families, `
		HSCAN nope 0
		HSCAN nope 5 FOO
		HSCAN nope x
		HSCAN nope
		HSET h a 1 b 2 c 3 10 4
		HSCAN h 0
		HSCAN h 7
		HSCAN h 18446744073709551615
		HSCAN h 18446744073709551616
		HSCAN h ""
		HSCAN h 0 COUNT 1
		HSCAN h 0 COUNT 0
		HSCAN h 0 COUNT -1
		HSCAN h 0 COUNT x
		HSCAN h 0 COUNT
		HSCAN h 0 MATCH [ab]
		HSCAN h 0 MATCH *
		HSCAN h 0 MATCH 1*
		HSCAN h 0 MATCH nope COUNT 2
		HSCAN h 0 MATCH ""
		HSCAN h 0 TYPE hash
		HSCAN h 0 NOVALUES
		HSCAN h 0 match a count 100
	`)
}

// TestForms takes hashes over each border between the listpack and the tree,
// from either side.
func TestForms(t *testing.T) {
	long := strings.Repeat("x", 64)
	difftest.Run(t, families, `
		HSET value f `+long+`
		OBJECT ENCODING value
		HSET value g `+long+`y
		OBJECT ENCODING value
		HGETALL value            # unordered
		HDEL value g
		OBJECT ENCODING value
		HSET name `+long+`y 1
		OBJECT ENCODING name
		HSETNX nx a 1
		HSETNX nx b `+long+`y
		OBJECT ENCODING nx
		HSET count f 1
		CONFIG SET hash-max-listpack-entries 4
		HSET count g 2 h 3 i 4
		OBJECT ENCODING count
		HSET count i 5
		OBJECT ENCODING count
		HINCRBY count j 1
		OBJECT ENCODING count
		HGETALL count            # unordered
		HKEYS count              # unordered
		HVALS count              # unordered
		HMGET count f j nope
		HSTRLEN count j
		HEXISTS count f
		HRANDFIELD count         # about
		HRANDFIELD count 2       # about
		HRANDFIELD count 3 WITHVALUES   # about
		HRANDFIELD count -20 WITHVALUES # about
		HRANDFIELD count 5       # unordered
		HRANDFIELD count 10 WITHVALUES  # unordered
		HINCRBY count i 10
		HINCRBYFLOAT count j 0.5
		HSETNX count j 1
		HSETNX count k 1
		HDEL count f nope
		HSCAN count 0 MATCH j COUNT 100 # unordered
		OBJECT ENCODING count
		HDEL count g h i j k
		EXISTS count
		# limits that fall below what is there
		CONFIG SET hash-max-listpack-entries 512
		HSET five a 1 b 2 c 3 d 4 e 5
		HSET five2 a 1 b 2 c 3 d 4 e 5
		HSET five3 a 1 b 2 c 3 d 4 e 5
		HSET five4 a 1 b 2 c 3 d 4 e 5
		CONFIG SET hash-max-listpack-entries 4
		HGET five a
		HSETNX five a 2
		OBJECT ENCODING five
		HSET five a 2
		OBJECT ENCODING five
		HDEL five2 a nope
		OBJECT ENCODING five2
		HSET five2 b 1
		OBJECT ENCODING five2
		HDEL five3 nope
		OBJECT ENCODING five3
		HINCRBY five3 a 1
		OBJECT ENCODING five3
		COPY five4 copied
		OBJECT ENCODING copied
		RENAME five4 six
		OBJECT ENCODING six
		CONFIG SET hash-max-listpack-value 5
		HSET five2 c 12345
		OBJECT ENCODING five2
		HSET short f 12345
		OBJECT ENCODING short
		HINCRBYFLOAT short f 0.125
		OBJECT ENCODING short
		HGET short f
		CONFIG SET hash-max-listpack-entries 0
		HSET none f v
		OBJECT ENCODING none
		CONFIG SET hash-max-listpack-entries 512
		CONFIG SET hash-max-listpack-value 64
	`)
}

// TestLargeHash works on a hash of many fields and large values.
func TestLargeHash(t *testing.T) {
	var script strings.Builder
	for from := 0; from < 3000; from += 100 {
		script.WriteString("HSET h")
		for i := from; i < from+100; i++ {
			fmt.Fprintf(&script, " field:%d %d", i, i*i)
		}
		script.WriteString("\n")
	}
	for i := range 5 {
		fmt.Fprintf(&script, "HSET h field:%d %s\n", i*500, strings.Repeat("0123456789", 10<<(2*i)))
	}
	script.WriteString(`
		HLEN h
		HGET h field:1999
		HSTRLEN h field:0
		HSTRLEN h field:2000
		HGET h field:1500
		HGETALL h              # unordered
		HKEYS h                # unordered
		HVALS h                # unordered
		HRANDFIELD h 5         # about
		HRANDFIELD h 1000      # about
		HRANDFIELD h 2999      # about
		HRANDFIELD h 3000      # unordered
		HRANDFIELD h -10 WITHVALUES # about
		HINCRBY h field:7 1
		HSCAN h 0 COUNT 100000 # unordered
		HSCAN h 0 COUNT 100000 MATCH field:29?? # unordered
	`)
	for from := 0; from < 3000; from += 100 {
		script.WriteString("HDEL h")
		for i := from; i < from+100; i++ {
			if i%1000 != 0 {
				fmt.Fprintf(&script, " field:%d", i)
			}
		}
		script.WriteString("\nHLEN h\n")
	}
	script.WriteString(`
		OBJECT ENCODING h
		HGETALL h              # unordered
		HDEL h field:0 field:1000 field:2000
		EXISTS h
	`)
	difftest.Run(t, families, script.String())
}

func TestTransactions(t *testing.T) {
	difftest.Run(t, families, `
		HSET h f v
		WATCH h
		2> HSET h f v
		MULTI
		HGET h f
		EXEC
		WATCH h
		2> HDEL h nope
		2> HSETNX h f w
		2> HGET h f
		MULTI
		HINCRBY h n 5
		HINCRBY h f 5
		HGETALL h
		EXEC
		WATCH h
		2> HDEL h f n
		MULTI
		EXEC
	`)
}

func TestStream(t *testing.T) {
	difftest.RunStream(t, families, `
		HSET h f v g 1
		HSET h f v
		HSET h f v g
		HMSET h i 2 j 3
		HSETNX h f w
		HSETNX h k w
		HINCRBY h g 5
		HINCRBY h f 5
		HINCRBYFLOAT h g 0.1
		HINCRBYFLOAT h f 0.1
		HINCRBYFLOAT h fresh 1e3
		HDEL h f nope g
		HDEL h nope
		HDEL nope f
		HGETALL h
		HDEL h i j k fresh
		MULTI
		HSET h f v
		HINCRBYFLOAT h n 1.50
		HGET h n
		EXEC
		PEXPIREAT h 99999999999999
		HINCRBYFLOAT h n 1
		SELECT 3
		HSET h f v
		HDEL h f
	`)
}

// TestEndlessReply asks for more than the client's buffer may hold, and far more
// than there is memory: the reply ends with the connection.
func TestEndlessReply(t *testing.T) {
	n := difftest.StartNode(t, families, "--client-output-buffer-limit", "normal 1000000 0 0")
	n.Do(t, "HSET", "h", "a", "b")
	for _, with := range [][]string{{"HRANDFIELD", "h", "-999999999999"}, {"HRANDFIELD", "h", "-999999999999", "WITHVALUES"}} {
		c := n.Dial(t)
		c.Send(t, with...)
		if v, err := c.Receive(); err == nil {
			t.Errorf("%q is answered with %d elements", with, len(v.Elems))
		}
	}
	n.Await(t, "scheduled to be closed ASAP for overcoming of output buffer limits")
}

// TestExpired meets keys that have expired and are still there: each is told on
// the stream before what the command does.
func TestExpired(t *testing.T) {
	var script strings.Builder
	script.WriteString("DEBUG SET-ACTIVE-EXPIRE 0\n")
	at := time.Now().Add(500 * time.Millisecond).UnixMilli()
	for i := range 8 {
		fmt.Fprintf(&script, "HSET e%d f 5 g x\nPEXPIREAT e%d %d\n", i, i, at)
	}
	script.WriteString(`
		DEBUG SLEEP 0.6
		HGET e0 f
		HSET e1 h v
		HSETNX e2 f 6
		HDEL e3 f
		HINCRBY e4 f 1
		HINCRBYFLOAT e5 f 1.5
		HGETALL e6
		HGETALL e1
		TTL e1
		DEBUG DIGEST
		DEBUG SET-ACTIVE-EXPIRE 1
	`)
	difftest.RunStream(t, families, script.String())
}

// TestScanIsComplete scans a hash that changes meanwhile: what is there all the
// time is met.
func TestScanIsComplete(t *testing.T) {
	n := difftest.StartNode(t, families)
	c := n.Dial(t)
	stays := map[string]bool{}
	for i := range 20000 {
		field := fmt.Sprintf("stays:%d", i)
		stays[field] = true
		c.Ask(t, "HSET", "h", field, "v")
	}
	for cursor, round := "0", 0; ; round++ {
		reply := c.Ask(t, "HSCAN", "h", cursor, "COUNT", "7")
		for i, field := range reply.Elems[1].Elems {
			if i%2 == 0 {
				delete(stays, field.Str)
			}
		}
		if cursor = reply.Elems[0].Str; cursor == "0" {
			break
		}
		for i := range 50 { // fields come and, from some time on twice as fast, go
			c.Ask(t, "HSET", "h", fmt.Sprintf("comes:%d", round*50+i), strings.Repeat("v", i*10))
			if early := (round - 20) * 100; early >= 0 {
				c.Ask(t, "HDEL", "h", fmt.Sprintf("comes:%d", early+i), fmt.Sprintf("comes:%d", early+50+i))
			}
		}
	}
	if len(stays) > 0 {
		t.Errorf("%d fields were there all the time and not met", len(stays))
	}
}
