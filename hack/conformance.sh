#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs Redis's own test suite against the node:
#
#   hack/conformance.sh                      what the node has to pass
#   hack/conformance.sh unit/type/list …     these files
set -euo pipefail
. "$(dirname "$0")/lib.sh"

command -v go >/dev/null || die "Go is not installed: https://go.dev/doc/install"
install_packages redis-tools tcl
hack/conformance/source.sh
make --no-print-directory build
exec go run ./hack/conformance "$@"
