#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The long forms of what make test does in short: hours, on a machine that has
# nothing else to do. What was run, at which commit and with which figures, is
# written to docs/reports/soak.md.
#
#   hack/soak.sh [step…]     all steps if none is named: race fuzz crash mixed
#                            simulation planner hazard bench conformance
set -euo pipefail
. "$(dirname "$0")/lib.sh"

report=$ROOT/docs/reports/soak.md
logs=$ROOT/.work/soak
mkdir -p "$logs"

race() { CGO_ENABLED=1 go test -race -count=20 -tags goheap -run OutsideTheLock ./node/store; }
fuzz() { hack/fuzz.sh 15m; }
crash() { go test -count=1 -timeout 6h ./node/aof/crash -rounds 1000; }
mixed() { ESPALIER_MIXED_ROUNDS=100 go test -count=1 -timeout 6h -v ./hack/mixed; }
simulation() { ESPALIER_SIM_TIME=30m go test -count=1 -timeout 2h -v ./node/repl/sim; }
planner() { ESPALIER_MODEL_TIME=30m go test -count=1 -timeout 2h -v ./controllers/topology; }
hazard() { HAZARD_ROUNDS=500 go test -count=1 -timeout 6h -parallel 5 -v ./hack/hazard; }
# bench tries the plumbing of make bench-repl, whose figures want a quiet machine.
bench() { go test -count=1 -tags smoke ./hack/bench; }
conformance() { hack/conformance.sh; }

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(race fuzz crash mixed simulation planner hazard bench conformance)
for name in "${steps[@]}"; do
	declare -F "$name" >/dev/null || die "there is no step called $name"
done

# The compiler of C is for the race detector.
install_packages redis-server redis-tools iproute2 tcl gcc libc6-dev
hack/kube/build.sh api

begin=$(date -u +%FT%TZ)
failed=()
lines=()
for name in "${steps[@]}"; do
	say "── $name"
	started=$SECONDS
	outcome=passed
	if ! "$name" >"$logs/$name.log" 2>&1; then
		outcome=FAILED
		failed+=("$name")
		tail -40 "$logs/$name.log"
	fi
	lines+=("| $name | $outcome | $(((SECONDS - started) / 60)) min | $(grep -vE '^(=== |--- |PASS|\?)' "$logs/$name.log" | tail -1 | tr '|' '/' | cut -c1-160) |")
done
{
	echo "# Soak"
	echo
	echo "\`hack/soak.sh ${*:-}\`, begun $begin at commit $(git rev-parse --short HEAD), $(nproc) CPUs. The steps are the functions of that script."
	echo
	echo "| step | outcome | time | its last words |"
	echo "|---|---|---|---|"
	printf '%s\n' "${lines[@]}"
} >"$report"
say "$report"
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
