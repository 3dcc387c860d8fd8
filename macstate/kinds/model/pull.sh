#!/bin/sh
# Has a server of Ollama pull a model: `pull ENDPOINT PORT FOLDER NAME [DIGEST]` sees whether the model exists, is the
# version that begins with DIGEST, and fits below FOLDER, queues it, and leaves one worker behind that pulls through the
# server's own API, the smallest first. A dropped connection is taken up again: Ollama keeps what it has. How far it is
# stands in one line a model, below ~/.local/state/macstate/pulls:
# NAME BYTES waiting|pulling|failed SINCE FIRST TIME ANSWER, with tabs (FIRST: bytes that were here SINCE).
# digits.sh, bounded.sh and started.sh stand behind this, and last: begin "$@".
set -eu
LC_ALL=C
export LC_ALL
tab='	'
newline='
'
patient=12 # tries in a row that bring nothing
spare=5368709120 # bytes that stay free: macOS itself needs some
[ "$1" = --work ] || set -- --queue "$@"
mode=$1 endpoint=$2 port=$3
queue=$HOME/.local/state/macstate/pulls/$endpoint
url=http://127.0.0.1:$port

fail() {
  printf '%s\n' "$name: $*"
  exit 1
}
field() { # LINE NUMBER
  printf '%s\n' "$1" | cut -f "$2"
}
number() { # NAME JSON: the first number of that name; 0 without one
  case $2 in
    *"\"$1\":"*) rest=${2#*"\"$1\":"} ;;
    *) rest=0 ;;
  esac
  rest=${rest# }
  digits "${rest%%[!0-9]*}"
}
put() { # FILE NAME BYTES STATE SINCE FIRST ANSWER; no model's file has `=` first
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$2" "$3" "$4" "$5" "$6" "$(date +%s)" "$7" >"$queue/=new$$"
  mv -f "$queue/=new$$" "$1"
}
gigabytes() {
  echo "$1" | awk '{ printf "%.1f GB", $1 / 1e9 }'
}
manifest() { # what the model's registry says of it, and the HTTP status in the last line
  tag=latest bare=$name
  case ${name##*/} in
    *:*) tag=${name##*:} bare=${name%:*} ;;
  esac
  case $bare in
    */*/*) where=${bare%%/*}/v2/${bare#*/} ;;
    */*) where=registry.ollama.ai/v2/$bare ;;
    *) where=registry.ollama.ai/v2/library/$bare ;;
  esac
  capped curl -qsL --max-time 20 -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' -w '\n%{http_code}' \
    "https://$where/manifests/$tag" 2>/dev/null || :
}
missing() { # MANIFEST: bytes that are still to come
  printf '%s' "$1" | tr '{}' '\n' | sed -n 's/.*"digest":[ ]*"sha256:\([0-9a-f]*\)".*"size":[ ]*\([0-9]*\).*/\1 \2/p' |
    while read -r digest size; do
      blob=${MACSTATE_ROOT-}$folder/blobs/sha256-$digest
      [ ! -f "$blob" ] || continue
      here=$(du -k "$blob-partial" 2>/dev/null | cut -f 1) # its length says nothing: it has holes
      here=$(($(digits "$here") * 1024)) size=$(digits "$size")
      echo "$((size > here ? size - here : 0))"
    done | awk '{ sum += $1 } END { printf "%.0f", sum }'
}
queued() { # bytes that others in the queue still want
  cat "$queue"/*.pull 2>/dev/null | ME=$full awk -F '\t' '
    $3 != "failed" && $1 "" != ENVIRON["ME"] "" { sum += $2 }
    END { printf "%.0f", sum }'
}
free() {
  place=${MACSTATE_ROOT-}$folder
  until [ -d "$place/" ]; do
    case $place in */*) place=${place%/*} ;; *) place='' ;; esac
  done
  df -Pk "$place/" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }'
}

enter() { # BYTES STATE ANSWER: a first line
  left=20
  until { mkdir -p "$queue" && put "$file" "$full" "$1" "$2" "$(date +%s)" 0 "$3"; } 2>/dev/null; do
    [ "$left" -gt 0 ] || fail "cannot write below $queue"
    left=$((left - 1)) # a worker that ends takes the empty folder away
  done
}
outdated() { # MANIFEST: fails where a pull cannot bring what is pinned
  here=$(printf %s "$1" | shasum -a 256 | cut -c 1-64)
  case $here in
    '' | "$pin"*) return ;;
  esac
  case $full in # what another registry has may get another digest here: that is known when it is here
    */*/*) case $tags in *"$here"*) ;; *) return ;; esac ;;
  esac
  why="the library has another version now: pin $(printf %.12s "$here"), or take the pin out"
  enter 0 failed "$why"
  fail "$why"
}

queue() {
  folder=$4 name=$5 pin=${6-}
  late=$(($(date +%s) + 60)) # a server that was just started may take a moment
  until tags=$(capped curl -qfsS --noproxy '*' --max-time 5 "$url/api/tags" 2>/dev/null); do
    [ "$(date +%s)" -lt "$late" ] || fail "the server on port $port does not answer; see its log"
    sleep 1
  done
  full=$name
  case ${name##*/} in
    *:*) ;;
    *) full=$name:latest ;;
  esac
  file=$queue/$(printf %s "$full" | tr / =).pull
  case $tags in
    *"\"name\":\"$full\""*) [ -n "$pin" ] || { rm -f "$file" && exit 0; } ;;
  esac
  answer=$(manifest)
  bytes=0
  case ${answer##*"$newline"} in
    404) fail "pull model manifest: file does not exist" ;;
    200)
      outdated "${answer%"$newline"*}"
      bytes=$(digits "$(missing "$answer")")
      free=$(digits "$(free)") others=$(digits "$(queued)")
      [ "$((bytes + others + spare))" -le "$free" ] ||
        fail "needs $(gigabytes "$bytes"), and only $(gigabytes "$((free > others + spare ? free - others - spare : 0))") can be had below $folder"
      ;;
  esac # else the registry cannot be asked from here, and Ollama itself will say what is wrong
  enter "$bytes" waiting ''
  worker=$(readlink "$queue/worker") || worker=
  since=${worker#*"$tab"}
  if [ -z "$since" ] || [ "$(started "${worker%%"$tab"*}")" != "$since" ]; then
    rm -f "$queue/worker" # dead; and no other can come, for one run at a time queues
    worker=
  fi
  if [ -z "$worker" ]; then
    sh "$0" --work "$endpoint" "$port" </dev/null >/dev/null 2>&1 &
  fi
  watch "$file"
}
watch() { # what fails at once is told at once; anything else goes on without us
  left=20
  while [ "$left" -gt 0 ] && [ -f "$1" ]; do
    line=$(cat "$1" 2>/dev/null) || line=
    case $(field "$line" 3) in
      failed) fail "$(field "$line" 7)" ;;
      pulling) [ "$(number completed "$(field "$line" 7)")" -eq 0 ] || return 0 ;;
    esac
    left=$((left - 1))
    sleep 0.1
  done
}

