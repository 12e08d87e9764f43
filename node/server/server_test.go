// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

func TestFragments(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		input := resp.AppendCommand(nil, "SET", "key", "value")
		input = append(input, "GET \"key\"\r\n\r\n*0\r\n"...)
		input = resp.AppendCommand(input, "LEN", strings.Repeat("y", 300))
		for i := range input {
			if _, err := c.Write(input[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		c.expect("OK", "value", "300")
		f.await("the keep-alive", func() bool { return f.keepAlives == 1 })
	})
}

func TestPipeline(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		const n = 10000
		c, other := f.dial(), f.dial()
		var input []byte
		for i := range n {
			input = resp.AppendCommand(input, "ECHO", fmt.Sprint(i))
		}
		go c.Write(input)
		for i := range n {
			c.expect(fmt.Sprint(i))
			if i%1000 == 0 {
				other.send("PING")
				other.expect("PONG")
			}
		}
	})
}

func TestLargeArguments(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		random := rand.New(rand.NewPCG(1, 1))
		for _, size := range []int{bigArgument - 1, bigArgument, maxIO, 1 << 20, trusted + 1<<20, 100} {
			value := bytes.Repeat([]byte{byte('a' + random.IntN(26))}, size)
			value[size/2] = '!'
			input := resp.AppendCommand(nil, []byte("SET"), []byte("k"), value)
			input = resp.AppendCommand(input, "GET", "k")
			input = resp.AppendCommand(input, "PING")
			go c.Write(input)
			c.expect("OK")
			if v, err := c.Reply(); err != nil || v.Str != string(value) {
				t.Fatalf("%d bytes: got %d, %v", size, len(v.Str), err)
			}
			c.expect("PONG")
		}
	})
}

// Many arguments of a request that come slowly are not scanned again and again.
func TestManyArguments(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		argv := []string{"ARGS"}
		for i := range 200000 {
			argv = append(argv, fmt.Sprint(i))
		}
		go c.Write(resp.AppendCommand(nil, argv...))
		c.expect("200001")
	})
}

// A client that does not read gets all its replies in the end, and meanwhile
// others are served.
func TestSlowReader(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		slow, other := f.dial(), f.dial()
		slow.send("NAME slow")
		slow.expect("OK")
		const n, size = 64, 1 << 20
		for range n {
			slow.send(fmt.Sprintf("BIG %d", size), "PING")
		}
		s := f.named("slow")
		for s.conn.Unsent() < n*size/2 {
			other.send("PING")
			other.expect("PONG")
		}
		for range n {
			if v, err := slow.Reply(); err != nil || len(v.Str) != size {
				t.Fatalf("got %d bytes, %v", len(v.Str), err)
			}
			slow.expect("PONG")
		}
		f.awaitUnlocked("Unsent to be 0", func() bool { return s.conn.Unsent() == 0 })
	})
}

func TestManyConnections(t *testing.T) {
	everyWay(t, Options{Loops: 2}, func(t *testing.T, f *fixture) {
		clients := make([]client, 1000)
		for i := range clients {
			clients[i] = f.dial()
		}
		for round := range 3 {
			for i, c := range clients {
				c.send(fmt.Sprintf("SET k%d %d", i, round), fmt.Sprintf("GET k%d", i))
			}
			for _, c := range clients {
				c.expect("OK", fmt.Sprint(round))
			}
		}
		for _, c := range clients[:500] {
			c.Close()
		}
		f.await("500 disconnects", func() bool { return f.disconnected == 500 })
		clients[999].send("PING")
		clients[999].expect("PONG")
	})
}

func TestDisconnectInMidRequest(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		for i, part := range []string{"", "*", "*2\r\n$3\r\nGE", "PIN", "*1\r\n$100000\r\nabc"} {
			c := f.dial()
			c.send("PING")
			c.expect("PONG")
			io.WriteString(c, part)
			c.Close()
			f.await("the disconnect", func() bool { return f.disconnected == i+1 })
		}
	})
}

