// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// TestListsThroughChains writes lists, before the first sync and behind it, over
// both kinds of servers, while workers wait for jobs: every job is done once, and
// what one server holds, all hold.
func TestListsThroughChains(t *testing.T) {
	for i, chain := range [][]kind{{aNode, aRedis}, {aRedis, aNode}, {aNode, aRedis, aNode}, {aRedis, aNode, aRedis}} {
		t.Run(fmt.Sprint(chain), func(t *testing.T) {
			t.Parallel()
			var servers []*server
			for i, k := range chain {
				servers = append(servers, start(t, k, fmt.Sprintf("%s-%d", k, i), "--list-max-listpack-size", "8"))
			}
			master := servers[0]
			r := rand.New(rand.NewPCG(uint64(i), 6))
			fillLists(master)
			const workers, jobs = 4, 2000
			var crew []*worker
			for n := range workers {
				crew = append(crew, master.work(n))
			}
			for job := range jobs {
				if job == jobs/3 {
					for i, s := range servers[1:] {
						s.follow(servers[i].addr())
					}
				}
				offer(master, job)
				changeList(master, r)
			}
			var done []string
			master.await("all jobs to be taken", func() bool { return master.do("EXISTS", "jobs", "urgent jobs").Int == 0 })
			for range workers {
				master.do("RPUSH", "jobs", "stop")
			}
			for _, w := range crew {
				done = append(done, w.end(t)...)
			}
			awaitSame(t, master, servers[1:]...)
			checkJobs(t, done, jobs)
			last := servers[len(servers)-1]
			for k := range 6 {
				key := fmt.Sprintf("l%d", k)
				if a, b := master.do("LRANGE", key, "0", "-1").Text(), last.do("LRANGE", key, "0", "-1").Text(); a != b {
					t.Errorf("%s on the master and on the last replica:\n%s\n%s", key, a, b)
				}
			}
		})
	}
}

func checkJobs(t *testing.T, done []string, jobs int) {
	t.Helper()
	slices.Sort(done)
	if distinct := len(slices.Compact(slices.Clone(done))); len(done) != jobs || distinct != jobs {
		t.Errorf("of %d jobs %d were done, %d different ones", jobs, len(done), distinct)
	}
}

// worker takes jobs from a connection of its own until it is told to stop.
type worker struct {
	jobs []string
	done chan error
}

// work starts a worker; n is its number.
func (s *server) work(n int) *worker {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr())
	if err != nil {
		s.t.Fatal(err)
	}
	w := &worker{done: make(chan error, 1)}
	go func() {
		defer conn.Close()
		w.done <- w.run(conn, n)
	}()
	return w
}

func (w *worker) run(conn net.Conn, n int) error {
	replies := resp.NewReader(conn, 64<<10)
	ask := func(argv ...string) (resp.Value, error) {
		_ = conn.SetDeadline(time.Now().Add(patience)) // a broken connection shows in the write
		if _, err := conn.Write(resp.AppendCommand(nil, argv...)); err != nil {
			return resp.Value{}, err
		}
		v, err := replies.Reply()
		if err == nil {
			err = v.Err()
		}
		return v, err
	}
	own := fmt.Sprintf("working:%d", n)
	for turn := n; ; turn++ {
		job, err := w.take(ask, turn, own)
		if err != nil || job == "stop" {
			return err
		}
		if job == "" {
			continue // none for a while
		}
		w.jobs = append(w.jobs, job)
		if _, err := ask("LREM", own, "0", job); err != nil {
			return err
		}
	}
}

// take waits for a job in one of the ways that there are.
func (w *worker) take(ask func(...string) (resp.Value, error), turn int, own string) (job string, err error) {
	var v resp.Value
	switch turn % 5 {
	case 0:
		v, err = ask("BLMOVE", "jobs", own, "LEFT", "RIGHT", "0.05")
		return v.Str, err
	case 1:
		v, err = ask("BRPOPLPUSH", "urgent jobs", own, "0.01")
		return v.Str, err
	case 2:
		v, err = ask("BLPOP", "urgent jobs", "jobs", "0")
	case 3:
		v, err = ask("BRPOP", "none", "urgent jobs", "jobs", "0")
	default:
		v, err = ask("BLMPOP", "0", "3", "none", "urgent jobs", "jobs", "LEFT", "COUNT", "1")
		if err == nil {
			return v.Elems[1].Elems[0].Str, nil
		}
	}
	if err != nil || v.IsNull() {
		return "", err
	}
	return v.Elems[1].Str, nil
}

// end waits until the worker has found the word to stop, and returns its jobs.
func (w *worker) end(t *testing.T) []string {
	t.Helper()
	if err := <-w.done; err != nil {
		t.Errorf("after %d jobs: %v", len(w.jobs), err)
	}
	return w.jobs
}

// offer gives the workers a job, by one of the ways in which a list comes to be.
func offer(s *server, n int) {
	s.t.Helper()
	job := fmt.Sprint("job ", n)
	switch n % 5 {
	case 0, 1:
		s.do("RPUSH", "jobs", job)
	case 2:
		s.do("RPUSH", "urgent jobs", job)
	case 3:
		s.do("MULTI")
		s.do("LPUSH", "jobs", job)
		s.do("INCR", "jobs offered")
		s.do("EXEC")
	case 4:
		s.do("RPUSH", "a job", job)
		s.do("LMOVE", "a job", "jobs", "LEFT", "LEFT")
	}
}

// fillLists makes lists of many small elements and of a few large ones.
func fillLists(s *server) {
	s.t.Helper()
	for from := 0; from < 20000; from += 500 {
		push := []string{"RPUSH", "long list"}
		for i := from; i < from+500; i++ {
			push = append(push, fmt.Sprint("element ", i), fmt.Sprint(i*i))
		}
		s.do(push...)
	}
	s.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "5000b")
	s.do("RPUSH", "large elements", strings.Repeat("x", 100_000), "small", strings.Repeat("0123456789", 600), "", "\x00\xff")
	s.do("PEXPIREAT", "large elements", "99999999999999")
}

// changeList runs a random command.
func changeList(s *server, r *rand.Rand) {
	s.t.Helper()
	list := func() string { return fmt.Sprintf("l%d", r.IntN(6)) }
	end := func() string { return []string{"LEFT", "RIGHT"}[r.IntN(2)] }
	element := strings.Repeat(fmt.Sprint(r.IntN(20)), 1+r.IntN(30))
	key := list()
	switch r.IntN(12) {
	case 0, 1:
		s.do("LPUSH", key, element, fmt.Sprint(r.Int64()), "x")
	case 2, 3:
		s.do("RPUSH", key, element, "1", "2", element)
	case 4:
		s.do("LPOP", key, fmt.Sprint(r.IntN(6)))
	case 5:
		s.do("RPOP", key)
	case 6:
		s.do("LINSERT", key, "AFTER", "x", element)
	case 7:
		s.do("LREM", key, fmt.Sprint(r.IntN(5)-2), "1")
	case 8:
		s.do("LTRIM", key, "1", "60")
	case 9:
		s.do("LMOVE", key, list(), end(), end())
	case 10:
		s.do("LMPOP", "2", key, list(), end(), "COUNT", fmt.Sprint(1+r.IntN(4)))
	case 11:
		if s.do("LLEN", key).Int > 3 {
			s.do("LSET", key, fmt.Sprint(r.IntN(6)-3), element)
		}
		s.do("BLPOP", "long list", "0")
	}
}
