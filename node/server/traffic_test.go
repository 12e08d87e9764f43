// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/espalier-io/espalier/node/resp"
)

// TestRandomTraffic sends requests of all sizes, cut at random places, over
// several connections at once, some of them held in between, and compares
// every reply. It is to take every way that input can take through buffers.
func TestRandomTraffic(t *testing.T) {
	everyWay(t, Options{Loops: 2}, func(t *testing.T, f *fixture) {
		over := false // guarded by the lock
		var resuming sync.WaitGroup
		resuming.Go(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			for !over {
				for s := range f.sessions {
					if s.paused {
						s.conn.Resume()
					}
				}
				f.changed.Wait()
			}
		})
		var talking sync.WaitGroup
		for i := range 6 {
			c := f.dial()
			talking.Go(func() { c.talk(rand.New(rand.NewPCG(uint64(i), 11))) })
		}
		talking.Wait()
		f.Lock()
		over = true
		f.Unlock()
		resuming.Wait()
	})
}

// talk sends pipelines and checks the replies.
func (c client) talk(random *rand.Rand) {
	for range 25 {
		var input []byte
		var replies []string
		for range 1 + random.IntN(40) {
			size := []int{0, 3, 100, 5000, bigArgument - 10 + random.IntN(20), maxIO, 300000}[min(random.IntN(30)/4, 6)]
			switch random.IntN(8) {
			case 0:
				input = append(input, "\r\n*0\r\nPING\r\n"...)
				replies = append(replies, "PONG")
			case 1:
				input = resp.AppendCommand(input, "PAUSED")
				replies = append(replies, "OK")
			case 2:
				input = resp.AppendCommand(input, "BIG", fmt.Sprint(size))
				replies = append(replies, string(bytes.Repeat([]byte("x"), size)))
			default:
				value := string(bytes.Repeat([]byte{byte('a' + random.IntN(26))}, size))
				input = resp.AppendCommand(input, "ECHO", value)
				replies = append(replies, value)
			}
		}
		var sending sync.WaitGroup
		sending.Go(func() {
			for len(input) > 0 {
				n := min(len(input), 1+random.IntN([]int{5, 1000, 40000, 400000}[random.IntN(4)]))
				if _, err := c.Write(input[:n]); err != nil {
					c.t.Error(err)
					return
				}
				input = input[n:]
			}
		})
		for i, want := range replies {
			v, err := c.Reply()
			if err != nil {
				c.t.Errorf("reply %d of %d: %v", i, len(replies), err)
				break
			}
			if v.Str != want {
				c.t.Errorf("reply %d of %d: got %d bytes %.20q, want %d bytes %.20q", i, len(replies), len(v.Str), v.Str, len(want), want)
			}
		}
		sending.Wait()
	}
}
