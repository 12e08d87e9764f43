#!/usr/bin/env bash
# Formatting, vet, static analysis, import walls, generated files.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
[ -z "$unformatted" ] || die "not formatted, run make fmt: $unformatted"

headless=$(git ls-files '*.go' | xargs grep -L 'SPDX-License-Identifier: Apache-2.0' || true)
[ -z "$headless" ] || die "without the licence lines of hack/boilerplate.go.txt: $headless"

hack/generate.sh --check

# With the tag, so that what runs on a cluster only is looked at too.
go vet -tags e2e ./...
mkdir -p bin/tools
go -C hack/tools build -o "$ROOT/bin/tools/staticcheck" honnef.co/go/tools/cmd/staticcheck
bin/tools/staticcheck -tags e2e ./...
go test ./hack/walls
