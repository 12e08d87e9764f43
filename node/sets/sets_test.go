// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/sets"
	stringcommands "github.com/espalier-io/espalier/node/strings"
)

var families = engine.Families{sets.Commands(), keys.Commands(), stringcommands.Commands()}

func TestInfo(t *testing.T) { difftest.Info(t, engine.Families{sets.Commands()}, "client|setinfo") }

func TestMembers(t *testing.T) {
	difftest.Run(t, families, `
		SADD s 3 1 2 3
		SADD s 1
		SADD s
		SCARD s
		SCARD nope
		SMEMBERS s
		SMEMBERS nope
		SISMEMBER s 1
		SISMEMBER s 01
		SISMEMBER s a
		SISMEMBER nope a
		SISMEMBER s
		SMISMEMBER s 1 a 2
		SMISMEMBER nope 1 a 2
		SMISMEMBER s
		OBJECT ENCODING s
		SADD s a b
		OBJECT ENCODING s
		SMEMBERS s           # unordered
		SISMEMBER s 1
		SISMEMBER s a
		SISMEMBER s nope
		SREM s a nope a 1
		SREM s nope
		SREM nope a
		SREM s
		SMEMBERS s           # unordered
		OBJECT ENCODING s
		SREM s b 2 3 4
		EXISTS s
		TYPE s

		SADD ints 0 -1 9223372036854775807 -9223372036854775808 32767 32768 -32769 2147483648
		SMEMBERS ints
		OBJECT ENCODING ints
		SREM ints 32768 -32769
		SMEMBERS ints
		SADD ints 9223372036854775808
		OBJECT ENCODING ints
		SMEMBERS ints        # unordered
		SADD b "" "\x00" "\xff\r\n" 007 +5 1.0 " 1" "a b"
		SMEMBERS b           # unordered
		SISMEMBER b ""
		SISMEMBER b "\x00"
		SREM b "" " 1"
		SCARD b
		TYPE b

		SADD ttl a
		EXPIRE ttl 100
		SADD ttl b 1 2
		SREM ttl a
		TTL ttl
		SREM ttl b 1 2
		SADD ttl a
		TTL ttl
	`)
}

func TestTypes(t *testing.T) {
	difftest.Run(t, families, `
		SET str v
		SADD set a
		SADD str a
		SREM str a
		SCARD str
		SISMEMBER str a
		SMISMEMBER str a b
		SMEMBERS str
		SPOP str
		SPOP str 1
		SPOP str 0
		SPOP str x
		SPOP str -1
		SPOP str 1 2
		SRANDMEMBER str
		SRANDMEMBER str 1
		SRANDMEMBER str 0
		SRANDMEMBER str x
		SRANDMEMBER str 1 2
		SMOVE str set a
		SMOVE set str a
		SMOVE set str nope
		SMOVE nope str a
		SMOVE str str a
		SMOVE str nope a
		SINTER str
		SINTER set str
		SINTER nope str
		SINTER str nope
		SUNION set str
		SUNION nope str
		SDIFF set str
		SDIFF nope str
		SDIFF str
		SINTERCARD 2 nope str
		SINTERCARD 1 str LIMIT x
		SINTERSTORE dst set str
		SINTERSTORE dst nope str
		SUNIONSTORE dst str
		SDIFFSTORE dst str set
		EXISTS dst
		SSCAN str 0
		SSCAN str x
		SSCAN str 0 FOO
		GET set
		INCR set
		APPEND set x
		GETDEL set
		SINTERSTORE str set
		TYPE str
		SMEMBERS str
		SET str v
		SINTERSTORE str set nope
		EXISTS str
	`)
}

