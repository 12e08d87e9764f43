#!/usr/bin/env bash
# Every test that needs no cluster. Installs what it needs: Debian packages as
# root, Go modules through the Go module proxy.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

command -v go >/dev/null || die "Go is not installed: https://go.dev/doc/install"

step "Debian packages" install_packages redis-server redis-tools etcd-server
step "lint and walls" hack/lint.sh
step "build the binaries" make --no-print-directory build
step "build a kube-apiserver for the API tests" hack/kube/build.sh
step "tests" go test -timeout 15m ./...
report_steps
