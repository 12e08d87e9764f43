#!/usr/bin/env bash
# Measures the node beside Debian's redis-server, in turn, and prints ratios.
# BENCH_SHORT=1 takes a quick look. Arguments go to hack/bench.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

command -v go >/dev/null || die "Go is not installed: https://go.dev/doc/install"
install_packages redis-server redis-tools

version=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version" -o .work/bench/ ./cmd/node ./hack/bench

args=()
[ "${BENCH_SHORT:-0}" = 0 ] || args+=(-short)
exec .work/bench/bench -node .work/bench/node "${args[@]}" "$@"
