// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-io/espalier/node/redistest"
)

// sameAsRedis compares with the listpack at the end of what DUMP gives: before
// it stand the type and up to seven bytes of lengths, behind it the version and
// the checksum.
func sameAsRedis(t *testing.T, redis *redistest.Server, key, step string, lp []byte) {
	t.Helper()
	dump := []byte(redis.Do("DUMP", key).Str)
	dump = dump[:len(dump)-10]
	if !bytes.HasSuffix(dump, lp) || len(dump) > len(lp)+8 {
		t.Fatalf("after %.100s:\n  redis %.300q\n  here  %.300q", step, dump, lp)
	}
}

// sample is a value of every kind of encoding.
func sample(random *rand.Rand) string {
	switch random.IntN(4) {
	case 0:
		return strconv.Itoa(random.IntN(200))
	case 1:
		return strconv.FormatInt(int64(random.Uint64())>>random.IntN(64), 10)
	case 2:
		return strings.Repeat("v", random.IntN(70))
	}
	return strings.Repeat("w", random.IntN(1<<random.IntN(15)))
}

func start(t *testing.T) *redistest.Server {
	return redistest.Start(t, t.TempDir(), "--rdbcompression", "no", "--list-max-listpack-size", "-5",
		"--hash-max-listpack-entries", "10000", "--hash-max-listpack-value", "100000")
}

func TestListAsRedis(t *testing.T) {
	redis := start(t)
	random := rand.New(rand.NewPCG(1, 2))
	lp := New()
	for range 600 {
		e := sample(random)
		var argv []string
		switch n := Len(lp); {
		case len(lp) > 45000: // Redis begins another node at 64 KiB
			argv, lp = []string{"LTRIM", "l", "2", "-1"}, Delete(lp, First(lp), 2)
		case n < 3 || random.IntN(5) == 0:
			argv, lp = []string{"RPUSH", "l", e}, Append(lp, []byte(e))
		case random.IntN(4) == 0:
			argv, lp = []string{"LPUSH", "l", e}, Prepend(lp, []byte(e))
		case random.IntN(3) == 0:
			i := random.IntN(2*n) - n
			argv, lp = []string{"LSET", "l", strconv.Itoa(i), e}, Replace(lp, Seek(lp, i), []byte(e))
		case random.IntN(2) == 0:
			pivot := string(Get(lp, Seek(lp, random.IntN(n))).Append(nil))
			argv = []string{"LINSERT", "l", "BEFORE", pivot, e}
			lp = Insert(lp, Find(lp, First(lp), []byte(pivot), 0), []byte(e))
		default:
			argv, lp = []string{"LPOP", "l", "2"}, Delete(lp, First(lp), 2)
		}
		redis.Do(argv...)
		sameAsRedis(t, redis, "l", fmt.Sprint(argv), lp)
	}
}

func TestHashAsRedis(t *testing.T) {
	redis := start(t)
	random := rand.New(rand.NewPCG(3, 4))
	lp := New()
	for range 600 {
		field, value := strconv.Itoa(random.IntN(40)-20), sample(random)
		if random.IntN(2) == 0 {
			field = "field" + field
		}
		off := Find(lp, First(lp), []byte(field), 1)
		switch {
		case off < 0:
			redis.Do("HSET", "h", field, value)
			lp = Append(Append(lp, []byte(field)), []byte(value))
		case random.IntN(3) > 0 || Len(lp) == 2:
			redis.Do("HSET", "h", field, value)
			lp = Replace(lp, Next(lp, off), []byte(value))
		default:
			redis.Do("HDEL", "h", field)
			lp = Delete(lp, off, 2)
		}
		sameAsRedis(t, redis, "h", field+"="+value, lp)
	}
}
