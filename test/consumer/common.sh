# Read by the consumer tests: a scratch folder, a copy of the sources in it, and words for checks.
# shellcheck shell=bash

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A cache of programs of its own; ccache keeps its place.
if command -v ccache >/dev/null; then CCACHE_DIR=$(ccache -k cache_dir) && export CCACHE_DIR; fi
export XDG_CACHE_HOME="$scratch/cache"

fail() {
  echo "FAILED: $1" >&2
  [ $# -lt 2 ] || printf '%s\n' "$2" >&2
  exit 1
}

# check WHAT TEXT PATTERN: the text has a line that matches.
check() {
  grep -qE -- "$3" <<<"$2" || fail "$1: no line matches '$3' in:" "$2"
  echo "ok: $1"
}

# Copies the sources, without what was built, into the folder $1.
copy_sources() {
  mkdir -p "$1"
  tar -C "$repository" -cf - --exclude=./.git --exclude=./_build --exclude=./build . | tar -C "$1" -xf -
}

# What stands in the folder $1, to see later whether somebody wrote there.
fingerprint() {
  (cd "$1" && find . -printf '%p %T@\n' | sort | sha256sum)
}

# eventually WHAT COMMAND...: the command succeeds within a minute.
eventually() {
  local what=$1 tries
  shift
  for ((tries = 0; tries < 600; tries++)); do
    if "$@"; then echo "ok: $what"; return; fi
    sleep 0.1
  done
  fail "$what: not within a minute"
}
