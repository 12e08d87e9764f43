#!/usr/bin/env bash
# Every test that needs no cluster. Installs what it needs: Debian packages as
# root, Go modules through the Go module proxy.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

command -v go >/dev/null || die "Go is not installed: https://go.dev/doc/install"

# unit_tests runs every package but the hazard, which is a step of its own.
unit_tests() { go test -timeout 15m $(go list ./... | grep -v /hack/hazard$); }

step "Debian packages" install_packages redis-server redis-tools iproute2
step "build a kube-apiserver for the tests of the API" hack/kube/build.sh api
step "build Helm for the tests of the chart" hack/kube/build.sh helm
step "build the binaries" make --no-print-directory build
step "lint and walls" hack/lint.sh
step "unit, differential and API tests" unit_tests
step "the hazard, by processes" go test -count=1 -timeout 15m -parallel 5 ./hack/hazard
report_steps
