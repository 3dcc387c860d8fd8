# shellcheck shell=sh disable=SC2034,SC2154 # it follows apply.sh, whose variables and functions it uses
# Changes files; each is replaced whole, or stays as it was.
alone() { # PATH: as root, refuse if somebody else could change what the path means
  [ -z "${roots-}" ] || [ "$(way "$1")" = 0 ] ||
    fail "$1: users other than root can change the folders above it, so root does not work on files there; choose a path below /Library or /etc"
}
pour() { # FILE BYTES BASE64: make a new file of that size that nobody else can read
  rm -f "$1" && why=$(printf %s "$3" | base64 --decode | cat 2>&1 >"$1") && [ "$(bytes "$1")" -eq "$2" ] || {
    rm -f "$1"
    fail "${1#"$root"} cannot be written${why:+: ${why##*: }}"
  }
}
write() { # PATH MODE OWNER BYTES BASE64 [COMMAND...]: whole, with its final owner and mode, and accepted, or not at all
  path=$root$1 mode=$2 owner=$3
  [ ! -d "$path" ] || fail "$1 is a folder"
  [ -z "$fresh" ] || { [ ! -e "$path" ] && [ ! -L "$path" ]; } || {
    touched='' anew=$newline$fresh$newline # whatever existed before is not ours
    fail "$1 already exists: macstate did not make it, and could not see it before; move it away, or take it out of the spec"
  }
  alone "$1"
  why=$(mkdir -p "${path%/*}" 2>&1) || fail "${1%/*} cannot be made${why:+: ${why##*: }}"
  umask 077
  pour "$path.macstate" "$4" "$5"
  umask 022
  { chmod "$mode" "$path.macstate" && { [ -z "$owner" ] || chown -h "$owner" "$path.macstate"; }; } ||
    fail "$1 cannot be given its owner and mode"
  shift 5
  if [ $# -gt 0 ] && ! out=$(in_root "$@" 2>&1 </dev/null); then
    rm -f "$path.macstate"
    fail "$* refuses the new file, and the old one stays: $(printf %s "$out" | tr -c '\40-\176' ' ')"
  fi
  touched=yes
  mv -f "$path.macstate" "$path" || fail "${path#"$root"} cannot be replaced"
}
check() { # OWNER COUNT, then NAME BYTES BASE64 of each file, then COMMAND...: it must accept these files, in one folder
  place=$folder/check owner=$1 left=$2 status=0
  shift 2
  mkdir -m 0711 "$place" || fail "${place#"$root"} cannot be made"
  umask 077
  while [ "$left" -gt 0 ]; do
    pour "$place/$1" "$2" "$3"
    chown -h "$owner" "$place/$1"
    left=$((left - 1))
    shift 3
  done
  umask 022
  out=$(in_root "$@" 2>&1 </dev/null) || status=$?
  rm -rf "$place"
  [ "$status" -eq 0 ] || fail "$* refuses the new files, the old ones stay: $(printf %s "$out" | tr -c '\40-\176' ' ')"
}
preserve() { # PATH KEPT: append the content of a file of secrets to the file that keeps them
  alone "$1"
  [ -f "$root$1" ] || return 0
  umask 077
  touched=yes
  replace "$root$2" "$(cat "$root$2" 2>/dev/null || :)$newline$(cat "$root$1")$newline"
  umask 022
}
part() { # ID PATH: whether this id stands for that file
  case $2 in
    */../*) ;;
    "/${1#*/}" | "/${1#*/}"/* | "${folder#"$root"}"/*.old) return ;;
    */Library/LaunchDaemons/"${1##*/}.plist" | */Library/LaunchAgents/"${1##*/}.plist") return ;;
    /Library/macstate/guide/* | /usr/local/share/macstate/guide/*) # the second is their former place
      [ "$1" != guide/pages ] || return 0
      ;;
  esac
  fail "$2 is not part of $1"
}
delete() { # ID PATH: delete a file that this id stands for and that the record names
  part "$1" "$2"
  recorded "$1" || fail "$1: the record on this Mac does not list it; nothing of it was removed"
  [ -e "$root$2" ] || [ -L "$root$2" ] || [ -e "$root$2.macstate" ] || return 0
  owner=0
  [ -z "$roots" ] || owner=$(way "$2")
  [ -n "$owner" ] || fail "$2: others can change the folders above it, so root deletes nothing there; type \`sudo rm $2\`, then run again"
  touched=yes
  { take "$2" rm -f && take "$2.macstate" rm -f; } || fail "$2 cannot be deleted; type \`sudo rm $2\`, then run again"
  place=${2%/*} # a folder of ours is deleted with its last file
  while case $place in */macstate | */macstate/*) ;; *) false ;; esac && take "$place" rmdir 2>/dev/null; do
    place=${place%/*}
  done
}
take() ( # PATH COMMAND...: root uses no path that the owner of a folder above could turn into a link
  path=$root$1 above=${1%/*}
  shift
  if [ "$owner" = 0 ]; then
    "$@" "$path"
  elif top=$(cd -P "$root/" && pwd -P) && cd -P "$root$above/" 2>/dev/null && [ "$(pwd -P)" = "${top%/}$above" ] &&
    case $(stat -f '%u %Lp' .) in '0 '*[0145][0145]) ;; *) false ;; esac then
    "$@" "./${path##*/}" # we are in a folder of root's alone, which nobody else can empty or fill
  else
    sudo -n -u "#$owner" -- "$@" "$path" </dev/null
  fi
)
aside() { # ID PATH mv|cp: keep somebody else's file under a free name; cp if a new file replaces it
  may_take "$1" || fail "$1: it is somebody else's, and setting it aside was not allowed"
  case $1:$2 in # a job is known by its label, and its file may have any name
    launchd/*:*/Library/Launch[AD]*s/*/* | launchd/*:*/../*) part "$1" "$2" ;;
    launchd/*:*/Library/LaunchDaemons/*.plist | launchd/*:*/Library/LaunchAgents/*.plist) ;;
    *) part "$1" "$2" ;;
  esac
  [ -e "$root$2" ] || [ -L "$root$2" ] || return 0
  alone "$2"
  kept=$root$2.before-macstate number=1
  while [ -e "$kept" ] || [ -L "$kept" ]; do
    number=$((number + 1))
    kept=$root$2.before-macstate.$number
  done
  if [ "${3-}" = cp ]; then
    why=$(cp -p "$root$2" "$kept" 2>&1) || {
      rm -f "$kept"
      fail "$2 cannot be kept as ${kept#"$root"}${why:+: ${why##*: }}; nothing was done"
    }
  else
    touched=yes
    mv "$root$2" "$kept" || fail "$2 cannot be set aside"
  fi
}
real() { # PATH: the target of a chain of links
  path=$1 links=0
  while [ -L "$path" ]; do
    links=$((links + 1))
    [ "$links" -le 40 ] || fail "$1 is a link that leads nowhere"
    link=$(readlink "$path")
    case $link in
      /*) path=$link ;;
      *) path=${path%/*}/$link ;;
    esac
  done
  printf %s "$path"
}
head_line() { # PATH OLD NEW: one line in a user's own file, which may be a link; the rest stays byte for byte
  path=$(real "$root$1") || fail "$1 is a link that leads nowhere"
  new=$path.macstate at=0 rest=1 least=0 tail=$MADE
  why=$(umask 077 && rm -f "$new" 2>&1 && mkdir -p "${path%/*}" 2>&1) || # ~/.ssh is private
    fail "${path#"$root"} cannot be written${why:+: ${why##*: }}"
  if [ -e "$path" ]; then
    why=$(cp -p "$path" "$new" 2>&1) || fail "${path#"$root"} cannot be written${why:+: ${why##*: }}" # with its owner and mode
    tail='' least=$(bytes "$path")
    if [ -n "$2" ] && line=$(grep -anxF -- "$2" "$path" | head -n 1) && [ -n "$line" ]; then
      at=$(digits "${line%%:*}")
      rest=$((at + 1)) least=$((least - ${#2} - 1))
    fi
    if [ -z "$3" ] && [ "$(sed -n "${rest}p" "$path")" = "$MADE" ]; then
      rest=$((rest + 1)) least=$((least - ${#MADE} - 1)) made=yes
    fi
  fi
  [ -z "$3" ] || least=$((least + ${#3} + 1))
  why=$(headed "$3" 2>&1 >"$new") && [ "$(bytes "$new")" -ge "$least" ] || {
    rm -f "$new"
    fail "${path#"$root"} cannot be written${why:+: ${why##*: }}"
  }
  touched=yes
  if [ -n "${made-}" ] && [ ! -s "$new" ]; then
    rm -f "$path" "$new"
  else
    mv -f "$new" "$path" || fail "${path#"$root"} cannot be replaced"
  fi
}
headed() { # LINE: print the new content of the file
  { [ -z "$1" ] || printf '%s\n' "$1"; } &&
    { [ -z "$tail" ] || printf '%s\n' "$tail"; } &&
    { [ "$at" -le 1 ] || head -n "$((at - 1))" "$path"; } &&
    { [ ! -e "$path" ] || tail -n "+$rest" "$path"; }
}
MADE='# macstate made this file; it goes with the line above, unless there is more in it'
