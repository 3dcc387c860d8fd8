# shellcheck disable=SC2154 # appended to probe.sh, whose functions and variables it uses
pulls() { # FOLDER: whether a worker runs on the queue, and the queue's lines
  worker=$(readlink "$1/worker") && since=${worker#*	} && [ -n "$since" ] &&
    [ "$(started "${worker%%	*}")" = "$since" ] && echo working || echo idle
  for line in "$1"/*.pull; do text "$line" 2>/dev/null || :; done
}
sizes() { # ENDPOINT: bytes of each desired model that is missing, from its registry, or - if that has none; 5 s in all
  printf %s "${list_wanted-}" | {
    while read -r owner name url; do
      [ "$owner" = "$1" ] || continue
      case $tags in *"\"name\":\"$name\""*) continue ;; esac
      curl -qsL --max-time 5 -w '\n%{http_code}\n' -H "Accept: $form" "$url" 2>/dev/null | head -c 4000000 | tr '{}' '\n' |
        NAME=$name awk '
          match($0, /"size":[ ]*[0-9]+/) { sum += substr($0, RSTART + 7, RLENGTH - 7); known = 1 }
          { last = $0 }
          END {
            if (last == "404") printf "%s\t-\n", ENVIRON["NAME"]
            if (last == "200" && known) printf "%s\t%.0f\n", ENVIRON["NAME"], sum
          }' &
    done
    wait
  }
}
server() { # ENDPOINT PORT: its models, what the missing ones weigh, and what is on its way
  endpoint=${1%% *} status=0
  tags=$(capped curl -qfs --noproxy '*' --max-time 10 "http://127.0.0.1:${1#* }/api/tags") || status=$?
  answer=$(exec 3>&1 && reply "curl /api/tags $1" told "$status" "$tags")
  printf %s "$answer" >&3
  # shellcheck disable=SC2034 # aliases.sh follows
  answers=$answers$answer
  case ${list_wanted-} in *"$endpoint "*) reply "sizes $endpoint" sizes "$endpoint" ;; esac
  [ ! -d "$HOME/.local/state/macstate/pulls/$endpoint" ] ||
    reply "pulls $endpoint" pulls "$HOME/.local/state/macstate/pulls/$endpoint"
}
form=application/vnd.docker.distribution.manifest.v2+json answers=''
each "${list_models-}" server
keys "${user_alias-}"
[ -z "$keys" ] || reply aliases printf %s "$keys"
