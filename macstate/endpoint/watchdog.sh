# shellcheck shell=sh disable=SC2154 # it follows watchdog_ask.sh, whose variables and functions it uses
# What the watchdog makes of the answer, and what it does.
look() { # the job's process, and the number of its run; both empty if nothing runs, failure if it is not loaded
  printed=$(launchctl print "$TARGET" 2>/dev/null) || return 1
  process=$(printf '%s\n' "$printed" | awk '
    /^\tpid = [0-9]+$/ && !pid { pid = $3 }
    /^\truns = [0-9]+$/ && !runs { runs = $3 }
    END { if (pid) print pid, runs }')
  pid=${process%% *}
}
usage() { # the CPU seconds of each process of the job: its group, and all children (Ollama's runner is one)
  ps -A -o pid= -o ppid= -o pgid= -o time= | JOB=$pid awk "$clock"'
    { parent[$1] = $2; group[$1] = $3; used[$1] = seconds($4) }
    END {
      for (one in parent) {
        left = NR # whatever ps says, no way up goes round in a circle
        for (up = one; up + 0 > 1 && (up in parent) && left-- > 0; up = parent[up])
          if (up == ENVIRON["JOB"] || group[up] == ENVIRON["JOB"]) { printf "%s %.2f\n", one, used[one]; break }
      }
    }'
}
works() { # whether the job has used CPU since the look before; that a GPU's work costs the CPU so much is an inference
  printf '%s\n--\n%s\n' "$before" "$(usage)" | awk -v wait="$DEADLINE" '
    $1 == "--" { after = 1; next }
    !after { was[$1] = $2; next }
    $2 > was[$1] { sum += $2 - was[$1] }
    END { exit !(sum >= 0.05 && sum >= wait * 0.005) }'
}
patient() { # NAME SECONDS WHY: whether this phase of the process is not over yet; its beginning is said
  now=$(date +%s) since=$(recall phase)
  case $since in
    "$1 $process "*) since=$(digits "${since##* }") ;;
    *)
      case $since in *" $process "*) since=$(digits "${since##* }") ;; *) since=$now ;; esac
      put phase "$1 $process $since"
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
why='' fresh='' before=$(usage)
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
    age=$(ps -o etime= -p "$pid" | awk "$clock"'{ printf "%.0f", seconds($1) }')
    if [ "$(recall well)" != "$process" ] && [ "$(digits "$age")" -lt "$READY" ]; then
      patient starting "$READY" "$why"
      exit 0
    fi
    [ "$code" = 000 ] || sleep "$DEADLINE" # a full queue says so at once
    case $code:$failed in
      000:28 | 503:*)
        if works; then
          ! patient busy "$PATIENCE" "$why, but it works" || exit 0
        elif [ -n "$fresh" ]; then # what waits for the disk uses no CPU
          ! patient loading "$READY" "$why, but $fresh" || exit 0
        fi
        ;;
    esac
    ;;
esac
if [ -f "$folder/gave-up" ]; then
  [ "$(recall gave-up)" != "$process" ] || exit 0
  rm -f "$folder/gave-up" "$folder/restarts" # somebody else has started it anew
fi
now=$(date +%s) restarts=$(recall restarts)
count=$(digits "${restarts%% *}") last=$(digits "${restarts##* }")
[ $((now - last)) -ge "$COOLDOWN" ] || exit 0
if [ "$count" -ge "$GIVE_UP" ]; then
  put gave-up "$process"
  say "gave up after $count restarts in a row: $why; it is left as it is until it answers, or is started anew"
  exit 0
fi
put restarts "$((count + 1)) $now"
rm -f "$folder/phase" "$folder/asked" "$folder/reloads"
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
