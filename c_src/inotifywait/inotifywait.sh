#!/bin/sh
# Installed beside lookout_port, for use in PATH. A symlink to this file works as well.
exec "$(dirname -- "$(readlink -f -- "$0")")/lookout_port" inotifywait "$@"
