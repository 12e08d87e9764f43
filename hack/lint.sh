#!/usr/bin/env bash
# Formatting, vet, static analysis, import walls, generated files.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || die "not formatted, run make fmt: $unformatted"

headless=$(git ls-files '*.go' | xargs grep -L 'SPDX-License-Identifier: Apache-2.0' || true)
[ -z "$headless" ] || die "without the licence lines of hack/boilerplate.go.txt: $headless"

hack/generate.sh --check

go vet ./...
mkdir -p bin/tools
go -C hack/tools build -o "$ROOT/bin/tools/staticcheck" honnef.co/go/tools/cmd/staticcheck
bin/tools/staticcheck ./...
go test ./hack/walls
