#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds the Dockerfile for amd64 and arm64 and looks at what came out. It needs
# no registry: in place of the official Go image the build stage gets one that
# is made here, of a shell and this machine's own Go and its caches.
set -euo pipefail
source "$(dirname "$0")/../lib.sh" # install_packages, die; goes to the root folder

work=$PWD/.work/dockerfile-check
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
export BUILDAH_ISOLATION=chroot

main() {
	[[ $EUID == 0 ]] || die "the Dockerfile check needs root"
	install_packages buildah busybox-static
	rm -rf "$work"
	mkdir -p "$work"
	trap 'rm -rf "$work"' EXIT

	go mod download
	make_go_image
	local arch
	for arch in amd64 arm64; do
		build_image "$arch"
		inspect_image "$arch"
	done
	run_image "$(go env GOARCH)"
}

# make_go_image stands in for the official image: the shell is in it, Go and its
# caches are mounted when it is used.
make_go_image() {
	local container
	container=$(buildah "${storage[@]}" from scratch)
	buildah "${storage[@]}" copy --quiet "$container" /bin/busybox /bin/sh >/dev/null
	buildah "${storage[@]}" copy --quiet "$container" /bin/busybox /bin/mkdir >/dev/null
	buildah "${storage[@]}" config --env PATH=/usr/local/go/bin:/bin --env GOTOOLCHAIN=local --env GOPROXY=off \
		--env GOMODCACHE=/go/mod --env GOCACHE=/go/build --env HOME=/tmp "$container"
	buildah "${storage[@]}" commit --quiet --rm "$container" local/go >/dev/null
}

build_image() {
	local arch=$1
	# Older buildahs do not set BUILDPLATFORM themselves.
	if ! buildah "${storage[@]}" build --quiet --pull-never --platform "linux/$arch" \
		--build-arg GO_IMAGE=local/go --build-arg "BUILDPLATFORM=linux/$(go env GOARCH)" \
		--volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/go/mod" --volume "$(go env GOCACHE):/go/build" \
		--tag "espalier:$arch" . >"$work/$arch.log" 2>&1; then
		tail -n 20 "$work/$arch.log" >&2
		die "the Dockerfile was not built for linux/$arch"
	fi
}

# inspect_image holds the image against what the Dockerfile promises.
inspect_image() {
	local arch=$1 container folder machine program
	expect "$arch" architecture "$arch" "$(inspect "$arch" .OCIv1.Architecture)"
	expect "$arch" user 65532:65532 "$(inspect "$arch" .OCIv1.Config.User)"
	expect "$arch" entrypoint '[/node]' "$(inspect "$arch" .OCIv1.Config.Entrypoint)"
	container=$(buildah "${storage[@]}" from --pull-never --arch "$arch" "espalier:$arch")
	folder=$(buildah "${storage[@]}" mount "$container")
	expect "$arch" files "/data 65532
/manager 0
/node 0" "$(find "$folder" -mindepth 1 ! -path "$folder/dev*" ! -path "$folder/proc*" ! -path "$folder/sys*" -printf '/%P %U\n' | sort)"
	# Bytes 18 and 19 of an ELF file name the machine.
	case $arch in amd64) machine=3e00 ;; arm64) machine=b700 ;; esac
	for program in manager node; do
		expect "$arch" "machine of /$program" $machine "$(od -An -tx1 -j18 -N2 "$folder/$program" | tr -d ' ')"
	done
	buildah "${storage[@]}" rm "$container" >/dev/null
	echo "Dockerfile: linux/$arch has /manager and /node, for user 65532"
}

# run_image starts the default program as the image says.
run_image() {
	local arch=$1 container answer
	container=$(buildah "${storage[@]}" from --pull-never --arch "$arch" "espalier:$arch")
	answer=$(buildah "${storage[@]}" run "$container" -- /node --version)
	echo "Dockerfile: it runs: $answer"
	buildah "${storage[@]}" rm "$container" >/dev/null
}

inspect() { buildah "${storage[@]}" inspect --type image --format "{{$2}}" "espalier:$1"; }

expect() {
	[[ $3 == "$4" ]] || die "Dockerfile for linux/$1: $2 is $4, want $3"
}

main
