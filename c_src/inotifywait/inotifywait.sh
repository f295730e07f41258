#!/bin/sh
# Beside lookout_port, for PATH. A link to this file works as well.
exec "$(dirname -- "$(readlink -f -- "$0")")/lookout_port" inotifywait "$@"
