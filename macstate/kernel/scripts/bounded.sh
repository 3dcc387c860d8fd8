# shellcheck shell=sh
text() { # FILE: its first 4 MB; a device or a pipe has no end
  if [ -f "$1" ]; then head -c 4000000 "$1"; else echo "no such file" >&2 && return 1; fi
}
capped() { # COMMAND...: the first 4 MB of what it prints, and its status
  { status=$({ { "$@" || echo "$?" >&8; } | head -c 4000000 >&9; } 8>&1); } 9>&1
  return "${status:-0}"
}
