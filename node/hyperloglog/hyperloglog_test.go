// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog_test

import (
	"fmt"
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/hyperloglog"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/lists"
	"github.com/espalier-io/espalier/node/strings"
)

var families = engine.Families{hyperloglog.Commands(), strings.Commands(), lists.Commands(), keys.Commands()}

func TestInfo(t *testing.T) {
	difftest.Info(t, engine.Families{hyperloglog.Commands()}, "client|setinfo")
}

func TestAddAndCount(t *testing.T) {
	difftest.Run(t, families, `
		PFADD h
		PFADD h
		GET h
		OBJECT ENCODING h
		PFCOUNT h
		GET h
		PFADD h a b c
		PFADD h a b c
		PFADD h ""
		GET h
		PFCOUNT h
		GET h
		PFCOUNT h
		PFADD h a
		GET h
		PFADD h 1 2 3 4 5 6 7 8 9 10 "an element of more than eight bytes" 12345678 123456789
		DUMP h
		PFCOUNT h
		DUMP h
		EXPIRE h 100
		PFADD h x
		TTL h
		PFCOUNT h
		TTL h
		PFCOUNT nope
		PFCOUNT nope nope2
		PFADD g a b z
		PFCOUNT h g
		PFCOUNT h nope g h
		GET h
		PFADD
		PFCOUNT
		DEBUG DIGEST
	`)
}

func TestMerge(t *testing.T) {
	difftest.Run(t, families, `
		PFADD a 1 2 3
		PFADD b 3 4 5
		PFMERGE c a b
		GET c
		PFCOUNT c
		PFMERGE c
		GET c
		PFMERGE empty
		GET empty
		PFMERGE empty2 nope
		GET empty2
		PFMERGE a a b
		DUMP a
		EXPIRE a 100
		PFMERGE a b
		TTL a
		PFDEBUG TODENSE b
		PFMERGE a b
		PFDEBUG ENCODING a
		DUMP a
		PFMERGE new b
		PFDEBUG ENCODING new
		DEBUG DIGEST
		PFMERGE
	`)
}

func TestRefused(t *testing.T) {
	difftest.Run(t, families, `
		SET s "not one of them, but long enough"
		SET short HYLL
		SET n 12345678901234567
		RPUSH l 1
		PFADD s a
		PFADD short a
		PFADD n a
		PFADD l a
		PFCOUNT s
		PFCOUNT n
		PFCOUNT l
		PFCOUNT nope s
		PFCOUNT nope l
		PFMERGE s nope
		PFMERGE d s
		PFMERGE d nope l
		EXISTS d
		PFDEBUG ENCODING s
		PFDEBUG ENCODING l
		PFADD h a b c
		COPY h tail
		APPEND tail hello
		PFCOUNT tail
		PFCOUNT tail h
		PFMERGE d tail
		PFADD tail a
		PFADD tail new1 new2
		PFDEBUG DECODE tail
		PFDEBUG GETREG tail
		PFDEBUG TODENSE tail
		COPY h vals
		APPEND vals "\x80\x80"
		PFCOUNT vals
		PFCOUNT vals h
		PFMERGE d vals
		PFDEBUG TODENSE vals
		COPY h cut
		APPEND cut "\x40"
		PFCOUNT cut
		PFDEBUG DECODE cut
		SET few "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x10"
		PFCOUNT few
		PFADD few a b c d
		GET few
		SET none "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"
		PFCOUNT none
		PFADD none a
		PFCOUNT none nope
		PFDEBUG DECODE none
		COPY h magic
		SETRANGE magic 0 0123
		PFCOUNT magic
		COPY h form
		SETRANGE form 4 x
		PFCOUNT form
		SETRANGE form 4 "\x00"
		PFCOUNT form
		COPY h cache
		SETRANGE cache 8 "\x01\x02\x03\x04\x05\x06\x07\x00"
		PFCOUNT cache
		COPY h dense
		PFDEBUG TODENSE dense
		APPEND dense x
		PFCOUNT dense
		DEBUG DIGEST
	`)
}

// TestImpossibleRegisters has registers that no hash leads to.
func TestImpossibleRegisters(t *testing.T) {
	script := "PFADD h\nPFDEBUG TODENSE h\n"
	for _, b := range []string{`\xff`, `\x33`, `\xcf`} {
		text := ""
		for range 12288 {
			text += b
		}
		script += fmt.Sprintf("SETRANGE h 16 \"%s\"\nSETRANGE h 15 \"\\x80\"\nPFCOUNT h\nGETRANGE h 0 15\nPFCOUNT h h\nPFADD h a b c\n", text)
	}
	difftest.Run(t, families, script)
}

func TestDebug(t *testing.T) {
	difftest.Run(t, families, `
		PFDEBUG ENCODING nope
		PFDEBUG what nope
		PFADD h a b c d
		PFDEBUG what h
		PFDEBUG encoding h
		PFDEBUG decode h
		PFDEBUG getreg h
		PFDEBUG encoding h
		GETRANGE h 0 15
		PFDEBUG decode h
		PFDEBUG todense h
		PFADD h2 x y
		PFCOUNT h2
		PFDEBUG todense h2
		GETRANGE h2 0 15
		PFDEBUG getreg h2
		PFDEBUG getreg
		PFDEBUG getreg h more
		PFSELFTEST
		PFSELFTEST x
		DEBUG DIGEST
	`)
}

func TestSparseLimit(t *testing.T) {
	for _, limit := range []string{"0", "16", "20", "100"} {
		t.Run(limit, func(t *testing.T) {
			script := "CONFIG SET hll-sparse-max-bytes " + limit + "\nPFADD h\nPFDEBUG ENCODING h\n"
			for i := range 40 {
				script += fmt.Sprintf("PFADD h e%d\nPFDEBUG ENCODING h\nPFCOUNT h\nDUMP h\n", i)
			}
			difftest.Run(t, families, script+"PFMERGE m h\nDUMP m\nCONFIG SET hll-sparse-max-bytes 3000\n")
		})
	}
}

func TestStream(t *testing.T) {
	difftest.RunStream(t, families, `
		PFADD h
		PFADD h
		PFADD h a b c
		PFADD h a
		PFCOUNT h
		PFCOUNT h
		PFCOUNT h h
		PFCOUNT nope
		PFMERGE m h
		PFMERGE m h
		PFDEBUG DECODE h
		PFDEBUG TODENSE h
		PFDEBUG TODENSE h
		PFDEBUG GETREG m
		PFDEBUG GETREG m
		WATCH h
		PFADD h z
		MULTI
		PFCOUNT h
		EXEC
		WATCH h
		2> PFCOUNT h
		MULTI
		PFCOUNT h
		EXEC
		PFSELFTEST
	`)
}

// TestCorruptedStaysAsItWas: Redis keeps the elements that it had added before it
// noticed, and its replicas do not hear of them.
func TestCorruptedStaysAsItWas(t *testing.T) {
	node := difftest.StartNode(t, families)
	const cut = "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\x00" // half the registers
	node.Do(t, "SET", "h", cut)
	refused := false
	for i := range 50 {
		element := fmt.Sprint(i)
		before := node.Do(t, "GET", "h").Str
		if v := node.Do(t, "PFADD", "h", element, element+"x", element+"y"); v.Err() != nil {
			refused = true
			if after := node.Do(t, "GET", "h").Str; after != before {
				t.Fatalf("PFADD is answered %s and changes %q to %q", v.Text(), before, after)
			}
		}
	}
	if !refused {
		t.Error("no PFADD was refused")
	}
}
