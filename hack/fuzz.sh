#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes what reads bytes of others: dumps, append-only files, RESTORE payloads,
# listpacks, a master's replies and its stream.
#
#   hack/fuzz.sh [TIME]    so long each, in Go's words; 30s if not given
#
# An input that fails is written below testdata/fuzz of its package, to be kept
# with the repair; go test runs it from then on.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

targets=(
	"./node/rdb FuzzLoad"
	"./node/rdb FuzzRestore"
	"./node/aof FuzzReader"
	"./node/dataset FuzzPut"
	"./node/repl FuzzUpstream"
	"./node/repl FuzzStream"
)

# Two beside each other, each with one processor.
lanes=2
time=${1:-30s}

fuzz() { # fuzz lane: every second of the targets
	local i package name log
	for ((i = $1; i < ${#targets[@]}; i += lanes)); do
		read -r package name <<<"${targets[i]}"
		log=$ROOT/.work/fuzz-$name-$(basename "$package").log
		if ! go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -parallel 1 >"$log" 2>&1; then
			echo "$package $name failed:"
			tail -60 "$log"
			return 1
		fi
		if ! grep -q 'execs: ' "$log"; then
			echo "$package has no fuzz test $name"
			return 1
		fi
		echo "$package $name for $time: $(grep -o 'execs: [0-9]*' "$log" | tail -1)"
	done
}

pids=()
for ((lane = 0; lane < lanes; lane++)); do
	fuzz $lane &
	pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do
	wait "$pid" || failed=1
done
exit $failed
