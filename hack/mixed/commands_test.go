// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package mixed

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// family is the commands of one type: a command that may change one of its
// keys. The limits of the packed encodings are low enough that values grow out
// of them.
type family struct {
	name   string
	change func(r *rand.Rand, f family) []string
}

// keysPerFamily is few, so that commands meet each other's work.
const keysPerFamily = 8

func (f family) key(r *rand.Rand) string {
	if r.IntN(20) == 0 && f.name != "number" && f.name != "string" {
		return f.name + ":large"
	}
	return fmt.Sprintf("%s:%d", f.name, r.IntN(keysPerFamily))
}

var families = []family{
	{"string", changeString},
	{"number", changeNumber},
	{"hash", changeHash},
	{"list", changeList},
	{"set", changeSet},
	{"zset", changeSortedSet},
}

// change is one command, or a transaction.
func change(r *rand.Rand) [][]string {
	switch r.IntN(40) {
	case 0:
		return [][]string{{"SELECT", strconv.Itoa(r.IntN(databases))}}
	case 1:
		commands := [][]string{{"MULTI"}}
		for range r.IntN(5) {
			f := families[r.IntN(len(families))]
			commands = append(commands, f.change(r, f))
		}
		return append(commands, []string{"EXEC"})
	case 2, 3:
		return [][]string{{"RPUSH", fmt.Sprintf("queue:%d", r.IntN(2)), text(r), text(r)}}
	case 4:
		return [][]string{{"ZADD", fmt.Sprintf("zqueue:%d", r.IntN(2)), score(r), text(r), score(r), text(r)}}
	case 5:
		return [][]string{{"SELECT", "0"}, {"LTRIM", "queue:done", "0", "50"}}
	case 6, 7, 8, 9:
		f := families[r.IntN(len(families))]
		return [][]string{changeKey(r, f)}
	case 10:
		return [][]string{seldom(r)}
	}
	f := families[r.IntN(len(families))]
	return [][]string{f.change(r, f)}
}

// seldom is what touches a whole database, now and then.
func seldom(r *rand.Rand) []string {
	switch r.IntN(50) {
	case 0:
		return []string{"FLUSHDB", []string{"SYNC", "ASYNC"}[r.IntN(2)]}
	case 1, 2:
		return []string{"SWAPDB", strconv.Itoa(r.IntN(databases)), strconv.Itoa(r.IntN(databases))}
	}
	return []string{"MOVE", families[r.IntN(len(families))].key(r), strconv.Itoa(databases - 1)}
}

// changeKey is what all types have in common.
func changeKey(r *rand.Rand, f family) []string {
	key, other := f.key(r), fmt.Sprintf("%s:copy%d", f.name, r.IntN(3))
	switch r.IntN(11) {
	case 0:
		return []string{"DEL", key, other}
	case 1:
		return []string{"UNLINK", key}
	case 2:
		return []string{"PEXPIRE", key, strconv.Itoa(1 + r.IntN(300))}
	case 3:
		return []string{"EXPIRE", key, "1000", "NX"}
	case 4:
		return []string{"PERSIST", key}
	case 5:
		return []string{"COPY", key, other, "REPLACE"}
	case 6:
		return []string{"COPY", other, key, "DB", strconv.Itoa(r.IntN(databases)), "REPLACE"}
	case 7:
		if key == other {
			return []string{"TOUCH", key}
		}
		return []string{"RENAME", other, key}
	case 8:
		return []string{"PEXPIREAT", key, "1"}
	case 9:
		return []string{"SORT", "list:0", "ALPHA", "LIMIT", "0", "20", "STORE", "list:sorted"}
	}
	return []string{"EXPIREAT", key, "99999999999"}
}

func changeString(r *rand.Rand, f family) []string {
	key := f.key(r)
	switch r.IntN(10) {
	case 0:
		return []string{"SET", key, text(r), "PX", strconv.Itoa(1 + r.IntN(200))}
	case 1:
		return []string{"SET", key, text(r), "EX", "1000", "GET"}
	case 2:
		return []string{"APPEND", key, text(r)}
	case 3:
		return []string{"SETRANGE", key, strconv.Itoa(r.IntN(2000)), text(r)}
	case 4:
		return []string{"GETDEL", key}
	case 5:
		return []string{"GETEX", key, "PX", strconv.Itoa(1 + r.IntN(1000))}
	case 6:
		return []string{"MSET", key, text(r), f.key(r), text(r)}
	case 7:
		return []string{"SET", key, text(r), "KEEPTTL"}
	}
	return []string{"SET", key, text(r)}
}

func changeNumber(r *rand.Rand, f family) []string {
	switch key := f.key(r); r.IntN(4) {
	case 0:
		return []string{"INCR", key + ":n"}
	case 1:
		return []string{"DECRBY", key + ":n", strconv.Itoa(r.IntN(1000))}
	case 2:
		return []string{"INCRBYFLOAT", key + ":f", score(r)}
	default:
		return []string{"SET", key, strconv.Itoa(r.IntN(1000000))}
	}
}

