#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Generates everything that follows from the API types: validation rules,
# deepcopy methods, CRDs (config/ and the Helm chart) and the API reference.
# `--check` fails if that changes a file.
set -euo pipefail
cd "$(dirname "$0")/.."

generated=(
  api/v1alpha1/zz_generated.rules.go
  api/v1alpha1/zz_generated.deepcopy.go
  config/crd/bases
  charts/espalier/files/crds
  docs/reference/api.md
)

digest() {
  (find "${generated[@]}" -type f 2>/dev/null || true) | LC_ALL=C sort | xargs -r sha256sum
}

before=$(digest)

mkdir -p bin/tools
go -C hack/tools build -o "$PWD/bin/tools/controller-gen" sigs.k8s.io/controller-tools/cmd/controller-gen

go run ./api/v1alpha1/internal/rulesgen api/v1alpha1/zz_generated.rules.go
bin/tools/controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
bin/tools/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
mkdir -p charts/espalier/files/crds
cp config/crd/bases/*.yaml charts/espalier/files/crds/
mkdir -p docs/reference
go run ./api/v1alpha1/internal/refgen docs/reference/api.md config/crd/bases/*.yaml

if [[ "${1:-}" == --check && "$before" != "$(digest)" ]]; then
  echo "generated files were out of date: run hack/generate.sh and commit the result" >&2
  diff <(echo "$before") <(digest) >&2 || true
  exit 1
fi
