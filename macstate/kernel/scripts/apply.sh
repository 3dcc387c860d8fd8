# shellcheck shell=sh disable=SC2034 # roots: apply_files.sh asks for it
# Carries out one payload, which is a batch of changes. All details come on standard input: lines before PAYLOAD are
# skipped (a password that sudo did not need), then comes one step a line, then END. Without END nothing is done.
# digits.sh, started.sh, bytes.sh and way.sh stand before it, apply_files.sh and apply_gate.sh behind it, and last: carry_out.
set -eu
root=${MACSTATE_ROOT-}
# only macOS' own tools: Homebrew's folders belong to a user, and this may run as root
PATH=$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin
LC_ALL=C SHLVL=1
export PATH LC_ALL SHLVL
umask 022
fresh=
trap '' HUP PIPE # a lost connection must not stop a change halfway
newline='
'
taken=$newline
anew=$newline
say() {
  printf '%s\n' "$*" || :
}
fail() { # TEXT: what is wrong, in one line
  [ -z "${entry-}" ] || (journal "$entry" "$begun" "failed: $*") >/dev/null 2>&1 || :
  say "macstate: failed: $*"
  [ -z "${locked-}" ] || {
    [ -n "${touched-}" ] || [ "$anew" = "$newline" ] || (forget) >/dev/null 2>&1 || :
    say "macstate: record: $(sum)" # as it is now, with what was begun
  }
  exit 1
}
signed() { # LOCK: who holds it; anybody may have written into it, and text that is not one line would break the reply
  [ ! -f "$1/holder" ] || head -c 300 "$1/holder" 2>/dev/null | tr -c '\11\40-\176' ' '
}
lock() { # FOLDER SECONDS WHO: one change at a time; wait for a live holder, take over from a dead one
  folder=$root$1 patience=$(($2 * 5)) roots=
  case $1 in /var/db/*) roots=yes ;; esac # root's record: nobody else may change what this run does
  why=$(mkdir -p "$folder" 2>&1) && [ -w "$folder" ] || fail "$1 cannot be written${why:+: ${why##*: }}"
  while ! why=$(mkdir "$folder/lock" 2>&1); do
    case $why in *"File exists"*) ;; *) fail "$1 cannot be written: ${why##*: }" ;; esac
    holder=$(signed "$folder/lock")
    pid=$(printf %s "$holder" | cut -f 1) since=$(printf %s "$holder" | cut -f 2) by=$(printf %s "$holder" | cut -f 4)
    runs=$(printf %s "$holder" | cut -f 3)
    if [ -z "$runs" ] && [ "$patience" -gt 0 ]; then # it is being signed right now, or its maker died before
      patience=$((patience > 5 ? 5 : patience - 1))
      sleep 0.2
    elif [ -n "$runs" ] && [ "$(started "$pid")" = "$runs" ]; then
      [ "$patience" -gt 0 ] || fail "another run holds the lock: $by, since $since (process $pid); wait for it, then run again"
      patience=$((patience - 1))
      sleep 0.2
    elif mv "$folder/lock" "$folder/lock.$$" 2>/dev/null; then
      if [ "$(signed "$folder/lock.$$")" = "$holder" ]; then
        rm -rf "$folder/lock.$$"
        say "macstate: notice: took over the lock of ${by:-a run} (since ${since:-?}), which has ended"
      else
        mv "$folder/lock.$$" "$folder/lock" # it was another run's new one
      fi
    elif [ -d "$folder/lock" ]; then
      [ "$patience" -gt 0 ] || fail "the lock of a run that has ended cannot be taken over: is $1 locked in Finder?"
      patience=$((patience > 5 ? 5 : patience - 1)) # another run may be taking it right now
      sleep 0.2
    fi
  done
  trap 'rm -rf "$folder/lock"; rmdir "$folder" 2>/dev/null || :' EXIT
  locked=yes
  replace "$folder/lock/holder" "$$	$(date -u +%Y-%m-%dT%H:%M:%SZ)	$(started $$)	$3"
  [ ! -d "$folder/check" ] || rm -rf "$folder/check" # left by a run that was killed while a server checked files
}
replace() { # FILE TEXT: in a folder of ours, whole or not at all
  why=$(printf %s "$2" | cat 2>&1 >"$1.new") && [ "$(cat "$1.new" && echo .)" = "$2." ] || {
    rm -f "$1.new"
    fail "${1#"$root"} cannot be written${why:+: ${why##*: }}; what it held stays"
  }
  { [ ! -d "$1" ] && mv -f "$1.new" "$1"; } || fail "${1#"$root"} cannot be replaced"
}
sum() {
  cat "$folder/owned" 2>/dev/null | cksum
}
expect() { # CHECKSUM: refuse if the record is not as this run knows it
  [ "$(sum)" = "$1" ] || fail "another run has changed this Mac since the plan was made; run again to see what is left"
}
recorded() { # ID: whether this folder's record names it, whatever the plan says
  [ -f "$folder/owned" ] && ID=$1 awk -F '\t' '$2 == ENVIRON["ID"] { found = 1 } END { exit !found }' "$folder/owned"
}
record() { # STATE ID FINGERPRINT: pending before the first step, owned after the last; gone removes the line
  [ "$1" != pending ] || recorded "$2" || {
    may_take "$2" || fresh=$2
    anew=$anew$2$newline
  }
  line="$1	$2	$3"
  [ "$1" != gone ] || line=
  rewrite "$newline$2$newline" "$line"
}
rewrite() { # IDS LINE: write the record without these ids (between line ends), and with this line as the last
  lines=
  [ ! -f "$folder/owned" ] ||
    lines=$(IDS=$1 awk -F '\t' '!index(ENVIRON["IDS"], "\n" $2 "\n")' "$folder/owned") || fail "the record cannot be read"
  lines="${lines:+$lines${2:+$newline}}$2"
  if [ -n "$lines" ]; then replace "$folder/owned" "$lines$newline"; else rm -f "$folder/owned"; fi
}
forget() { # takes out what was recorded first and has not begun: it does not exist, or is still somebody else's
  touched=yes # if this fails too, fail must not come here again
  rewrite "$anew" ''
}
removes() { # ID FINGERPRINT: remove only what was made here
  recorded "$1" || fail "$1: the record on this Mac does not list it; nothing of it was removed"
  record pending "$1" "$2"
}
takes() { # ID: somebody else's, which the user has allowed to be set aside or replaced
  taken=$taken$1$newline
}
may_take() { # ID
  case $taken in *"$newline$1$newline"*) ;; *) return 1 ;; esac
}
journal() { # RUN BASE64 OUTCOME: write this run's line as the last one; a thousand are kept
  entry='' begun=$2 outcome=$(printf %s "$3" | tr '[:cntrl:]' ' ' | sed 's/[\\"]/\\&/g')
  [ -f "$folder/owned" ] || { rm -f "$folder/journal" && return; } # nothing of ours is left here
  line="$(printf %s "$2" | base64 --decode), \"outcome\": \"$outcome\"}"
  why=$(older "$1" 2>&1 >"$folder/journal.new") && [ "$(tail -n 1 "$folder/journal.new")" = "$line" ] || {
    rm -f "$folder/journal.new"
    fail "the journal cannot be written${why:+: ${why##*: }}"
  }
  { [ ! -d "$folder/journal" ] && mv -f "$folder/journal.new" "$folder/journal"; } || fail "the journal cannot be replaced"
  entry=$1 # from now on failures are written there
}
older() { # RUN: the journal's lines of other runs, then this run's
  { [ ! -f "$folder/journal" ] || grep -vF "\"run\": \"$1\"" "$folder/journal" | tail -n 999; } && printf '%s\n' "$line"
}
lies() { # PROGRAM: its path below the root, if it is absolute
  case $1 in
    /*) program=$root$1 ;;
    *) program=$1 ;;
  esac
}
in_root() { # COMMAND...
  lies "$1"
  shift
  "$program" "$@"
}
family() { # PID: the process and all its descendants
  ps -A -o pid= -o ppid= | TOP=$1 awk '
    { parent[$1] = $2 }
    END {
      for (one in parent) {
        left = NR # whatever ps prints, no loop upwards lasts for ever
        for (up = one; up != ENVIRON["TOP"] && (up in parent) && left-- > 0; up = parent[up]);
        if (up == ENVIRON["TOP"]) print one
      }
    }'
}
pause() { # what has just begun may be done soon: 0.02 s, then longer; a fifth of a second, in the end, is one less left
  sleep "$moment"
  case $moment in
    0.02) moment=0.05 ;;
    0.05) moment=0.1 ;;
    *) moment=0.2 left=$((left - 1)) ;;
  esac
}
within() { # SECONDS COMMAND...: with a deadline, since some commands never end and some ignore TERM
  left=$(($1 * 5)) moment=0.02
  lies "$2"
  shift 2
  "$program" "$@" </dev/null & # a simple command: with a function, $! would be a shell around it
  while kill -0 $! 2>/dev/null; do
    if [ "$left" -eq 0 ]; then
      # shellcheck disable=SC2046 # one pid, one word
      kill -9 $(family $!) 2>/dev/null || :
      wait $! 2>/dev/null || :
      return 124
    fi
    pause
  done
  wait $!
}
run() { # STATUSES STDIN SIGN MEANING COMMAND...: run one command; any other status ends the change
  touched=yes accept=$1 input=$2 sign=$3 meaning=$4
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
wait_for() { # STATUS SECONDS COMMAND...: repeat until it exits with that status
  want=$1 left=$(($2 * 5)) moment=0.02
  shift 2
  while :; do
    status=0
    in_root "$@" </dev/null >/dev/null 2>&1 || status=$?
    [ "$status" -ne "$want" ] || return 0
    [ "$left" -gt 0 ] || fail "$* still ends with $status, not $want"
    pause
  done
}
same() { # BASE64 MEANING COMMAND...: it must print the text that the plan was made from
  seen=$1 meaning=$2
  shift 2
  [ "$(in_root "$@" </dev/null 2>/dev/null | base64 | tr -d '\n')" = "$seen" ] || fail "$meaning"
}
carry_out() {
  payload=$newline$(cat)
  payload=${payload#*"$newline"PAYLOAD"$newline"}
  case $payload in
    *"$newline"END) ;;
    *) fail "the connection ended before the change arrived; nothing was done" ;;
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
}
