# shellcheck disable=SC2154 # the lists and the records' kinds become variables: list_NAME, root_KIND, user_KIND
# Reads the state of a machine. It changes nothing and asks for no password. What to read comes on standard input, as
# "LIST<TAB>VALUE" lines; the list "mark" holds the word that parts the replies, which no tool can know. Each reply is
# mark, name, mark, output, mark, status, mark, errors. bounded.sh stands before it.
set -u
root=${MACSTATE_ROOT-}
PATH=$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin:$root/usr/local/bin:$root/opt/homebrew/bin
LC_ALL=C SHLVL=1 # without SHLVL the command of Tailscale's app fails
export PATH LC_ALL SHLVL
home=${HOME#"$root"}
newline='
'
mark='' digests=''

reply() { # NAME COMMAND...: no process but the command's own
  printf %s "$mark$1$mark" >&3
  shift
  errors=$({ "$@" </dev/null 3>&-; } 2>&1 >&3)
  printf %s "$mark$?$mark$errors" >&3
}
told() { # STATUS TEXT: what a command has said already
  printf %s "$2"
  return "$1"
}
part() { # KIND: what follows is this kind's; without a kind, it is for all that ask for it
  reply "macstate-kind:$1" true
}
each() { # LINES COMMAND...: run the command with each line as its last word
  lines=$1
  shift
  IFS=$newline
  set -f
  for line in $lines; do
    unset IFS
    set +f
    "$@" "$line"
  done
  unset IFS
  set +f
}
remember() { # RECORD FILE: in RECORD_KIND its lines, KEY first and without the kind; and all digests in it
  [ -f "$2" ] || return 0
  while IFS='	' read -r state id rest || [ -n "$state" ]; do
    case ${id%%/*} in
      "$id" | '' | *[!a-z_]*) continue ;;
    esac
    eval "$1_${id%%/*}=\${$1_${id%%/*}-}\${id#*/}\"	\"\$state\"	\"\$rest\$newline"
    case $rest in *"	"*) digests=$digests${rest#*	}$newline ;; esac
  done <"$2" || return
}
keys() { # LINES [BEFORE]: what a record names, without what it says of that, behind BEFORE: in keys
  keys=
  IFS=$newline
  set -f
  for line in $1; do
    keys=$keys${2-}${line%%	*}$newline
  done
  unset IFS
  set +f
}
both() { # LINES MORE: the lines, and those of the others that are not among them: in both
  both=$1
  IFS=$newline
  set -f
  for line in $2; do
    case $newline$both in
      *"$newline$line$newline"*) ;;
      *) both=$both$line$newline ;;
    esac
  done
  unset IFS
  set +f
}
check_declared() { # where the last run that applied a spec was of another one, the laptop may not know what lies here
  set --
  for journal in "$root/var/db/macstate/journal" "$HOME/.local/state/macstate/journal"; do
    [ ! -f "$journal" ] || set -- "$@" "$journal"
  done
  [ "$#" -gt 0 ] && [ "$(awk '
    { found = index($0, "\"declared\": \"") }
    found && (when = substr($0, index($0, "\"when\": \"") + 9, 20)) >= last {
      last = when
      declared = substr($0, found + 13, 64)
    }
    END { print declared }' "$@" 2>/dev/null)" = "${list_digests%"$newline"}" ] || list_digests=
}
sum() { # FILE: its checksum, even if it does not exist
  text "$1" 2>/dev/null | cksum
}
own() { # FILE: hosts, aliases and variables in a file of the user's own: names alone
  [ ! -r "$1" ] || reply "own $1" grep -noE \
    '^[[:space:]]*(Host[[:space:]=].*|(export|alias)[[:space:]]+[A-Za-z_][A-Za-z0-9_-]*=)' "$1"
}
common() {
  reply user id -un
  reply uid printf %s "$uid"
  reply home printf %s "$home"
  reply owned text "$root/var/db/macstate/owned"
  reply owned-sum sum "$root/var/db/macstate/owned"
  reply user-owned text "$HOME/.local/state/macstate/owned"
  reply user-owned-sum sum "$HOME/.local/state/macstate/owned"
  each "${list_own-}" own
}

while IFS= read -r line || [ -n "$line" ]; do
  case ${line%%	*} in
    "$line" | '' | *[!a-z_]*) ;;
    mark) mark=${line#*	} ;;
    *) eval "list_${line%%	*}=\${list_${line%%	*}-}\${line#*	}\$newline" ;;
  esac
done
remember root "$root/var/db/macstate/owned"
remember user "$HOME/.local/state/macstate/owned"
[ -z "${list_digests-}" ] || check_declared
uid=$(id -u)
case $uid in *[!0-9]*) uid='' ;; esac