func TestHold(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c, other := f.dial(), f.dial()
		c.send("ECHO 1", "BLOCK k", "ECHO 2", "BLOCK k", "ECHO 3")
		c.expect("1")
		for i := range 2 {
			f.await("the block", func() bool {
				for s := range f.sessions {
					if s.waiting == "k" {
						return true
					}
				}
				return false
			})
			c.send(fmt.Sprintf("ECHO late%d", i))
			other.send("PING", "WAKE k")
			other.expect("PONG", "OK")
			c.expect("woken", fmt.Sprint(2+i))
		}
		c.expect("late0", "late1")
		c.send("PING")
		c.expect("PONG")
	})
}

// A blocking request and the one that wakes it come at the same time.
func TestHoldAndWakeAtOnce(t *testing.T) {
	everyWay(t, Options{Loops: 2}, func(t *testing.T, f *fixture) {
		a, b := f.dial(), f.dial()
		for i := range 300 {
			a.send("BLOCK k", "ECHO x")
			for woken := 0; woken <= i; {
				b.send("WAKE k")
				b.expect("OK")
				f.mu.Lock()
				woken = f.woken
				f.mu.Unlock()
			}
			a.expect("woken", "x")
		}
	})
}

func TestPostpone(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.send("NAME p", "PAUSED", "ECHO after")
		c.expect("OK")
		s := f.named("p")
		f.await("the pause", func() bool { return s.paused })
		if used, free := s.conn.InputBuffer(); used+free < 0 {
			t.Fatal(used, free)
		}
		s.conn.Resume()
		c.expect("OK", "after")
	})
}

// A held connection does not take in without bound what its peer sends.
func TestHeldInputIsBounded(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.send("NAME held", "BLOCK k")
		c.expect("OK")
		s := f.named("held")
		const n, size = 200, 100 << 10
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			value := strings.Repeat("v", size)
			for range n {
				c.Write(resp.AppendCommand(nil, "LEN", value))
			}
		}()
		f.awaitUnlocked("much input", func() bool {
			used, _ := s.conn.InputBuffer()
			return used >= maxHeld
		})
		if used, free := s.conn.InputBuffer(); used+free > 3*maxHeld {
			t.Errorf("%d bytes are held", used+free)
		}
		other := f.dial()
		other.send("WAKE k")
		c.expect("woken")
		for range n {
			c.expect(fmt.Sprint(size))
		}
		<-sent
	})
}

func TestPushFromElsewhere(t *testing.T) {
	everyWay(t, Options{Loops: 2}, func(t *testing.T, f *fixture) {
		const clients, pushers, each = 20, 4, 200
		var all []client
		var sessions []*toySession
		for i := range clients {
			c := f.dial()
			c.send(fmt.Sprintf("NAME c%d", i))
			c.expect("OK")
			all, sessions = append(all, c), append(sessions, f.named(fmt.Sprintf("c%d", i)))
		}
		var pushing sync.WaitGroup
		for p := range pushers {
			pushing.Go(func() {
				for i := range each {
					for _, s := range sessions {
						s.push(fmt.Sprintf("%d.%d", p, i))
					}
				}
			})
		}
		for _, c := range all {
			next := [pushers]int{}
			for range pushers * each {
				v, err := c.Reply()
				if err != nil {
					t.Fatal(err)
				}
				var p, i int
				fmt.Sscanf(v.Str, "%d.%d", &p, &i)
				if next[p] != i {
					t.Fatalf("pusher %d: got %d, want %d", p, i, next[p])
				}
				next[p]++
			}
		}
		pushing.Wait()
	})
}

func TestHalfClose(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		const n, size = 500, 20 << 10
		for range n {
			c.send(fmt.Sprintf("BIG %d", size))
		}
		c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		for i := range n {
			if v, err := c.Reply(); err != nil || len(v.Str) != size {
				t.Fatalf("reply %d: %d bytes, %v", i, len(v.Str), err)
			}
		}
		c.expectEnd()
		f.await("the disconnect", func() bool { return f.disconnected == 1 })
	})
}

// A blocked client that goes away is noticed, even with much input held.
func TestDisconnectWhileHeld(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.send("BLOCK k", "PING")
		f.await("the block", func() bool { return f.connected == 1 && len(f.sessions) == 1 })
		c.Close()
		f.await("the disconnect", func() bool { return f.disconnected == 1 })
	})
}

