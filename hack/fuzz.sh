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

time=${1:-30s}
for target in "${targets[@]}"; do
	read -r package name <<<"$target"
	printf '%s %s for %s: ' "$package" "$name" "$time"
	log=$ROOT/.work/fuzz.log
	if ! go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time" >"$log" 2>&1; then
		echo "failed"
		tail -60 "$log" >&2
		exit 1
	fi
	grep -o 'execs: [0-9]*' "$log" | tail -1
done
