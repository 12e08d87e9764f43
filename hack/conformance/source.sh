#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Fetches the source package of Debian's Redis 7.0.15, whose test suite
# hack/conformance runs, into .work/conformance/redis. None of it becomes part of
# the project. Debian's own package lists say where it is, and its signatures
# that it is what it should be.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

version=7.0.15
area=$ROOT/.work/conformance
target=$area/redis
[ -x "$target/runtest" ] && exit 0

fetch() {
	local lists=$area/lists apt
	mkdir -p "$lists/partial" "$area/parts"
	# The machine's own sources, as sources of source packages.
	: >"$area/sources.list"
	rm -f "$area"/parts/*
	local file
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -f "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$area/parts/$(basename "$file")"
	done
	[ -f /etc/apt/sources.list ] && sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$area/sources.list"
	apt=(-qq -o "Dir::Etc::SourceList=$area/sources.list" -o "Dir::Etc::SourceParts=$area/parts"
		-o "Dir::State::Lists=$lists" -o APT::Sandbox::User=root)
	(cd "$area" && apt-get "${apt[@]}" update && apt-get "${apt[@]}" source --download-only redis)
}

command -v apt-get >/dev/null || die "Redis's suite comes from Debian's source package, and this is no Debian"
mkdir -p "$area"
for try in 1 2 3; do
	if fetch >"$area/fetch.log" 2>&1; then
		break
	fi
	[ "$try" = 3 ] && { tail -20 "$area/fetch.log" >&2; die "the source of Redis could not be fetched"; }
	sleep 3
done
archive=$(ls "$area"/redis_$version.orig.tar.* 2>/dev/null | head -1)
[ -n "$archive" ] || die "Debian's Redis is no longer $version: $(ls "$area")"
rm -rf "$target.new"
mkdir "$target.new"
tar -xf "$archive" -C "$target.new" --strip-components=1
mv "$target.new" "$target"
