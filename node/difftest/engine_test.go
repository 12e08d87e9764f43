// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package difftest_test

import (
	"testing"

	"github.com/espalier-io/espalier/node/difftest"
	"github.com/espalier-io/espalier/node/engine"
	"github.com/espalier-io/espalier/node/keys"
	"github.com/espalier-io/espalier/node/strings"
)

func all() engine.Families { return engine.Families{strings.Commands(), keys.Commands()} }

func TestConnection(t *testing.T) {
	difftest.Run(t, all(), `
		PING
		PING hello
		PING a b
		ping
		ECHO "a b\r\nc"
		ECHO
		ECHO a b
		SELECT 3
		SELECT 16
		SELECT -1
		SELECT x
		SELECT 99999999999999999999
		SELECT 0
		AUTH x
		AUTH default x
		AUTH nobody x
		AUTH default
		AUTH a b c
		HELLO x
		HELLO 4
		HELLO 1
		HELLO 2 SETNAME
		HELLO 2 SETNAME "a b"
		HELLO 2 NOSUCH x
		HELLO 3 SETNAME me AUTH default x # about: id
		CLIENT GETNAME
		HELLO # about: id
		HELLO 3 AUTH nobody x
		HELLO 2 # about: id
		CLIENT GETNAME
		RESET
		CLIENT GETNAME
		CLIENT
		CLIENT ID # about
		CLIENT ID x
		CLIENT NOSUCH
		CLIENT SETNAME
		CLIENT SETNAME "a\nb"
		CLIENT SETNAME me
		CLIENT GETNAME
		CLIENT SETNAME ""
		CLIENT GETNAME
		CLIENT NO-EVICT on
		CLIENT NO-EVICT maybe
		CLIENT NO-EVICT off
		CLIENT REPLY maybe
		CLIENT REPLY ON
		CLIENT GETREDIR
		CLIENT TRACKINGINFO
		CLIENT KILL 127.0.0.1:1
		CLIENT KILL ID x
		CLIENT KILL ID 0
		CLIENT KILL ID 987654321
		CLIENT KILL TYPE nosuch
		CLIENT KILL TYPE replica
		CLIENT KILL TYPE master SKIPME no
		CLIENT KILL USER nobody
		CLIENT KILL SKIPME maybe
		CLIENT KILL ADDR 127.0.0.1:1 LADDR 127.0.0.1:2 ID 3
		CLIENT KILL ADDR
		CLIENT KILL ID 3 ADDR
		CLIENT LIST TYPE nosuch
		CLIENT LIST TYPE replica
		CLIENT LIST ID x
		CLIENT LIST ID 987654321
		CLIENT LIST NOSUCH x
		CLIENT PAUSE x
		CLIENT PAUSE -1
		CLIENT PAUSE 1 nosuch
		CLIENT PAUSE 0
		CLIENT PAUSE 1 WRITE
		CLIENT UNPAUSE
		CLIENT UNBLOCK x
		CLIENT UNBLOCK 987654321
		CLIENT UNBLOCK 987654321 nosuch
		NOSUCH
		NOSUCH a b "c d" '\'' "\x00"
		nosuch "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x"
		GET
		GET a b
		"get" a
	`)
}

