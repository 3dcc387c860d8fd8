#!/bin/sh
# Asks one model server whether it still answers, and restarts it when it does not. launchd runs this at an interval, never
# twice at a time; macstate/services/watchdog.py says what stands in its environment. It says one line an event, and
# nothing while all is well. What it remembers lies in STATE: the process that has answered `well`; the `phase` that it is
# in, which process, since when; when each model that it `asked` would be unloaded; `restarts` in a row, and the last
# one's time; the process it `gave-up` on; and `out` while the job is booted out and not yet back.
set -u
LC_ALL=C
export LC_ALL
newline='
'
folder=${MACSTATE_ROOT-}$STATE
prompt='Count to nine: one two three'
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
look() { # the job's process, and the number of its run; both empty if nothing runs, failure if it is not loaded
  printed=$(launchctl print "$TARGET" 2>/dev/null) || return 1
  process=$(printf '%s\n' "$printed" | awk '
    /^\tpid = [0-9]+$/ && !pid { pid = $3 }
    /^\truns = [0-9]+$/ && !runs { runs = $3 }
    END { if (pid) print pid, runs }')
  pid=${process%% *}
}
usage() { # the CPU seconds of each process of the job: its group, and all children (Ollama's runner is one)
  ps -A -o pid= -o ppid= -o pgid= -o time= | awk -v job="$pid" "$clock"'
    { parent[$1] = $2; group[$1] = $3; used[$1] = seconds($4) }
    END {
      for (one in parent) for (up = one; up + 0 > 1 && (up in parent); up = parent[up])
        if (up == job || group[up] == job) { printf "%s %.2f\n", one, used[one]; break }
    }'
}
works() { # whether the job has used CPU since the look before; that a GPU's work costs the CPU so much is an inference
  printf '%s\n--\n%s\n' "$before" "$(usage)" | awk -v wait="$DEADLINE" '
    $1 == "--" { after = 1; next }
    !after { was[$1] = $2; next }
    $2 > was[$1] { sum += $2 - was[$1] }
    END { exit !(sum >= 0.05 && sum >= wait * 0.005) }'
}
ask() { # PATH [BODY]: the status in $code, 000 without a whole answer; the text, in one line, in $answer
  path=$1
  shift
  [ $# -eq 0 ] || set -- -H 'Content-Type: application/json' --data-binary "$1"
  failed=0
  answer=$(curl -qs --noproxy '*' --max-time "$DEADLINE" -w '\n%{http_code}' "$@" "http://127.0.0.1:$PORT$path") || failed=$?
  [ "$failed" -eq 0 ] && code=${answer##*"$newline"} || code=000
  answer=$(printf %s "${answer%"$newline"*}" | tr '\n\r\t' '   ')
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
first() { # NAME: the first text of that name in the answer, as it stands there
  printf '%s\n' "$answer" | awk -v name="\"$1\"" 'match($0, name " *: *\"([^\"\\\\]|\\\\.)*\"") {
    text = substr($0, RSTART + length(name), RLENGTH - length(name) - 1)
    sub(/^ *: *"/, "", text)
    print text
  }'
}
loaded() { # name, time of unloading and context of each model in the answer to /api/ps
  printf '%s\n' "$answer" | tr ',{}' '[\n*]' | awk "$clock"'
    function out() { if (name) printf "%s %.0f %d\n", name, time, context; name = "" }
    { value = $0; sub(/^[^:]*: *"?/, "", value); sub(/" *\]? *$/, "", value) }
    /^ *"name" *:/ { out(); name = value; time = context = 0 }
    /^ *"expires_at" *:/ { time = epoch(value) }
    /^ *"context_length" *:/ { context = value + 0 }
    END { out() }'
}
ollama() { # asks every loaded model, and keeps none longer in memory by that
  answers answer /api/ps /api/ps || return
  models=$(loaded) asked='' spoken=0
  while [ "$ASK" = 1 ] && read -r model expires context && [ -n "$model" ]; do
    left=$((expires - $(date +%s)))
    known=$(recall asked | MODEL=$model awk '$1 == ENVIRON["MODEL"] { print $2 }')
    moved=$((expires - ${known:-0}))
    if [ "$left" -lt "$DEADLINE" ] && [ "$left" -gt "-$DEADLINE" ]; then # asked now, it might be loaded anew
      asked="$asked$model ${known:-0}$newline"
      continue
    elif [ "$left" -gt 315360000 ]; then # ten years: for ever
      keep=-1
    elif [ "$moved" -ge -2 ] && [ "$moved" -le 2 ]; then # nobody used it since: it shall go when it would have gone
      keep=$((left > 1 ? left - 1 : 1)) # what was cut off, and what an answer takes
    else # somebody did, and may have got the short time of our last question: what the server is set to, or a longer wish
      keep=$((KEEP_ALIVE < 0 || left < KEEP_ALIVE ? KEEP_ALIVE : left))
    fi
    # another num_ctx than the loaded one's would load the model anew, and only one below the model's own is sure to be it
    answers answer /api/show /api/show "{\"model\":\"$model\"}" || return
    own=$(printf '%s\n' "$answer" | sed -n 's/.*\.context_length" *: *\([0-9][0-9]*\).*/\1/p')
    size=$([ "$context" -gt 0 ] && [ "$context" -lt "${own:-0}" ] && echo ",\"num_ctx\":$context")
    speaks "$model" 'response|thinking' /api/generate "{\"model\":\"$model\",\"prompt\":\"$prompt\",\"stream\":false,\
\"keep_alive\":$keep,\"options\":{\"num_predict\":8$size}}" || return
    spoken=1
    sleep 0.5 # until the server's scheduler knows that the question is over
    ask /api/ps
    asked="$asked$(loaded | MODEL=$model awk '$1 == ENVIRON["MODEL"] { print $1, $2 }')$newline"
  done <<EOF
$models
EOF
  put asked "$asked"
  [ "$spoken" = 1 ] || ! answers answer /api/tags /api/tags || [ "$code" = 200 ] || why="status $code (/api/tags)"
}
openai() {
  answers answer "$HEALTH" "$HEALTH" && [ "$ASK" = 1 ] || return
  model=$(printf %s "${MODEL-}" | sed 's/[\\"]/\\&/g')
  if [ -z "$model" ]; then
    [ "$HEALTH" = /v1/models ] || answers answer /v1/models /v1/models || return
    model=$(first id)
    [ -n "$model" ] || return # it has none, or wants a key
  fi
  speaks "$model" 'content|reasoning|reasoning_content|text' /v1/chat/completions \
    "{\"model\":\"$model\",\"messages\":[{\"role\":\"user\",\"content\":\"$prompt\"}],\"max_tokens\":8,\"stream\":false}"
}
rest() {
  answers answer "$HEALTH" "$HEALTH"
}
patient() { # NAME SECONDS WHY: whether this phase of the process is not over yet; its beginning is said
  now=$(date +%s) since=$(recall phase)
  case $since in
    "$1 $process "*) since=${since##* } ;;
    *)
      since=$now
      put phase "$1 $process $now"
      [ "$2" -eq 0 ] || say "$1: $3; left alone for up to $2 s"
      ;;
  esac
  [ $((now - since)) -lt "$2" ]
}
kick() { # [-k]: under a deadline, because kickstart hangs on a job in launchd's penalty box; well if a new process runs
  launchctl kickstart "$@" "$TARGET" >/dev/null 2>&1 &
  child=$! tries=100
  until look && [ -n "$process" ] && [ "$process" != "$old" ]; do
    if [ "$tries" -eq 0 ]; then
      kill -9 "$child" 2>/dev/null
      wait "$child" 2>/dev/null
      return 1
    fi
    tries=$((tries - 1))
    sleep 0.2
  done
}
back() { # after a bootout: wait until the job is gone (`bootout` answers long before that), load and start it
  tries=300
  while status=0 && { launchctl print "$TARGET" >/dev/null 2>&1 || status=$?; } && [ "$status" -ne 113 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { said="it does not end" && return 1; }
    sleep 0.2
  done
  said=$(launchctl bootstrap "${TARGET%/*}" "$PLIST" 2>&1) || return 1
  rm -f "$folder/out"
  kick || { said="no process after kickstart" && return 1; }
}

mkdir -p "$folder" || exit
if ! look; then # somebody took it away, unless that was us
  [ -f "$folder/out" ] && old='' && back && say "loaded again"
  exit 0
fi
rm -f "$folder/out"
why='' before=$(usage)
"$ENGINE"
if [ -z "$why" ]; then
  [ "$(recall well)" = "$process" ] || put well "$process"
  [ ! -f "$folder/restarts" ] || say "answers again"
  rm -f "$folder/phase" "$folder/restarts" "$folder/gave-up"
  exit 0
fi
old=$process
look || exit 0
[ -z "$process" ] || [ "$process" = "$old" ] || exit 0 # started anew meanwhile
case ${pid:-none}:$code:$failed in
  none:000:*) why="not running" ;;
  *:000:* | *:503:*)
    age=$(ps -o etime= -p "$pid" | awk "$clock"'{ print seconds($1) }')
    if [ "$(recall well)" != "$process" ] && [ "${age:-0}" -lt "$READY" ]; then
      patient starting "$READY" "$why"
      exit 0
    fi
    [ "$code" = 000 ] || sleep "$DEADLINE" # a full queue says so at once
    case $code:$failed in
      000:28 | 503:*) ! works || ! patient busy "$PATIENCE" "$why, but it works" || exit 0 ;;
    esac
    ;;
esac
if [ -f "$folder/gave-up" ]; then
  [ "$(recall gave-up)" != "$process" ] || exit 0
  rm -f "$folder/gave-up" "$folder/restarts" # somebody else has started it anew
fi
now=$(date +%s) restarts=$(recall restarts)
count=${restarts%% *} last=${restarts##* }
[ $((now - ${last:-0})) -ge "$COOLDOWN" ] || exit 0
if [ "${count:-0}" -ge "$GIVE_UP" ]; then
  put gave-up "$process"
  say "gave up after $count restarts in a row: $why; it is left as it is until it answers, or is started anew"
  exit 0
fi
put restarts "$((${count:-0} + 1)) $now"
rm -f "$folder/phase" "$folder/asked"
old=$process
if kick -k; then
  say "restarted: $why"
  exit 0
fi
look || exit 0
trap '' TERM # halfway it would be lost
put out "$old"
launchctl bootout "$TARGET" >/dev/null 2>&1
if back; then say "restarted (booted out, and loaded again): $why"; else say "cannot be restarted: $said; $why"; fi