func TestMove(t *testing.T) {
	difftest.Run(t, families, `
		SADD a 1 2 x
		SADD b 1 y
		SMOVE a b 2
		SMOVE a b 2
		SMOVE a b 1
		SMEMBERS a           # unordered
		SMEMBERS b           # unordered
		SMOVE a a x
		SMOVE a a nope
		SMOVE nope a x
		SMOVE a fresh x
		SMEMBERS fresh
		EXISTS a
		SADD ints 1 2 3
		SADD more 4
		SMOVE ints more 2
		OBJECT ENCODING more
		SMOVE ints new 3
		OBJECT ENCODING new
		SMOVE fresh more x
		OBJECT ENCODING more
		SMEMBERS more        # unordered
		EXISTS fresh
		SMOVE a b
		PEXPIRE ints 100000
		SMOVE ints more 1
		EXISTS ints
	`)
}

func TestAlgebra(t *testing.T) {
	difftest.Run(t, families, `
		SADD a 1 2 3 4 5 x y
		SADD b 2 3 4 5 6 x z
		SADD c 3 4 5 7 x
		SADD i 1 2 3 4 5 6 7 8 9
		SADD j 2 4 6 8
		SADD k 4 5 6 7 8
		SINTER a b c         # unordered
		SINTER i j k
		SINTER j a           # unordered
		SINTER i
		SINTER a a a         # unordered
		SINTER a nope
		SINTER nope
		SINTER
		SUNION a b c         # unordered
		SUNION i j           # unordered
		SUNION i
		SUNION nope i nope k # unordered
		SUNION nope
		SUNION a a           # unordered
		SDIFF a b            # unordered
		SDIFF a b c nope     # unordered
		SDIFF a i j k        # unordered
		SDIFF i j k
		SDIFF i a b c j k    # unordered
		SDIFF a a
		SDIFF a nope a
		SDIFF nope a
		SDIFF a nope         # unordered
		SDIFF j i
		SDIFF i
		SINTERCARD 3 a b c
		SINTERCARD 2 i j LIMIT 2
		SINTERCARD 2 i j LIMIT 0
		SINTERCARD 2 i j LIMIT 100
		SINTERCARD 2 i j limit 1 LIMIT 3
		SINTERCARD 2 i nope
		SINTERCARD 1 nope LIMIT 3
		SINTERCARD 0 i
		SINTERCARD -1 i
		SINTERCARD x i
		SINTERCARD 1.0 i
		SINTERCARD 3 i j
		SINTERCARD 9223372036854775807 i j
		SINTERCARD 1 i j
		SINTERCARD 1 i LIMIT
		SINTERCARD 1 i LIMIT -1
		SINTERCARD 1 i LIMIT x
		SINTERCARD 1 i FOO 1
		SINTERCARD 1
		COMMAND GETKEYS SINTERCARD 2 a b LIMIT 3
		COMMAND GETKEYS SINTERSTORE d a b
		COMMAND GETKEYSANDFLAGS SMOVE a b c
		SINTERSTORE d a b c
		SMEMBERS d           # unordered
		OBJECT ENCODING d
		SINTERSTORE d i j
		SMEMBERS d
		OBJECT ENCODING d
		EXPIRE d 100
		SUNIONSTORE d i d k
		SMEMBERS d
		TTL d
		SUNIONSTORE d a b
		OBJECT ENCODING d
		# the destination is a source
		SDIFFSTORE d d a
		SMEMBERS d           # unordered
		SDIFFSTORE d i a
		OBJECT ENCODING d
		SMEMBERS d
		SINTERSTORE d d nope
		EXISTS d
		SINTERSTORE d nope
		SUNIONSTORE d nope nope
		SDIFFSTORE d nope i
		SDIFFSTORE d i i
		SET d string
		SUNIONSTORE d j
		TYPE d
		SINTERSTORE d
		SUNIONSTORE d
		SDIFFSTORE d
		SUNIONSTORE a a
		SCARD a
	`)
}

