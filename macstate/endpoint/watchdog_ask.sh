#!/bin/sh
# Asks one model server whether it still answers, and restarts it when it does not. launchd runs this at an interval, never
# twice at a time; macstate/endpoint/watchdog.py says what stands in its environment. It says one line an event, and
# nothing while all is well. What it remembers lies in STATE:
#   well      the process that has answered
#   phase     the phase it is in, which process, since when it does not answer
#   asked     a line a model: when it GOES (is unloaded); the time that /api/ps SHOWed for that; the seconds that OUR last
#             question left it (0: none yet; -1: it was not changed); THEIRS, what its users had wished; and its name
#   reloads   in which process a question of ours has loaded which model anew
#   restarts  how many in a row, and the last one's time
#   gave-up   the process on which it has given up
#   out       there while the job is booted out and not yet back
# shellcheck disable=SC2016,SC2034,SC2154 # awk has a $ too; watchdog.sh follows: it knows the process, and judges
set -u
LC_ALL=C
export LC_ALL
newline='
'
folder=${MACSTATE_ROOT-}$STATE
prompt='Count to nine: one two three'
named='{ name = $0; sub(/^[^ ]* [^ ]* /, "", name) } ' # of a line of `loaded`; it may have blanks
kept='{ name = $0; sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "", name) } ' # of a line of `asked`
clock='
function seconds(t, a, n, i, s) { # [[days-]hours:]minutes:seconds, as ps prints them
  n = split(t, a, /[-:]/)
  for (i = 1; i <= n; i++) s = s * (n == 4 && i == 2 ? 24 : 60) + a[i]
  return s + 0
}
function epoch(t, a, y, d, z) { # 2026-11-24T03:51:54.123+01:00; days as in the proleptic Gregorian calendar
  split(substr(t, 1, 19), a, /[-T:]/)
  z = substr(t, 20)
  sub(/^\.[0-9]*/, "", z)
  z = (substr(z, 1, 1) == "-" ? -1 : 1) * (substr(z, 2, 2) * 60 + substr(z, 5, 2)) * 60
  y = a[1] - (a[2] <= 2)
  d = int((153 * (a[2] + (a[2] > 2 ? -3 : 9)) + 2) / 5) + a[3] - 1
  d += y * 365 + int(y / 4) - int(y / 100) + int(y / 400) - 719468
  return ((d * 24 + a[4]) * 60 + a[5]) * 60 + a[6] - z
}'
say() {
  printf '%s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$NAME" "$*"
  logger -t macstate.watchdog "$NAME: $*"
}
put() { # FILE TEXT
  printf '%s\n' "$2" >"$folder/$1"
}
recall() { # FILE
  cat "$folder/$1" 2>/dev/null
}
expiry() { # MODEL: when it is to be unloaded, as /api/ps says now; 0 if it is not there
  ask /api/ps
  digits "$(loaded | MODEL=$1 awk "$named"'(name "") == ENVIRON["MODEL"] "" { found = $1 } END { print found }')"
}
near() { # SECONDS SECONDS: whether they are the same, but for what is cut off
  [ $(($1 - $2)) -le 2 ] && [ $(($1 - $2)) -ge -2 ]
}
ask() { # PATH [BODY]: the status in $code, 000 without a whole answer; the text, in one line, in $answer
  path=$1
  shift
  [ $# -eq 0 ] || set -- -H 'Content-Type: application/json' --data-binary "$1"
  failed=0
  answer=$(capped curl -qs --noproxy '*' --max-time "$DEADLINE" --max-filesize 1000000 -w '\n%{http_code}' "$@" \
    "http://127.0.0.1:$PORT$path") || failed=$?
  [ "$failed" -eq 0 ] && code=${answer##*"$newline"} || code=000
  answer=$(printf %s "${answer%"$newline"*}" | tr '[:cntrl:]' ' ')
}
answers() { # WHAT ABOUT PATH [BODY]: whether it answers; else $why not
  what=$1 about=$2
  shift 2
  ask "$@"
  case $code:$failed in
    000:7) why="nobody listens on port $PORT" ;;
    000:28) why="no $what within $DEADLINE s ($about)" ;;
    000:*) why="the connection broke ($about)" ;;
    5*) why="status $code ($about)" ;;
    *) return 0 ;;
  esac
  return 1
}
speaks() { # MODEL FIELDS PATH BODY: whether it says something; a 4xx is alive (an embedding model cannot be asked)
  model=$1 fields=$2
  shift 2
  answers token "$model" "$@" || return 1
  [ "$code" = 200 ] || return 0
  printf '%s\n' "$answer" | grep -Eq "\"($fields)\" *: *\"[^\"]" && return 0
  why="an empty answer ($model)"
  return 1
}
first_id() { # the first text named "id" in the answer, as it stands there
  printf '%s\n' "$answer" | awk 'match($0, /"id" *: *"([^"\\]|\\.)*"/) {
    text = substr($0, RSTART, RLENGTH - 1)
    sub(/^"id" *: *"/, "", text)
    print text
  }'
}
loaded() { # time of unloading, context and name of each model in the answer to /api/ps
  printf '%s\n' "$answer" | tr ',{}' '[\n*]' | awk "$clock"'
    function out() { if (name != "") printf "%.0f %.0f %s\n", time, context, name; name = "" }
    { value = $0; sub(/^[^:]*: *"?/, "", value); sub(/" *\]? *$/, "", value) }
    /^ *"name" *:/ { out(); name = value; time = context = 0 }
    /^ *"expires_at" *:/ { time = epoch(value) }
    /^ *"context_length" *:/ { context = value + 0 }
    END { out() }'
}
question() { # MODEL EXPIRES CONTEXT, one that is loaded: it must say something, and goes when its users wish
  read -r goes shown ours theirs _ <<EOF
$line
EOF
  goes=$(digits "$goes") shown=$(digits "$shown") ours=$(digits "$ours") theirs=$(digits "$theirs")
  left=$(($2 - $(date +%s)))
  ! grep -qxF "$process $1" "$folder/reloads" 2>/dev/null || return 0
  [ "$left" -ge "$DEADLINE" ] || [ "$left" -le "-$DEADLINE" ] || return 0 # asked now, it might be loaded anew
  # A question shortens what the next user gets until the next look, which must come before that ends. A time that moves
  # along with the clock is that of a model whose first user still waits.
  if [ "$left" -gt 0 ] && [ "$left" -le "$((EVERY + DEADLINE))" ] && near "$2" "$shown"; then
    return 0
  elif [ "$left" -gt 0 ] && [ "$left" -le "$((EVERY + DEADLINE))" ] && [ "$ours" -le 0 ] && ! near "$left" "$theirs"; then
    line="$2 $2 $ours $left $1"
    return 0
  fi
  answers answer /api/show /api/show "{\"model\":\"$1\"}" || return
  # Another num_ctx than the loaded one's would load the model anew. /api/ps shows no more than the model's own: there it is
  # the usual one, which may be larger, unless that is known to be smaller.
  own=$(printf '%s\n' "$answer" | sed -n 's/.*\.context_length" *: *\([0-9][0-9]*\).*/\1/p')
  usual=$(printf '%s\n' "$answer" | sed -nE 's/.*"parameters" *: *"([^"\\]|\\.)*num_ctx +([0-9]+).*/\2/p')
  usual=$(digits "${usual:-$CONTEXT}") own=$(digits "$own") size=''
  if [ "$3" -gt 0 ] && { [ "$3" -lt "$own" ] || { [ "$usual" -gt 0 ] && [ "$usual" -lt "$own" ]; }; }; then
    size=",\"num_ctx\":$3"
  fi
  [ "$ours" -ne 0 ] || fresh="$1 may still be loading"
  start=$(date +%s)
  speaks "$1" 'response|thinking' /api/generate "{\"model\":\"$1\",\"prompt\":\"$prompt\",\"stream\":false,\
\"options\":{\"num_predict\":8$size}}" || return
  end=$(date +%s) spoken=1 fresh=''
  if printf '%s\n' "$answer" | grep -Eq '"load_duration" *: *([0-9]{11}|[2-9][0-9]{9})'; then # 2 s: it was not loaded so
    printf '%s\n' "$process $1" >>"$folder/reloads"
    say "$1 was loaded anew by a question, as its users set what cannot be seen; it is not asked again until a restart"
  fi
  sleep 0.5 # until the server's scheduler knows that the question is over
  now=$(expiry "$1") session=$((now - end))
  if [ "$session" -le 0 ] || [ "$now" -eq "$2" ] || [ "$session" -gt 315360000 ]; then # gone, in use, for ever (ten years)
    [ "$ours" -gt 0 ] || line="$2 $2 -1 $left $1"
    return 0
  elif [ "$ours" -le 0 ] || [ "$ours" -lt "$((session - 2))" ] || [ "$ours" -gt "$((now - start + 2))" ]; then # its users' own
    theirs=$session goes=$2
  elif ! near "$2" "$shown"; then # somebody has used it since, and got the time of our last question
    goes=$(($2 - ours + theirs))
  fi
  [ "$left" -gt 0 ] || goes=$((end + theirs)) # it was in use until just now
  ours=$((goes - $(date +%s)))
  [ "$ours" -gt 0 ] || ours=1
  ask /api/generate "{\"model\":\"$1\",\"stream\":false,\"keep_alive\":$ours,\"options\":{\"num_predict\":8$size}}"
  [ "$code" = 200 ] || ours=$theirs
  line="$goes $(expiry "$1") $ours $theirs $1"
}
ollama() { # asks the loaded models
  answers answer /api/ps /api/ps || return
  models=$(loaded) asked='' spoken=0
  while [ "$ASK" = 1 ] && read -r expires context model && [ -n "$model" ]; do
    line=$([ "$(recall well)" != "$process" ] || recall asked | MODEL=$model awk "$kept"'(name "") == ENVIRON["MODEL"] ""')
    [ -n "$why" ] || question "$model" "$(digits "$expires")" "$(digits "$context")"
    asked="$asked$line$newline"
  done <<EOF
$models
EOF
  put asked "$asked"
  [ -n "$why" ] || [ "$spoken" = 1 ] || ! answers answer /api/tags /api/tags || [ "$code" = 200 ] || why="status $code (/api/tags)"
}
openai() {
  answers answer "$HEALTH" "$HEALTH" && [ "$ASK" = 1 ] || return
  model=$(printf %s "${MODEL-}" | sed 's/[\\"]/\\&/g')
  if [ -z "$model" ]; then
    [ "$HEALTH" = /v1/models ] || answers answer /v1/models /v1/models || return
    model=$(first_id)
    [ -n "$model" ] || return # it has none, or wants a key
  fi
  speaks "$model" 'content|reasoning|reasoning_content|text' /v1/chat/completions \
    "{\"model\":\"$model\",\"messages\":[{\"role\":\"user\",\"content\":\"$prompt\"}],\"max_tokens\":8,\"stream\":false}"
}
rest() {
  answers answer "$HEALTH" "$HEALTH"
}