func TestProtocolErrors(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		for _, c := range []struct {
			input string
			want  []string
		}{
			{"*1\r\nx\r\n", []string{"ERR Protocol error: expected '$', got 'x'"}},
			{"PING\r\nECHO 1\r\n*x\r\nPING\r\n", []string{"PONG", "1", "ERR Protocol error: invalid multibulk length"}},
			{"QUIT\r\nPING\r\n", []string{"OK"}},
			{strings.Repeat("a", resp.MaxInline+100), []string{"ERR Protocol error: too big inline request"}},
		} {
			conn := f.dial()
			io.WriteString(conn, c.input)
			conn.expect(c.want...)
			conn.expectEnd()
		}
	})
}

// The limits of those who have no password end with AUTH, in the same pipeline.
// Replies to guarded writes leave only as long as the handler allows it, and
// those that still wait in our own buffers are no exception.
func TestGuardedReplies(t *testing.T) {
	everyWay(t, Options{Loops: 1}, func(t *testing.T, f *fixture) {
		reader, writer, slow := f.dial(), f.dial(), f.dial()
		writer.send("GUARDED")
		writer.expect("OK") // and allowed

		const n, size = 64, 1 << 20
		slow.send("NAME slow")
		slow.expect("OK")
		for range n {
			slow.send("GUARDED", fmt.Sprintf("BIG %d", size))
		}
		unsent := f.named("slow").conn
		f.awaitUnlocked("replies that the kernel does not take", func() bool { return unsent.Unsent() >= n*size/2 })

		reader.send("PING")
		reader.expect("PONG") // taken after all that was guarded, which counts
		f.withheld.Store(true)
		reader.send("PING")
		reader.expect("PONG")
		late := f.dial()
		late.send("PING")
		late.expect("PONG")
		writer.send("GUARDED")
		writer.expectEnd()
		if got, _ := io.Copy(io.Discard, slow.Conn); got >= n*size {
			t.Errorf("all of %d bytes left after the handler had withheld them", got)
		}
	})
}

// A reply that another one's guarded write brought (BLPOP) is guarded too,
// wherever the loop stands, and with input behind the command that waits.
func TestGuardedPush(t *testing.T) {
	for _, c := range []struct {
		what string
		send []string
		busy bool // the loop waits for the lock, with nothing to execute
	}{
		{"idle", []string{"BLOCK k"}, false},
		{"in a turn without requests", []string{"BLOCK k"}, true},
		{"with more input", []string{"BLOCK k", "PING"}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			everyWay(t, Options{Loops: 1}, func(t *testing.T, f *fixture) {
				waiter, other := f.dial(), f.dial()
				waiter.send("NAME waiter")
				waiter.expect("OK")
				other.send("NAME other")
				other.expect("OK")
				w, o := f.named("waiter"), f.named("other")
				waiter.send(c.send...)
				f.await("the wait", func() bool { return w.waiting == "k" })
				// Another loop, here the test, is in its turn.
				f.toy.Lock()
				if c.busy {
					o.conn.Flush()
					time.Sleep(50 * time.Millisecond) // for the loop to come to the lock
				}
				f.guarded.Add(1)
				w.waiting = ""
				w.reply.Simple("woken")
				w.conn.Resume()
				f.withheld.Store(true) // the lease is over
				f.toy.Unlock()
				waiter.expectEnd()
			})
		})
	}
}

func TestLimitsFollowAuth(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		f.mu.Lock()
		f.password = "p"
		f.mu.Unlock()
		long := "LEN " + strings.Repeat("x", 20<<10)
		c := f.dial()
		c.send("PING", "AUTH", long)
		c.expect("PONG", "OK", fmt.Sprint(20<<10))
		c = f.dial()
		c.send("PING", long)
		c.expect("PONG", "ERR Protocol error: unauthenticated bulk length")
		c.expectEnd()
	})
}

