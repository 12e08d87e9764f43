#!/usr/bin/env bash
# Every test that needs no cluster. Installs what it needs: Debian packages as
# root, Go modules through the Go module proxy.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

command -v go >/dev/null || die "Go is not installed: https://go.dev/doc/install"

# alone are packages whose processes want the machine for themselves: each is a
# step of its own.
alone='/(hack/(hazard|safety|mixed)|node/aof/crash)$'
unit_tests() { go test -timeout 15m $(go list ./... | grep -vE "$alone"); }

# rough does beside each other what asks nothing of the clock.
rough() {
	local killed=$ROOT/.work/killed.log status=0
	go test -count=1 -timeout 10m ./node/aof/crash -rounds 50 >"$killed" 2>&1 &
	hack/fuzz.sh 30s || status=1
	wait $! || status=1
	cat "$killed"
	return $status
}

step "Debian packages" install_packages redis-server redis-tools iproute2
step "build a kube-apiserver for the tests of the API" hack/kube/build.sh api
step "build Helm for the tests of the chart" hack/kube/build.sh helm
step "build the binaries" make --no-print-directory build
step "lint and walls" hack/lint.sh
step "unit, differential and API tests" unit_tests
step "the hazard, by processes" go test -count=1 -timeout 15m -parallel 5 ./hack/hazard
step "the safety protocol's sequences, by processes" go test -count=1 -timeout 10m ./hack/safety
step "mixed trees of nodes and redis-servers" go test -count=1 -timeout 15m ./hack/mixed
step "killed at random moments, 50 rounds; fuzzed, 30 s each" rough
report_steps