// TestCrossing makes SDIFF cross out what the others hold, in place of asking
// them for each member: a small set that is subtracted from a large one, twice.
// What was crossed out decides about the encoding, too.
func TestCrossing(t *testing.T) {
	difftest.Run(t, families, `
		SADD a 1 2 3 4 5 6 7 8 9 10 x
		SADD b x 1 nope
		SADD c 2
		SADD d 3 4 nope
		SADD e 5
		SDIFF a b c d e      # unordered
		SDIFFSTORE r a b c d e
		OBJECT ENCODING r
		SMEMBERS r           # unordered
		SREM a x
		OBJECT ENCODING a
		SDIFFSTORE r a b c d e
		OBJECT ENCODING r
		SMEMBERS r
		SADD x 1 2 3 4 5 6
		SADD y 1 2 3
		SADD z 4 5 6
		SADD q 1
		SDIFF x y z q q q q
		SDIFFSTORE r x y z q q q q
		EXISTS r
		CONFIG SET set-max-intset-entries 4
		SDIFFSTORE r a b c d e
		OBJECT ENCODING r
		CONFIG SET set-max-intset-entries 512
	`)
}

// TestForms takes sets over the border between the intset and the tree, from
// either side.
func TestForms(t *testing.T) {
	difftest.Run(t, families, `
		SADD a 1 2 3 4 5
		SADD b 1 2 3 4 5
		SADD c 1 2 3 4 5
		CONFIG SET set-max-intset-entries 4
		SADD a 5
		OBJECT ENCODING a
		SREM a nope
		OBJECT ENCODING a
		SADD a 6
		OBJECT ENCODING a
		SREM b 5
		OBJECT ENCODING b
		SADD b 6
		OBJECT ENCODING b
		SMEMBERS b           # unordered
		SMOVE c d 3
		OBJECT ENCODING c
		OBJECT ENCODING d
		SUNIONSTORE e c
		OBJECT ENCODING e
		SUNIONSTORE e c a
		OBJECT ENCODING e
		SINTERSTORE e c a
		OBJECT ENCODING e
		SADD many 1 2 3 4 5 6
		OBJECT ENCODING many
		SREM many 1 2 3 4 5
		OBJECT ENCODING many
		SADD texts 1 2 x
		OBJECT ENCODING texts
		SREM texts x
		OBJECT ENCODING texts
		CONFIG SET set-max-intset-entries 0
		SADD none 1
		OBJECT ENCODING none
		CONFIG SET set-max-intset-entries 512
	`)
}

func TestPop(t *testing.T) {
	difftest.Run(t, families, `
		SPOP nope
		SPOP nope 0
		SPOP nope 5
		SPOP nope x
		SADD one x
		SPOP one
		EXISTS one
		SADD one 1
		SPOP one
		EXISTS one
		SADD one x
		SPOP one 1
		SADD s 1 2 3 4 5 6 7 8
		SPOP s 0
		SPOP s -1
		SPOP s x
		SPOP s 1.0
		SPOP s 9223372036854775808
		SPOP s               # about
		SPOP s 2             # about
		SCARD s
		OBJECT ENCODING s
		SPOP s 100           # about
		EXISTS s
		SADD s 1 2 3 4 5 6 7 8
		SPOP s 9223372036854775807
		SADD t a b c d e f g h i j k l
		EXPIRE t 100
		SPOP t 11            # about
		SCARD t
		TTL t
		OBJECT ENCODING t
		SPOP t 1             # about
		EXISTS t
		SPOP t 1 2
		SPOP
		CONFIG SET set-max-intset-entries 4
		SADD u 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
		OBJECT ENCODING u
		SPOP u 10            # about
		OBJECT ENCODING u
		SPOP u 9             # about
		OBJECT ENCODING u
		CONFIG SET set-max-intset-entries 512
	`)
}

func TestRandomMembers(t *testing.T) {
	difftest.Run(t, families, `
		SRANDMEMBER nope
		SRANDMEMBER nope 3
		SRANDMEMBER nope -3
		SADD one x
		SRANDMEMBER one
		SRANDMEMBER one 1
		SRANDMEMBER one 10
		SRANDMEMBER one -3
		SRANDMEMBER one 0
		SRANDMEMBER one -9223372036854775808
		SRANDMEMBER one 9223372036854775807
		SRANDMEMBER one 9223372036854775808
		SRANDMEMBER one ""
		SRANDMEMBER one 1 2
		SRANDMEMBER
		SADD s 1 2 3 4 5
		SRANDMEMBER s        # about
		SRANDMEMBER s 1      # about
		SRANDMEMBER s 4      # about
		SRANDMEMBER s 5
		SRANDMEMBER s 6
		SRANDMEMBER s -10    # about
		SADD s a b c
		SRANDMEMBER s 1      # about
		SRANDMEMBER s 8      # unordered
		SRANDMEMBER s 7      # about
		SRANDMEMBER s -10    # about
	`)
}

