#!/bin/sh
# Rotates logs that somebody holds open: rotate BYTES KEEP LOG... copies one that is larger, empties it, and keeps the
# copies as LOG.1.gz (the newest) to LOG.KEEP.gz. launchd and nginx append to a log wherever its end is, so they write on
# into the same file. What is written between copy and emptying is lost. A run that was killed is finished by the next.
# Root works only where root alone can change what a path means, and on no link: any other log is left to the owner of
# the folders above it. digits.sh, bytes.sh and way.sh stand behind this, and last: each_log "$@".
set -u
root=${MACSTATE_ROOT-}
PATH=$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin
LC_ALL=C
export PATH LC_ALL
say() {
  printf '%s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$log" "$*"
}
settle() { # the copy, LOG.0, becomes LOG.1.gz; the older ones move up, as far as there is no gap
  [ ! -f "$file.0" ] || gzip -f "$file.0" || return
  if [ -f "$file.0.gz" ]; then
    last=1
    while [ "$last" -lt "$keep" ] && [ -f "$file.$last.gz" ]; do last=$((last + 1)); done
    while [ "$last" -gt 0 ]; do
      mv -f "$file.$((last - 1)).gz" "$file.$last.gz" || return
      last=$((last - 1))
    done
  fi
  last=$((keep + 1)) # fewer may be kept than before
  while [ -f "$file.$last.gz" ]; do
    rm -f "$file.$last.gz"
    last=$((last + 1))
  done
}
rotate() {
  settle || return
  bytes=$(bytes "$file")
  [ "$bytes" -gt "$size" ] || return 0
  if ! { [ -w "$file" ] && cp -p "$file" "$file.0" && [ "$(bytes "$file.0")" -ge "$bytes" ]; }; then
    rm -f "$file.0"
    return 1
  fi
  : >"$file"
  settle && say "rotated: $bytes bytes are in $log.1.gz now"
}
each_log() { # BYTES KEEP LOG...
  size=$1 keep=$2 me=$(id -u)
  shift 2
  for log; do
    file=$root$log
    [ -f "$file" ] || continue
    if [ -L "$file" ]; then
      say "a link: it is left alone"
      continue
    fi
    owner=$(way "$log")
    case $owner in
      '') say "others may change the folders above it: it is left alone" ;;
      "$me") rotate || say "could not be rotated" ;;
      *) sudo -n -u "#$owner" -- "$0" "$size" "$keep" "$log" ;;
    esac
  done
}
