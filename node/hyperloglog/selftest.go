// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/espalier-io/espalier/node/command"
)

// pfSelfTest draws registers and elements by chance, and looks whether what it
// reads back and the estimates are right. It goes up to a million elements, where
// Redis takes ten: nobody else is served meanwhile.
func pfSelfTest(ctx *command.Context) {
	const most = 1e6
	err := testRegisters()
	if err == "" {
		err = testEstimates(most, ctx.Store.Limits().SparseHLL)
	}
	if err != "" {
		ctx.Error("TESTFAILED " + err)
		return
	}
	ctx.Reply.OK()
}

// testRegisters says what is wrong with the registers of the dense form.
func testRegisters() string {
	const rounds = 100
	s := make(sketch, denseSize)
	var want [registers]byte
	for range rounds {
		for i := range want {
			want[i] = byte(rand.IntN(64))
			s.set(i, want[i])
		}
		for i, v := range want {
			if got := s.get(i); got != v {
				return fmt.Sprintf("Register %d should be %d but is %d", i, v, got)
			}
		}
	}
	return ""
}

// testEstimates says what is wrong with the estimates for so many elements, of
// both forms.
func testEstimates(most, limit int) string {
	dense, sparse := make(sketch, denseSize), sketch(newSketch)
	standardError := 1.04 / math.Sqrt(registers)
	seed := rand.Uint64()
	checkpoint := 1
	for n := 1; n <= most; n++ {
		var element [8]byte
		binary.LittleEndian.PutUint64(element[:], uint64(n)^seed)
		dense.setDense(place(element[:]))
		sparse, _, _ = sparse.add(element[:], limit)
		if n != checkpoint {
			continue
		}
		if n < limit/2 && !sparse.sparse() {
			return "sparse encoding not used"
		}
		got, _ := dense.count()
		if other, _ := sparse.count(); other != got {
			return "dense/sparse disagree"
		}
		tolerance := math.Ceil(standardError * 6 * float64(n))
		if n == 10 {
			tolerance = 1 // of so few, two in one register weigh much
		}
		if off := math.Abs(float64(n) - float64(got)); off > tolerance {
			return fmt.Sprintf("Too big error. card:%d abserr:%.0f", n, off)
		}
		checkpoint *= 10
	}
	return ""
}