func TestScan(t *testing.T) {
	difftest.Run(t, families, `
		SSCAN nope 0
		SSCAN nope 5 FOO
		SSCAN nope x
		SSCAN nope
		SADD s 5 1 3 12 -1
		SSCAN s 0
		SSCAN s 7
		SSCAN s 18446744073709551616
		SSCAN s 0 COUNT 1
		SSCAN s 0 COUNT 0
		SSCAN s 0 COUNT x
		SSCAN s 0 COUNT
		SSCAN s 0 MATCH 1*
		SSCAN s 0 MATCH *
		SSCAN s 0 MATCH [51] COUNT 2
		SSCAN s 0 TYPE set
		SSCAN s 0 FOO x
		SADD s a b
		SSCAN s 0 COUNT 100            # unordered
		SSCAN s 0 COUNT 100 MATCH [ab1] # skip
	`)
}

// TestLargeSet works on sets of many members, and of large ones.
func TestLargeSet(t *testing.T) {
	var script strings.Builder
	for from := 0; from < 3000; from += 100 {
		words := [3]string{"SADD ints", "SADD even", "SADD mixed"}
		for i := from; i < from+100; i++ {
			words[0] += fmt.Sprintf(" %d", i)
			words[1] += fmt.Sprintf(" %d", 2*i)
			words[2] += fmt.Sprintf(" %d m%d", 3*i, i)
		}
		script.WriteString(strings.Join(words[:], "\n") + "\n")
	}
	for i := range 6 {
		fmt.Fprintf(&script, "SADD mixed %s\n", strings.Repeat("0123456789", 1<<(2*i)))
	}
	script.WriteString(`
		OBJECT ENCODING ints
		SCARD mixed
		SMEMBERS ints        # unordered
		SMEMBERS mixed       # unordered
		SISMEMBER ints 2999
		SISMEMBER ints 3000
		SINTER ints even mixed # unordered
		SINTERCARD 2 ints even
		SINTERCARD 2 even mixed LIMIT 17
		SUNION ints even     # unordered
		SDIFF mixed ints even # unordered
		SDIFF ints mixed even nope ints2 # unordered
		SUNIONSTORE u ints even mixed
		SCARD u
		SDIFFSTORE d u ints even
		SMEMBERS d           # unordered
		SINTERSTORE d ints even
		OBJECT ENCODING d
		SCARD d
		SSCAN mixed 0 COUNT 100000 # unordered
		SRANDMEMBER mixed 10 # about
		SRANDMEMBER mixed 6000 # about
		SRANDMEMBER mixed 7000 # unordered
		SPOP mixed 3000      # about
		SCARD mixed
		SPOP mixed 2900      # about
		SCARD mixed
		SPOP mixed 200       # about
		EXISTS mixed
		SREM ints 1 2 3 4 5 6 7 8 9 10
		SCARD ints
	`)
	difftest.Run(t, families, script.String())
}

func TestStream(t *testing.T) {
	difftest.RunStream(t, families, `
		SADD s a b 1
		SADD s a c
		SADD s a
		SREM s a nope
		SREM s nope
		SREM s b 1 c d
		SADD s x
		SPOP s
		SADD s 7
		SPOP s
		SADD s 1 2 3
		SPOP s 3
		SPOP s
		SPOP s 5
		SADD s 1
		SPOP s 0
		SPOP s 1
		SADD a 1 2 3
		SADD b 3 4
		SINTERSTORE d a b
		SUNIONSTORE d a b
		SDIFFSTORE d a b
		SINTERSTORE d a nope
		SINTERSTORE d a nope
		SUNIONSTORE d nope
		SMOVE a b 1
		SMOVE a b nope
		SMOVE a b 3
		SMOVE a a 2
		SMOVE a b 2
		MULTI
		SADD q z
		SPOP q
		SADD q 1 2
		SPOP q 2
		SMEMBERS q
		EXEC
		SELECT 2
		SADD s 1
		SDIFFSTORE d s nope
	`)
}