func TestRefusal(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		f.mu.Lock()
		f.max = 1
		f.mu.Unlock()
		first := f.dial()
		first.send("PING")
		first.expect("PONG")
		second := f.dial()
		second.expect("ERR max number of clients reached")
		second.expectEnd()
		first.send("QUIT")
		first.expect("OK")
		first.expectEnd()
		f.await("the first one's end", func() bool { return len(f.sessions) == 0 })
		third := f.dial()
		third.send("PING")
		third.expect("PONG")
		if stats := f.server.Stats(); stats.Connections != 3 || stats.Refused != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestCloseByEngine(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		victim, other := f.dial(), f.dial()
		victim.send("NAME victim")
		victim.expect("OK")
		s := f.named("victim")
		other.send("DROP victim", "PING")
		other.expect("OK", "PONG")
		victim.expectEnd()
		f.await("the disconnect", func() bool { return f.disconnected == 1 })
		s.conn.Flush() // notes to the dead do no harm
		s.conn.Resume()
		s.conn.Close(true)

		victim = f.dial()
		victim.send("NAME victim")
		victim.expect("OK")
		s = f.named("victim")
		s.toy.Lock()
		s.reply.Simple("last words")
		s.conn.Close(true)
		s.toy.Unlock()
		victim.expect("last words")
		victim.expectEnd()
	})
}

func TestQueryBufferLimit(t *testing.T) {
	everyWay(t, Options{MaxQueryBuffer: 100 << 20}, func(t *testing.T, f *fixture) {
		f.server.SetMaxQueryBuffer(1 << 20)
		c := f.dial()
		c.send("LEN " + strings.Repeat("x", 900<<10))
		c.expect(fmt.Sprint(900 << 10))
		go c.Write(resp.AppendCommand(nil, "LEN", strings.Repeat("x", 3<<20)))
		c.expectEnd()
		f.awaitUnlocked("the counter", func() bool { return f.server.Stats().QueryBufferKill == 1 })
	})
}

func TestStop(t *testing.T) {
	everyWay(t, Options{Loops: 2}, func(t *testing.T, f *fixture) {
		var clients []client
		for range 10 {
			c := f.dial()
			c.send("PING")
			c.expect("PONG")
			clients = append(clients, c)
		}
		clients[0].send("BLOCK k")
		f.server.StopAccepting()
		clients[1].send("PING")
		clients[1].expect("PONG")
		f.server.Stop()
		if f.disconnected != 10 {
			t.Errorf("%d of 10 disconnected", f.disconnected)
		}
		for _, c := range clients {
			c.expectEnd()
		}
		if err := f.server.Listen([]string{"127.0.0.1"}, 1); f.network != "tcp" && err != ErrStopped {
			t.Errorf("Listen after Stop: %v", err)
		}
	})
}

func TestStats(t *testing.T) {
	everyWay(t, Options{}, func(t *testing.T, f *fixture) {
		c := f.dial()
		c.send("PING", "PING")
		c.expect("PONG", "PONG")
		want := Stats{Connections: 1, InputBytes: 28, OutputBytes: 14}
		f.awaitUnlocked("the counters", func() bool { return f.server.Stats() == want })
	})
}

// Connections that come, talk and go at random, killed by each other, with
// descriptors used again all the time.
func TestChurn(t *testing.T) {
	everyWay(t, Options{Loops: 2}, func(t *testing.T, f *fixture) {
		var workers sync.WaitGroup
		for w := range 8 {
			workers.Go(func() {
				random := rand.New(rand.NewPCG(uint64(w), 7))
				for i := range 100 {
					c := f.dial()
					name := fmt.Sprintf("n%d", random.IntN(8))
					want := fmt.Sprintf("%d-%d", w, i)
					_, err := c.Write(resp.AppendCommand(resp.AppendCommand(nil, "NAME", name), "ECHO", want))
					if random.IntN(3) == 0 {
						c.Write(resp.AppendCommand(nil, "DROP", fmt.Sprintf("n%d", random.IntN(8))))
					}
					if err == nil && random.IntN(2) == 0 {
						// Whoever is answered at all is answered what it asked.
						if v, err := c.Reply(); err == nil {
							if v.Str != "OK" {
								t.Errorf("got %q to NAME", v.Str)
							}
							if v, err = c.Reply(); err == nil && v.Str != want {
								t.Errorf("got %q, want %q", v.Str, want)
							}
						}
					}
					c.Close()
				}
			})
		}
		workers.Wait()
		f.await("all to be gone", func() bool { return len(f.sessions) == 0 })
	})
}
