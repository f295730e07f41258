#!/bin/bash
# A fresh Mix project that depends on Lookout by path: builds, watches, also from its release, and
# leaves the sources alone. The sources stand in a folder with a space in its name.
set -euo pipefail
. "$(dirname "$0")/common.sh"

export LOOKOUT_SOURCE="$scratch/look out" WATCHED="$scratch/watched"
# In batches, as a user's build is.
unset MIX_ENV LOOKOUT_UNITY
copy_sources "$LOOKOUT_SOURCE"
cp -r "$repository/test/consumer/mix" "$scratch/consumer"
mkdir "$WATCHED"
before=$(fingerprint "$LOOKOUT_SOURCE")
cd "$scratch/consumer"
port=_build/dev/lib/lookout/priv/lookout_port

output=$(mix compile --warnings-as-errors 2>&1) || fail 'mix compile' "$output"
check 'mix compile builds the native part of a dependency' "$output" '^Compiling lookout_port'
[ -x "$port" ] || fail "no program at $port"
libraries=$(readelf -d "$port" | grep NEEDED)
! grep -E 'stdc[+][+]|gcc_s' <<<"$libraries" || fail 'lookout_port needs a C++ library' "$libraries"
echo 'ok: lookout_port needs no C++ library'

output=$(mix compile 2>&1)
[ -z "$output" ] || fail 'mix compile with nothing to do says something:' "$output"
echo 'ok: mix compile with nothing to do says nothing'

output=$(mix run -e 'Consumer.check()' 2>&1) || fail 'mix run' "$output"
check 'a supervised watcher tells of a new file' "$output" "^saw created $WATCHED/new.txt$"

[ "$before" = "$(fingerprint "$LOOKOUT_SOURCE")" ] || fail 'something was written into the sources'
echo 'ok: nothing is written into the sources'

output=$(MIX_ENV=prod mix release --quiet --path "$scratch/built" 2>&1) || fail 'mix release' "$output"
check 'another environment takes the program from the cache' "$output" 'lookout_port is taken from'
mv "$scratch/built" "$scratch/release"
mv _build "$scratch/gone"
output=$("$scratch/release/bin/consumer" eval 'Consumer.check()' 2>&1) || fail 'the release' "$output"
check 'a release that was moved watches, too' "$output" "^saw created $WATCHED/new.txt$"
mv "$scratch/gone" _build

# What is in the cache is used only whole, and only where nobody else can write.
cached=$(echo "$XDG_CACHE_HOME"/lookout/*/lookout_port)
program=$(sha256sum <"$port")
recompile() {
  rm -rf _build/dev/lib/lookout/priv
  output=$(env "$@" mix compile 2>&1) || fail 'mix compile' "$output"
  [ "$program" = "$(sha256sum <"$port")" ] || fail "another program: $*"
}
chmod g+w "$XDG_CACHE_HOME/lookout"
recompile
check 'a cache that others may write to is not used' "$output" 'is not used: it belongs to another user, or others'
chmod g-w "$XDG_CACHE_HOME/lookout"
echo >>"$cached"
recompile
check 'a damaged program is not taken from the cache' "$output" 'was damaged, and is removed'
recompile
check 'it is kept again' "$output" 'lookout_port is taken from'
recompile LOOKOUT_CACHE=0
! grep -q 'taken from' <<<"$output" || fail 'LOOKOUT_CACHE=0 takes a program from the cache' "$output"
echo 'ok: LOOKOUT_CACHE=0 turns the cache off'
rm -rf "$XDG_CACHE_HOME" && touch "$XDG_CACHE_HOME"
recompile
check 'a cache that cannot be written is reported' "$output" 'cannot be kept in'
rm "$XDG_CACHE_HOME"

echo '// changed' >>"$LOOKOUT_SOURCE/c_src/main.cpp"
output=$(mix compile 2>&1) || fail 'mix compile after a change' "$output"
check 'a changed native source is built again' "$output" '^Compiling lookout_port'

# What is missing is named with its package, and no program of other settings is left.
missing() {
  local what=$1 pattern=$2
  shift 2
  if output=$(env "$@" mix compile 2>&1); then fail "$what is missing and mix compile passes" "$output"; fi
  check "missing $what is said" "$(tr -s ' \n' ' ' <<<"$output")" "$pattern"
  [ ! -e "$port" ] || fail "missing $what: a program of other settings is left in priv"
}
echo 'set(CMAKE_DISABLE_FIND_PACKAGE_Boost ON)
set(CMAKE_FIND_ROOT_PATH /nonexistent)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)' >"$scratch/no_boost.cmake"
missing Boost 'libboost1.81-dev on Debian 12' CMAKE_TOOLCHAIN_FILE="$scratch/no_boost.cmake"
missing ei 'Install erlang-dev on Debian' ERL_EI_INCLUDE_DIR=/nonexistent
missing compiler 'No C\+\+ compiler was found' CXX=/nonexistent/c++

output=$(cd "$LOOKOUT_SOURCE" && MIX_BUILD_PATH="$scratch/own" mix "do" compile, clean 2>&1) ||
  fail 'mix clean' "$output"
[ -z "$(find "$scratch/own" -name lookout_port)" ] || fail 'mix clean leaves lookout_port'
echo 'ok: mix clean removes the native part'