func TestTransactions(t *testing.T) {
	difftest.Run(t, families, `
		SADD s a
		WATCH s
		2> SADD s a
		2> SREM s nope
		2> SMOVE s d nope
		MULTI
		SMEMBERS s
		EXEC
		WATCH d
		2> SMOVE s d a
		MULTI
		EXEC
		WATCH d
		2> SPOP d
		MULTI
		EXEC
		WATCH s
		2> SUNIONSTORE s nope
		MULTI
		PING
		EXEC
		SADD s a
		WATCH s
		2> SUNIONSTORE s nope
		MULTI
		PING
		EXEC
	`)
}

// TestEndlessReply asks for more than the client's buffer may hold, and far more
// than there is memory: the reply ends with the connection.
func TestEndlessReply(t *testing.T) {
	n := difftest.StartNode(t, families, "--client-output-buffer-limit", "normal 1000000 0 0")
	n.Do(t, "SADD", "s", "a", "b")
	c := n.Dial(t)
	c.Send(t, "SRANDMEMBER", "s", "-999999999999")
	if v, err := c.Receive(); err == nil {
		t.Errorf("the client is answered with %d elements", len(v.Elems))
	}
	n.Await(t, "scheduled to be closed ASAP for overcoming of output buffer limits")
}

// TestExpired meets keys that have expired and are still there: each is told on
// the stream before what the command does, and the looks at other keys survive it.
func TestExpired(t *testing.T) {
	var script strings.Builder
	keys := []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8"}
	script.WriteString("DEBUG SET-ACTIVE-EXPIRE 0\nSADD a 1 2 x\nSADD b 2 3 y\n")
	at := time.Now().Add(500 * time.Millisecond).UnixMilli()
	for _, key := range keys {
		fmt.Fprintf(&script, "SADD %s 2 x gone\nPEXPIREAT %s %d\n", key, key, at)
	}
	script.WriteString(`
		DEBUG SLEEP 0.6
		SUNION a e1 b          # unordered
		SINTER a e2 b
		SDIFF a b e3           # unordered
		SMOVE a e4 x
		SMOVE e5 a x
		SINTERSTORE e6 a nope
		SUNIONSTORE e7 a b
		SPOP e8
		SADD e8 again
		SMEMBERS e4
		SMEMBERS e7            # unordered
		SISMEMBER e1 2
		DEBUG DIGEST
		DEBUG SET-ACTIVE-EXPIRE 1
	`)
	difftest.RunStream(t, families, script.String())
}

// TestScanIsComplete scans a set that changes meanwhile: what is there all the
// time is met.
func TestScanIsComplete(t *testing.T) {
	n := difftest.StartNode(t, families)
	c := n.Dial(t)
	stays := map[string]bool{}
	for i := range 20000 {
		member := fmt.Sprintf("stays:%d", i)
		stays[member] = true
		c.Ask(t, "SADD", "s", member)
	}
	for cursor, round := "0", 0; ; round++ {
		reply := c.Ask(t, "SSCAN", "s", cursor, "COUNT", "7")
		for _, member := range reply.Elems[1].Elems {
			delete(stays, member.Str)
		}
		if cursor = reply.Elems[0].Str; cursor == "0" {
			break
		}
		for i := range 50 { // members come and, from some time on twice as fast, go
			c.Ask(t, "SADD", "s", fmt.Sprintf("comes:%d", round*50+i))
			if early := (round - 20) * 100; early >= 0 {
				c.Ask(t, "SREM", "s", fmt.Sprintf("comes:%d", early+i), fmt.Sprintf("comes:%d", early+50+i))
			}
		}
	}
	if len(stays) > 0 {
		t.Errorf("%d members were there all the time and not met", len(stays))
	}
}