func changeHash(r *rand.Rand, f family) []string {
	key := f.key(r)
	switch r.IntN(8) {
	case 0:
		return []string{"HDEL", key, element(r), element(r), element(r)}
	case 1:
		return []string{"HINCRBY", key, "n", strconv.Itoa(r.IntN(100) - 50)}
	case 2:
		return []string{"HINCRBYFLOAT", key, "f", score(r)}
	case 3:
		return []string{"HSETNX", key, element(r), text(r)}
	}
	return []string{"HSET", key, element(r), text(r), element(r), strconv.Itoa(r.IntN(1000))}
}

func changeList(r *rand.Rand, f family) []string {
	key := f.key(r)
	switch r.IntN(12) {
	case 0:
		return []string{"LPOP", key, strconv.Itoa(r.IntN(5))}
	case 1:
		return []string{"RPOP", key}
	case 2:
		return []string{"LTRIM", key, strconv.Itoa(r.IntN(3)), "60"}
	case 3:
		return []string{"LSET", key, strconv.Itoa(r.IntN(60) - 30), text(r)}
	case 4:
		return []string{"LINSERT", key, "BEFORE", element(r), text(r)}
	case 5:
		return []string{"LREM", key, strconv.Itoa(r.IntN(5) - 2), element(r)}
	case 6:
		return []string{"LMOVE", key, f.key(r), "LEFT", []string{"LEFT", "RIGHT"}[r.IntN(2)]}
	case 7:
		return []string{"LMPOP", "2", key, f.key(r), "RIGHT", "COUNT", "3"}
	case 8:
		return []string{"LPUSH", key, element(r), text(r)}
	case 9:
		return []string{"RPUSHX", key, element(r)}
	}
	return []string{"RPUSH", key, text(r), element(r)}
}

func changeSet(r *rand.Rand, f family) []string {
	key := f.key(r)
	switch r.IntN(9) {
	case 0:
		return []string{"SREM", key, element(r), strconv.Itoa(r.IntN(100))}
	case 1:
		return []string{"SPOP", key}
	case 2:
		return []string{"SPOP", key, strconv.Itoa(r.IntN(10))}
	case 3:
		return []string{"SMOVE", key, f.key(r), element(r)}
	case 4:
		return []string{[]string{"SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"}[r.IntN(3)], "set:result", key, f.key(r)}
	case 5:
		return []string{"SADD", key, element(r), element(r)}
	}
	return []string{"SADD", key, strconv.Itoa(r.IntN(100)), strconv.Itoa(r.IntN(1000000))}
}

func changeSortedSet(r *rand.Rand, f family) []string {
	key := f.key(r)
	switch r.IntN(13) {
	case 0:
		return []string{"ZREM", key, element(r), element(r)}
	case 1:
		return []string{"ZINCRBY", key, score(r), element(r)}
	case 2:
		return []string{"ZPOPMIN", key, strconv.Itoa(r.IntN(4))}
	case 3:
		return []string{"ZPOPMAX", key}
	case 4:
		return []string{"ZREMRANGEBYRANK", key, "40", "60"}
	case 5:
		return []string{"ZREMRANGEBYSCORE", key, "(0", "10"}
	case 6:
		return []string{"ZADD", key, "GT", "CH", score(r), element(r)}
	case 7:
		return []string{[]string{"ZUNIONSTORE", "ZINTERSTORE"}[r.IntN(2)], "zset:result", "2", key, f.key(r), "WEIGHTS", "2", "0.5"}
	case 8:
		return []string{"ZRANGESTORE", "zset:result", key, "5", "30"}
	case 9:
		return []string{"ZMPOP", "2", key, f.key(r), "MIN", "COUNT", "2"}
	case 10:
		return []string{"GEOADD", key, fmt.Sprintf("%.4f", r.Float64()*360-180), fmt.Sprintf("%.4f", r.Float64()*160-80), element(r)}
	}
	return []string{"ZADD", key, score(r), element(r), score(r), element(r)}
}

// text is a value: mostly short, seldom longer than a packed collection takes,
// sometimes a number.
func text(r *rand.Rand) string {
	switch r.IntN(30) {
	case 0:
		return strings.Repeat("long ", 20+r.IntN(2000))
	case 1:
		return ""
	case 2, 3, 4:
		return strconv.FormatInt(r.Int64()-r.Int64(), 10)
	case 5:
		return "\x00\xff\r\n" + strconv.Itoa(r.IntN(100))
	}
	return strings.Repeat("t", r.IntN(60)) + strconv.Itoa(r.IntN(1000))
}

// element is a field, member or element that comes again.
func element(r *rand.Rand) string { return "e" + strconv.Itoa(r.IntN(80)) }

// score is a float. Never -0: Redis loses its sign when it packs a sorted set,
// which a replica may do at its first sync and its master may not.
func score(r *rand.Rand) string {
	if r.IntN(12) == 0 {
		return "1e100"
	}
	return strconv.FormatFloat(float64(r.IntN(10000))/8-600, 'f', -1, 64)
}
