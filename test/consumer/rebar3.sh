#!/bin/bash
# A fresh rebar3 project that depends on Lookout, as a checkout and by git: its hooks build the
# native part and the Elixir modules, and an Erlang gen_server receives the events.
set -euo pipefail
. "$(dirname "$0")/common.sh"

source="$scratch/look out"
watched="$scratch/watched"
copy_sources "$source"
cp -r "$repository/test/consumer/rebar3" "$scratch/consumer"
mkdir "$watched" "$scratch/consumer/_checkouts"
ln -s "$source" "$scratch/consumer/_checkouts/lookout"
before=$(fingerprint "$source")
cd "$scratch/consumer"
elixir_libs=$(elixir -e 'IO.puts(Path.dirname(:code.lib_dir(:elixir)))')

# run_in DIR: the consumer's own test, with Lookout's ebin below DIR.
run_in() {
  rm -f "$watched/new.txt"
  ERL_LIBS="_build/default/lib:$1:$elixir_libs" erl -noinput -eval "consumer:check(\"$watched\")." 2>&1
}

output=$(rebar3 compile 2>&1) || fail 'rebar3 compile' "$output"
output=$(run_in _build/default/checkouts) || fail 'the Erlang consumer' "$output"
check 'a gen_server receives the events (checkout)' "$output" "^saw created $watched/new.txt$"
check 'the application file names the Elixir modules' \
  "$(cat _build/default/checkouts/lookout/ebin/lookout.app)" "Elixir.Lookout.Event"

built=$(fingerprint _build/default/checkouts/lookout/priv)
output=$(rebar3 compile 2>&1) || fail 'rebar3 compile again' "$output"
[ "$built" = "$(fingerprint _build/default/checkouts/lookout/priv)" ] ||
  fail 'rebar3 compile builds again what was up to date'
echo 'ok: what is up to date is not built again'

[ "$before" = "$(fingerprint "$source")" ] || fail 'something was written into the sources'
echo 'ok: nothing is written into the sources of a checkout'

rm -rf _checkouts _build rebar.lock
git -C "$source" init -q -b main
git -C "$source" add -A
git -C "$source" -c user.name=test -c user.email=test@localhost commit -q -m 'the sources'
mv "$source" "$scratch/origin"
echo "{deps, [{lookout, {git, \"file://$scratch/origin\", {branch, \"main\"}}}]}." >rebar.config
output=$(rebar3 compile 2>&1) || fail 'rebar3 compile of a git dependency' "$output"
output=$(run_in _build/default/lib) || fail 'the Erlang consumer of a git dependency' "$output"
check 'a gen_server receives the events (git)' "$output" "^saw created $watched/new.txt$"
