#!/bin/bash
# bin/watch: a readable line a change, and an end by Ctrl-C that leaves nothing behind.
set -euo pipefail
. "$(dirname "$0")/common.sh"

cd "$scratch"
mkdir watched
program=$repository/_build/prod/lib/lookout/priv/lookout_port

output=$("$repository/bin/watch" missing 2>&1) && fail 'a missing directory is watched' "$output"
check 'a missing directory is said' "$output" 'missing.*No such file or directory'

(cd watched && exec "$repository/bin/watch" >/dev/null 2>../default_words) &
default=$!
eventually 'without arguments it watches the current directory' grep -q 'Watching .*watched' default_words
kill "$default"
wait "$default" || true

# The words of a command are its own, and it runs where bin/watch was called, with the environment of the caller.
status=0
# shellcheck disable=SC2016
MIX_ENV=mine "$repository/bin/watch" watched --settle 20 --once -- sh -c 'echo "$PWD $MIX_ENV $1"; exit 7' -- --json >once_lines 2>once_words &
once=$!
eventually 'a command waits for a change' grep -q 'Watching .*watched' once_words
mkdir watched/first
wait "$once" || status=$?
rmdir watched/first
[ "$status" -eq 7 ] || fail "a command that ends with 7 makes bin/watch end with $status"
check 'a command runs where bin/watch was called' "$(cat once_lines)" "^$scratch mine --json\$"

# A job of its own, as a shell makes it for a person: Ctrl-C goes to all of the job, and is not ignored
# even if it is by whoever runs this.
set -m
env --default-signal=INT "$repository/bin/watch" watched >lines 2>words &
job=$!
set +m
trap 'kill -KILL -- -$job 2>/dev/null || true; rm -rf "$scratch"' EXIT
eventually 'bin/watch says what it watches' grep -q 'Watching .*watched' words

# line WHAT LINE: the line is printed before long.
line() {
  eventually "$1" grep -qxF -- "$2" lines
}

touch watched/plain
line 'a new file is a line' 'created     plain'
mv watched/plain watched/moved
line 'a renamed file is one line with both names' 'renamed     plain -> moved'
rm watched/moved
line 'a deleted file is a line' 'deleted     moved'
mkdir watched/folder
line 'a directory ends in a slash' 'created     folder/'
touch $'watched/folder/two\nlines' $'watched/odd\xff\e[31m'
line 'a newline in a name is escaped' 'created     "folder/two\nlines"'
line 'odd bytes are escaped' 'created     "odd\xFF\u{1B}[31m"'
if LC_ALL=C grep -q $'[\e\xff]' lines; then fail 'raw bytes of a name were printed' "$(cat -v lines)"; fi

kill -INT -- "-$job"
status=0
wait "$job" || status=$?
[ "$status" -eq 130 ] || fail "Ctrl-C ends bin/watch with status $status, not 130"
echo 'ok: Ctrl-C ends bin/watch with status 130'
grep -q BREAK lines words && fail 'Ctrl-C shows the menu of the Erlang shell'

is_gone() {
  local exe
  for exe in /proc/[0-9]*/exe; do
    [ "$(readlink "$exe" 2>/dev/null)" != "$program" ] || return 1
  done
}
eventually 'no lookout_port is left behind' is_gone
