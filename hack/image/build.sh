#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Packs bin/manager and bin/node into one image, without a base image:
#
#   hack/image/build.sh [NAME:TAG [ARCHIVE]]    espalier:dev and bin/espalier.tar by default
#
# Every container starter loads the archive: docker load, podman load, kind load
# image-archive, hack/cluster/do.sh load. The Dockerfile makes the same image.
set -euo pipefail
cd "$(dirname "$0")/../.."

for program in manager node; do
	[[ -x bin/$program ]] || { echo "bin/$program is missing: run make build" >&2 && exit 1; }
done
go run ./hack/image -o "${2:-bin/espalier.tar}" -name "${1:-espalier:dev}" -entrypoint /node \
	/manager=bin/manager /node=bin/node
