#!/bin/bash
# An indexer that is killed at random moments, again and again, while files change: `restart.sh [KILLS [SEED]]`, 5 and 1 by default. Its index and its
# cursor are stored in one transaction; after each restart the index is what is on the disk, and each content was indexed once.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cd "$repository"
output=$(MIX_ENV=prod mix compile 2>&1) || fail 'mix compile' "$output"
ebin=$repository/_build/prod/lib/lookout/ebin

# Where a rename that was made while nobody watched is one: overlayfs is not such a file system.
tree=$scratch
if [ "$(stat -f -c %T "$scratch")" = overlayfs ] && [ -w /dev/shm ]; then
  tree=$(mktemp -d /dev/shm/lookout-restart.XXXXXX)
  trap 'rm -rf "$scratch" "$tree"' EXIT
fi
output=$(elixir test/consumer/restart/killer.exs "$tree" "${1:-5}" "${2:-1}" \
  -pa "$ebin" test/consumer/restart/indexer.exs 2>&1) || fail "a restarted indexer, kills ${1:-5}, seed ${2:-1}" "$output"
check 'an indexer that is killed has each change exactly once' "$output" '^killed [0-9]+ times'
tail -n 1 <<<"$output"