func TestTransactions(t *testing.T) {
	difftest.Run(t, all(), `
		EXEC
		DISCARD
		MULTI
		MULTI
		SET a 1
		GET a
		INCR a
		EXEC
		GET a
		MULTI
		SET a 2
		NOSUCH
		SET a 3
		EXEC
		GET a
		MULTI
		SET a
		EXEC
		MULTI
		SET a b
		INCR a
		GET a
		EXEC
		MULTI
		SET a 5
		DISCARD
		GET a
		MULTI
		WATCH a
		EXEC
		WATCH
		UNWATCH

		# a watched key that changes
		WATCH a
		2> SET a 6
		MULTI
		GET a
		EXEC
		# and that does not
		WATCH a
		2> GET a
		MULTI
		GET a
		EXEC
		# a change by the watcher itself counts
		WATCH a
		SET a 7
		MULTI
		EXEC
		# EXEC forgets what was watched
		2> SET a 8
		MULTI
		GET a
		EXEC
		# UNWATCH forgets
		WATCH a
		2> SET a 9
		UNWATCH
		MULTI
		GET a
		EXEC
		# DISCARD forgets
		WATCH a
		MULTI
		DISCARD
		2> SET a 10
		MULTI
		GET a
		EXEC
		# a key of another database is another key
		WATCH a
		2> SELECT 5
		2> SET a 1
		MULTI
		GET a
		EXEC
		WATCH a
		SELECT 5
		WATCH a
		2> DEL a
		SELECT 0
		MULTI
		GET a
		EXEC

		# FLUSHDB and FLUSHALL touch what is there
		2> SELECT 0
		2> SET a 1
		WATCH a nothere
		2> FLUSHALL
		MULTI
		PING
		EXEC
		WATCH nothere
		2> FLUSHALL
		MULTI
		PING
		EXEC
		SET a 1
		WATCH a
		2> FLUSHDB
		MULTI
		PING
		EXEC
		# SWAPDB touches what is on either side
		SELECT 1
		SET b 1
		SELECT 0
		WATCH b
		2> SWAPDB 0 1
		MULTI
		PING
		EXEC
		WATCH c
		2> SWAPDB 0 1
		MULTI
		PING
		EXEC

		# a key that had expired before the watch began
		DEBUG SET-ACTIVE-EXPIRE 0
		SET x 1 PX 1
		DEBUG SLEEP 0.01
		WATCH x
		2> DEL x
		MULTI
		PING
		EXEC
		# and one that expires while it is watched
		SET x 1 PX 5
		WATCH x
		DEBUG SLEEP 0.02
		MULTI
		PING
		EXEC
		DEBUG SET-ACTIVE-EXPIRE 1

		# errors and special commands inside
		MULTI
		SELECT 2
		SET only here
		PING
		ECHO x
		SAVE
		EXEC
		MULTI
		SELECT 2
		SET only here
		DBSIZE
		EXEC
		DBSIZE
		SELECT 0
		DBSIZE
	`)
}

func TestServer(t *testing.T) {
	difftest.Run(t, all(), `
		SET a 1
		SET b 2
		DBSIZE
		FLUSHDB x
		FLUSHDB ASYNC x
		FLUSHDB ASYNC
		DBSIZE
		SET a 1
		FLUSHALL SYNC
		DBSIZE
		FLUSHALL nosuch
		SWAPDB 0 x
		SWAPDB x 0
		SWAPDB 0 99
		SWAPDB 0 -1
		SET a 1
		SWAPDB 0 4
		GET a
		SELECT 4
		GET a
		SWAPDB 4 4
		GET a
		TIME # about
		TIME x
		LASTSAVE # about
		SAVE
		BGSAVE x
		BGSAVE a b
		MEMORY
		MEMORY NOSUCH
		MEMORY USAGE nosuch
		MEMORY USAGE a # about
		MEMORY USAGE a SAMPLES # code
		MEMORY USAGE a SAMPLES x
		MEMORY USAGE a SAMPLES 5 # about
		MEMORY USAGE a SAMPLES -1
		MEMORY PURGE
		MEMORY DOCTOR # about
		LATENCY LATEST
		LATENCY HISTORY nosuch
		LATENCY RESET
		LATENCY RESET a b
		LATENCY GRAPH nosuch
		LATENCY DOCTOR # about
		SLOWLOG LEN # about
		SLOWLOG RESET
		SLOWLOG GET x
		SLOWLOG GET -2
		SLOWLOG GET 1 2
		CONFIG SET slowlog-log-slower-than 0
		SLOWLOG RESET
		ECHO "a long one 012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
		PING
		SLOWLOG GET 1 # about
		SLOWLOG LEN
		CONFIG SET slowlog-log-slower-than 10000
		INFO nosuch
		INFO keyspace
		INFO cluster
		INFO modules
		INFO server # about
		CONFIG GET maxmemory
		CONFIG GET nosuch
		CONFIG GET save dbfilename # unordered
		CONFIG GET
		CONFIG SET maxmemory
		CONFIG SET maxmemory x
		CONFIG SET nosuch 1
		CONFIG SET maxmemory 100mb slowlog-max-len 5
		CONFIG GET maxmemory slowlog-max-len # unordered
		CONFIG SET maxmemory 0 port 99999
		CONFIG GET maxmemory
		CONFIG SET maxmemory 0
		CONFIG REWRITE
		CONFIG RESETSTAT
		CONFIG NOSUCH
		SHUTDOWN NOSUCH
		SHUTDOWN ABORT
		SHUTDOWN SAVE NOSAVE
		SHUTDOWN ABORT NOW
		MULTI
		SHUTDOWN
		EXEC
		COMMAND COUNT # about
		COMMAND GETKEYS
		COMMAND GETKEYS NOSUCH a
		COMMAND GETKEYS GET
		COMMAND GETKEYS GET a b
		COMMAND GETKEYS GET a
		COMMAND GETKEYS MSET a b c d
		COMMAND GETKEYS MGET a b c d
		COMMAND GETKEYS PING
		COMMAND GETKEYSANDFLAGS GET a
		COMMAND GETKEYSANDFLAGS SET a b
		COMMAND GETKEYSANDFLAGS SET a b XX get
		COMMAND GETKEYSANDFLAGS MSET a b c d
		COMMAND LIST FILTERBY ACLCAT nosuch
		COMMAND LIST FILTERBY PATTERN getr*
		COMMAND LIST FILTERBY MODULE nosuch
		COMMAND LIST FILTERBY x y
		COMMAND LIST FILTERBY
		COMMAND INFO nosuch
		COMMAND DOCS nosuch
		COMMAND NOSUCH
	`)
}

