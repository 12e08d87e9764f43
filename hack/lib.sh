# Shell functions of the scripts in hack/. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install_packages makes sure that Debian packages are there. Mirrors fail now
# and then: the set-up is tried three times.
install_packages() {
	local missing=() p
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return
	[ "$(id -u)" = 0 ] || die "these Debian packages are missing and only root can install them: ${missing[*]}"
	command -v apt-get >/dev/null || die "these packages are missing and this is no Debian: ${missing[*]}"
	local try
	for try in 1 2 3; do
		# A machine's own services are not wanted: the tests start their servers.
		if { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
			timeout 600 apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$ROOT/.work/apt.log" 2>&1; then
			return
		fi
		sleep 3
	done
	tail -20 "$ROOT/.work/apt.log" >&2
	die "apt-get could not install: ${missing[*]}"
}

# Minutes of each step, printed at the end and when a step fails.
STEPS=()
step() { # step "name" command…
	local name=$1 begin=$SECONDS status=0
	shift
	say "── $name"
	"$@" || status=$?
	STEPS+=("$(printf '%-46s %5.1f min' "$name" "$(awk "BEGIN{print ($SECONDS-$begin)/60}")")")
	if [ $status -ne 0 ]; then
		report_steps
		die "step failed: $name"
	fi
}
report_steps() {
	say "Minutes of each step"
	printf '  %s\n' "${STEPS[@]}"
	printf '  %-46s %5.1f min\n' "all" "$(awk "BEGIN{print $SECONDS/60}")"
}

mkdir -p "$ROOT/.work"
