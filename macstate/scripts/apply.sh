# Carries out one change. Everything that is particular comes on standard input: whatever stands before a line PAYLOAD is
# thrown away (a password that sudo did not want), then one step a line, then END. Without END nothing is done at all.
set -eu
root=${MACSTATE_ROOT-}
# macOS' own tools first: Homebrew's folder belongs to a user, and this may run as root
PATH=$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin:$root/usr/local/bin:$root/opt/homebrew/bin
LC_ALL=C SHLVL=1
export PATH LC_ALL SHLVL
umask 022
trap '' HUP PIPE # a cut connection must not stop a change halfway
newline='
'
say() {
  printf '%s\n' "$*" || :
}
fail() { # what is wrong, in one line
  [ -z "${entry-}" ] || journal "$entry" "$begun" "failed: $*"
  say "macstate: failed: $*"
  exit 1
}
started() { # PID: when it started; empty if it does not run
  ps -o lstart= -p "$1" 2>/dev/null || :
}
lock() { # FOLDER SECONDS WHO: one change at a time; wait for a live holder, take over from a dead one
  folder=$root$1 patience=$(($2 * 5))
  mkdir -p "$folder" && [ -w "$folder" ] || fail "$1 cannot be written"
  while ! mkdir "$folder/lock" 2>/dev/null; do
    holder=$(cat "$folder/lock/holder" 2>/dev/null) || holder=
    if [ -z "$holder" ] && [ "$patience" -gt 0 ]; then # just being signed, or its maker died before
      patience=$((patience > 5 ? 5 : patience - 1))
      sleep 0.2
      continue
    fi
    pid=$(printf %s "$holder" | cut -f 1) since=$(printf %s "$holder" | cut -f 2) by=$(printf %s "$holder" | cut -f 4)
    if [ -n "$holder" ] && [ "$(started "$pid")" = "$(printf %s "$holder" | cut -f 3)" ]; then
      [ "$patience" -gt 0 ] || fail "another run holds the lock: $by, since $since (process $pid); wait for it, then run again"
      patience=$((patience - 1))
      sleep 0.2
    elif mv "$folder/lock" "$folder/lock.$$" 2>/dev/null; then
      if [ "$(cat "$folder/lock.$$/holder" 2>/dev/null)" = "$holder" ]; then
        rm -rf "$folder/lock.$$"
        say "macstate: notice: took over the lock of ${by:-a run} (since ${since:-?}), which has ended"
      else
        mv "$folder/lock.$$" "$folder/lock" # it was somebody's new one
      fi
    fi
  done
  trap 'rm -rf "$folder/lock"; rmdir "$folder" 2>/dev/null || :' EXIT
  printf '%s\t%s\t%s\t%s' "$$" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(started $$)" "$3" >"$folder/lock/holder"
}
sum() {
  cat "$folder/owned" 2>/dev/null | cksum
}
expect() { # CHECKSUM: the record as this run knows it
  [ "$(sum)" = "$1" ] || fail "another run has changed this Mac since the plan was made; run again to see what is left"
}
record() { # STATE ID FINGERPRINT: pending before the first step, owned after the last; gone takes the line out
  {
    [ ! -f "$folder/owned" ] || ID=$2 awk -F '\t' '$2 != ENVIRON["ID"]' "$folder/owned"
    [ "$1" = gone ] || printf '%s\t%s\t%s\n' "$@"
  } >"$folder/owned.new"
  if [ -s "$folder/owned.new" ]; then
    mv -f "$folder/owned.new" "$folder/owned"
  else
    rm -f "$folder/owned" "$folder/owned.new"
  fi
}
journal() { # RUN BASE64 OUTCOME: this run's line, as the last one; a thousand are kept
  entry=$1 begun=$2 outcome=$(printf %s "$3" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g')
  [ -f "$folder/owned" ] || { rm -f "$folder/journal" && return; } # nothing is left of us here
  {
    [ ! -f "$folder/journal" ] || grep -vF "\"run\": \"$1\"" "$folder/journal" | tail -n 999
    printf '%s, "outcome": "%s"}\n' "$(printf %s "$2" | base64 --decode)" "$outcome"
  } >"$folder/journal.new"
  mv -f "$folder/journal.new" "$folder/journal"
}
in_root() { # COMMAND...: an absolute program lies below the root
  case $1 in
    /*) program=$root$1 ;;
    *) program=$1 ;;
  esac
  shift
  "$program" "$@"
}
within() { # SECONDS COMMAND...: some commands never come back
  left=$(($1 * 5))
  shift
  in_root "$@" </dev/null &
  while kill -0 $! 2>/dev/null; do
    if [ "$left" -eq 0 ]; then
      kill $!
      return 124
    fi
    left=$((left - 1))
    sleep 0.2
  done
  wait $!
}
run() { # STATUSES STDIN SIGN MEANING COMMAND...: one command; its other statuses end the change
  accept=$1 input=$2 sign=$3 meaning=$4
  shift 4
  out=$(printf %s "$input" | base64 --decode | { in_root "$@" 2>&1 && echo " 0" || echo " $?"; } | tr -cd '\11\12\40-\176')
  status=${out##* }
  out=${out% *}
  case " $accept " in
    *" $status "*) return ;;
  esac
  case $out in
    *"$sign"*) [ -z "$meaning" ] || fail "$meaning" ;;
  esac
  fail "$* ended with $status: $(printf %s "$out" | tr '\n' ' ')"
}
wait_for() { # STATUS SECONDS COMMAND...: until it exits with that status
  want=$1 left=$(($2 * 5))
  shift 2
  while :; do
    status=0
    in_root "$@" </dev/null >/dev/null 2>&1 || status=$?
    [ "$status" -ne "$want" ] || return 0
    [ "$left" -gt 0 ] || fail "$* still ends with $status, not $want"
    left=$((left - 1))
    sleep 0.2
  done
}
same() { # BASE64 MEANING COMMAND...: it must print what the plan was made from
  seen=$1 meaning=$2
  shift 2
  [ "$(in_root "$@" </dev/null 2>/dev/null | base64 | tr -d '\n')" = "$seen" ] || fail "$meaning"
}
write() { # PATH MODE OWNER BASE64 [COMMAND...]: whole, with its final owner and mode, and accepted, or not at all
  path=$root$1 mode=$2 owner=$3
  [ ! -d "$path" ] || fail "$1 is a folder"
  mkdir -p "${path%/*}"
  rm -f "$path.macstate" # -C: a link that somebody put there is not written through
  (umask 077 && set -C && printf %s "$4" | base64 --decode >"$path.macstate")
  chmod "$mode" "$path.macstate"
  [ -z "$owner" ] || chown -h "$owner" "$path.macstate"
  shift 4
  if [ $# -gt 0 ] && ! out=$(in_root "$@" 2>&1 </dev/null); then
    rm -f "$path.macstate"
    fail "$* refuses the new file, and the old one stays: $(printf %s "$out" | tr '\n' ' ')"
  fi
  mv -f "$path.macstate" "$path"
}
check() { # OWNER COUNT, then NAME BASE64 of each file, then COMMAND...: it takes these files, which lie in one folder
  place=$folder/check owner=$1 left=$2 status=0
  shift 2
  rm -rf "$place"
  mkdir -m 0700 "$place"
  while [ "$left" -gt 0 ]; do
    (umask 077 && printf %s "$2" | base64 --decode >"$place/$1") || fail "$place/$1 cannot be written"
    chown -h "$owner" "$place/$1"
    left=$((left - 1))
    shift 2
  done
  chown -h "$owner" "$place"
  out=$(in_root "$@" 2>&1 </dev/null) || status=$?
  rm -rf "$place"
  [ "$status" -eq 0 ] || fail "$* refuses the new files, the old ones stay: $(printf %s "$out" | tr '\n' ' ')"
}
preserve() { # PATH KEPT: what a file of secrets holds, behind what is kept already
  [ ! -f "$root$1" ] || (umask 077 && cat "$root$1" >>"$root$2") || fail "$2 cannot be written"
}
keys_in() { # FILE: the keys in a gateway's file, whichever server reads it
  sed -n '/(?i:bearer) +/{s/.*(?i:bearer) +\([^ ]*\)\$["`].*/\1/;s/\\//g;p;}' "$root$1" 2>/dev/null || :
}
gate_says() { # KEY URL HOST STATUS CONFIG: a key is in no process list; launchd may need ten seconds to start it
  end=$(($(date +%s) + 15))
  until [ "$(printf 'header = "Authorization: Bearer %s"\n' "$1" | curl -qs --noproxy '*' --max-time 2 -o /dev/null \
    -w '%{http_code} %header{x-macstate-config}' -H "Host: $3" -K - "$2")" = "$4 $5" ]; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.2
  done
}
prove() { # URL HOST KEYS KEPT CONFIG: each key is let in, and none that was there before
  now=$(keys_in "$3")
  for key in $now; do
    gate_says "$key" "$1" "$2" 204 "$5" ||
      fail "the gateway has not taken in its configuration, or a key in $3; see its log in ~/Library/Logs"
  done
  for key in $(keys_in "$4"); do
    printf '%s\n' "$now" | grep -qxF -- "$key" || gate_says "$key" "$1" "$2" 401 "" ||
      fail "the gateway still takes a key that is in $3 no more; see its log in ~/Library/Logs"
  done
  rm -f "$root$4"
}
delete() { # PATH
  rm -f "$root$1" "$root$1.macstate"
}
aside() { # PATH: somebody else's file, under another name, which is free
  [ -e "$root$1" ] || return 0
  kept=$root$1.before-macstate number=1
  while [ -e "$kept" ] || [ -L "$kept" ]; do
    number=$((number + 1))
    kept=$root$1.before-macstate.$number
  done
  mv "$root$1" "$kept"
}
real() { # PATH: where a chain of links leads
  path=$1
  while [ -L "$path" ]; do
    link=$(readlink "$path")
    case $link in
      /*) path=$link ;;
      *) path=${path%/*}/$link ;;
    esac
  done
  printf %s "$path"
}
head_line() { # PATH OLD NEW: one line in a person's own file, which may be a link; all else stays byte for byte
  path=$(real "$root$1")
  made=
  rm -f "$path.macstate"
  (umask 077 && mkdir -p "${path%/*}") # ~/.ssh is nobody else's
  if [ -e "$path" ]; then
    cp -p "$path" "$path.macstate" # with its owner and mode
    at=$([ -z "$2" ] || grep -nxF -- "$2" "$path" | head -n 1 | cut -d : -f 1)
    rest=$((${at:-0} + 1))
    [ -n "$3" ] || [ "$(sed -n "${rest}p" "$path")" != "$MADE" ] || made=yes rest=$((rest + 1))
    {
      [ -z "$3" ] || printf '%s\n' "$3"
      [ "${at:-0}" -le 1 ] || head -n "$((at - 1))" "$path"
      tail -n "+$rest" "$path"
    } >"$path.macstate"
  else
    printf '%s\n%s\n' "$3" "$MADE" >"$path.macstate"
  fi
  if [ -n "$made" ] && [ ! -s "$path.macstate" ]; then
    rm -f "$path" "$path.macstate"
  else
    mv -f "$path.macstate" "$path"
  fi
}
MADE='# macstate made this file; it goes with the line above, unless there is more in it'

payload=$newline$(cat)
payload=${payload#*"$newline"PAYLOAD"$newline"}
case $payload in
  *"$newline"END) ;;
  *) fail "the connection ended before the change was here; nothing was done" ;;
esac
IFS=$newline
set -f
# shellcheck disable=SC2086 # one line, one word
set -- ${payload%"$newline"END}
unset IFS
for line; do
  eval "$line"
done
say "macstate: done: $(sum)"