work() {
  trap '' HUP # the session that started us ends soon
  sign || exit 0
  rm -f "$queue"/=new* # of workers that were killed; who queues just now writes again
  while :; do
    smallest
    if [ -z "$file" ]; then
      rm -f "$queue/worker" # first: whoever queues now sees that nobody works
      smallest
      [ -n "$file" ] || break
      sign || exit 0
      continue
    fi
    pull
  done
  rmdir "$queue" "${queue%/*}" 2>/dev/null || :
}
smallest() { # of what is waiting: its file, none if nothing waits; its size and name
  file='' bytes=0
  for each in "$queue"/*.pull; do
    line=$(head -n 1 "$each" 2>/dev/null) && [ "$(field "$line" 3)" != failed ] || continue
    size=$(digits "$(field "$line" 2)")
    [ -n "$file" ] && [ "$size" -ge "$bytes" ] || file=$each bytes=$size name=$(field "$line" 1)
  done
}
sign() { # fails where another works: a link is made whole, or not at all
  ln -s "$$$tab$(started $$)" "$queue/worker" 2>/dev/null
}
pull() { # until it is here, or nothing helps
  tries=0 most=0
  while [ -f "$file" ]; do
    put "$file" "$name" "$bytes" pulling "$(date +%s)" 0 ''
    here=$(curl -qsN --noproxy '*' --connect-timeout 10 "$url/api/pull" -d "{\"model\":\"$name\"}" 2>/dev/null | follow) || :
    here=$(digits "$here")
    [ "$here" -le "$most" ] || most=$here tries=0
    line=$(cat "$file" 2>/dev/null) || return 0
    answer=$(field "$line" 7)
    case $answer in
      *'"success"'*) rm -f "$file" && return 0 ;;
      *'"error"'*'not exist'* | *'"error"'*'no space left'* | *'"error"'*nauthorized* | *'"error"'*invalid* | *'"error"'*'newer version'*)
        tries=$patient
        ;;
    esac
    tries=$((tries + 1))
    if [ "$tries" -gt "$patient" ]; then
      why=${answer#*'"error":"'}
      [ -n "$why" ] || why="the server does not answer"
      [ "${why#\{}" = "$why" ] || why="the server ended the pull"
      put "$file" "$name" "$bytes" failed "$(date +%s)" 0 "${why%'"'*}"
      return 0
    fi
    sleep "$((tries < 12 ? tries * 5 : 60))"
  done
}
follow() { # what the server says of a pull, line by line; a thousandth more is worth a write. Prints the bytes that are here
  since=$(date +%s) layer='' first=0 last='' before=0 done=0
  while IFS= read -r line || [ -n "$line" ]; do
    [ -f "$file" ] && kill -0 $$ 2>/dev/null || exit 0 # without its worker it would write beside the next one
    total=$(number total "$line") was=$done done=$(number completed "$line")
    now="${line%%,*}$((done * 1000 / (total > 0 ? total : 1)))"
    [ "$now" != "$last" ] || continue
    last=$now
    [ "${line%%,*}" = "$layer" ] || layer=${line%%,*} since=$(date +%s) first=$done before=$((before + was)) # the next one
    put "$file" "$name" "$bytes" pulling "$since" "$first" "$line"
  done
  echo "$((before + done))"
}

begin() {
  case $mode in
    --work) work ;;
    *) queue "$@" ;;
  esac
}