func TestDebug(t *testing.T) {
	difftest.Run(t, all(), `
		DEBUG
		DEBUG NOSUCH
		DEBUG SLEEP
		DEBUG DIGEST
		SET a 1
		SET b "some text"
		SET c d EX 1000
		SELECT 3
		SET e f
		SELECT 0
		DEBUG DIGEST
		DEBUG DIGEST-VALUE a b c nosuch
		DEBUG DIGEST-VALUE
		DEBUG RELOAD
		DEBUG DIGEST
		DEBUG RELOAD NOSAVE
		DEBUG RELOAD NOFLUSH MERGE
		DEBUG DIGEST
		DEBUG RELOAD NOSUCH
		DEBUG OBJECT nosuch
		DEBUG OBJECT a # about
		DEBUG POPULATE 10
		DEBUG POPULATE 5 key 20
		DEBUG POPULATE 5 other 20
		DEBUG POPULATE x
		DEBUG DIGEST
		GET key:3
		GET other:3
		DEBUG PROTOCOL string
		DEBUG PROTOCOL integer
		DEBUG PROTOCOL double
		DEBUG PROTOCOL bignum
		DEBUG PROTOCOL null
		DEBUG PROTOCOL array
		DEBUG PROTOCOL set
		DEBUG PROTOCOL map
		DEBUG PROTOCOL attrib
		DEBUG PROTOCOL true
		DEBUG PROTOCOL false
		DEBUG PROTOCOL verbatim
		DEBUG PROTOCOL nosuch
		DEBUG ERROR "MYERR some text"
		DEBUG ERROR "two\r\nlines"
		DEBUG LOG hello
		DEBUG SLEEP 0
		DEBUG SET-ACTIVE-EXPIRE 1
		DEBUG HTSTATS x
		DEBUG HTSTATS 99
		DEBUG HTSTATS 0 # about
		DEBUG CHANGE-REPL-ID
		DEBUG QUICKLIST-PACKED-THRESHOLD 100b
		DEBUG SET-SKIP-CHECKSUM-VALIDATION 0
		DEBUG REPLICATE PING
	`)
}

func TestCommandInfo(t *testing.T) {
	difftest.Info(t, nil, "client|setinfo")
}
