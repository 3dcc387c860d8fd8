# shellcheck disable=SC2154 # it follows probe.sh, whose functions and lists it uses
# Reads what only a Mac has.
files() { # BEFORE PATHS OURS [DOMAIN NAMED SKIPPED]: owner, mode, size and content of each that is there, with one
  # process for each of these. A content of ours, whose digest the record has, is told by that. What the names of the
  # replies lack is BEFORE. Of a domain's plists those that are NAMED are told even if they cannot be read; the content
  # of those that are SKIPPED is not read.
  before=$1 ours=$newline$3 domain=${4-} named=$newline${5-} skipped=$newline${6-}
  there='' asked='' hashed='' rest='' odd='' sums='' digested=$newline status=0
  IFS=$newline
  set -f
  for path in $2; do
    file=$root$path flag=+
    case $path in /*) ;; *) continue ;; esac # the rest of a name with a line end
    [ -e "$file" ] || { [ -n "$domain" ] && [ -L "$file" ]; } || continue
    if [ -n "$domain" ]; then
      case $named in *"$newline$path$newline"*) ;; *) flag=- ;; esac
      case $skipped in *"$newline$path$newline"*) flag=. ;; esac
      [ -e "$file" ] || flag=. # a link that leads nowhere
    fi
    there=$there$file$newline asked=$asked$flag$file$newline
    [ "$flag" != . ] || continue
    if [ ! -f "$file" ] || [ -L "$file" ]; then
      odd=$odd$flag$path$newline # a link's size is not its content's
      continue
    fi
    case ${list_digests:+$ours}:$path in
      :* | *\\*) mine='' ;; # shasum escapes what has a backslash
      *"$newline$path$newline"*) mine=yes ;;
      *) mine='' ;;
    esac
    if [ -n "$mine" ] && [ -r "$file" ]; then
      hashed=$hashed$file$newline
    else
      rest=$rest$file$newline
    fi
  done
  stats=$([ -z "$there" ] || of "$there" stat -f '%u %Lp %z %N') || status=$?
  if [ "$status" -ne 0 ] || [ -n "${list_alone-}" ]; then
    alone
  else
    [ -z "$hashed" ] || for line in $(of "$hashed" shasum -a 256 2>/dev/null); do
      case $digests in
        *"${line%%  *}"*) sums=$sums$line$newline digested=$digested${line#*  }$newline ;;
      esac
    done
    for file in $hashed; do
      case $digested in
        *"$newline$file$newline"* | *"$newline${file#"$root"}$newline"*) ;;
        *) rest=$rest$file$newline ;;
      esac
    done
    reply "files${domain:+ $domain}" contents
  fi
  unset IFS
  set +f
  each "$odd" content
}
contents() { # what files has found; head prints the name of each file above it if there are several
  printf '%s\n%s\n%s\n%s\n%s\n' "$root" "$before" "$asked" "${stats:+$stats$newline}" "$sums"
  [ -z "$rest" ] || of "$rest" head -c 4000000 /dev/null
}
alone() { # each file with processes of its own: nothing that is wrong with one concerns another
  odd=''
  [ -z "$domain" ] || reply "stat $domain" of "$there" stat -f '%u %Lp %N'
  for line in $asked; do
    path=${line#?"$root"}
    [ -n "$domain" ] || reply "stat ${path#"$before"}" stat -f '%u %Lp' "$root$path"
    case $line in .*) ;; *) odd=$odd${line%"${line#?}"}$path$newline ;; esac
  done
}
content() { # FLAG with a PATH behind it
  case $1 in
    -*) text "$root${1#?}" >/dev/null 2>&1 || return 0 ;;
  esac
  path=${1#?}
  reply "cat ${path#"$before"}" text_at "$root$path"
}
text_at() { # PATH; bounded.sh, which has text, lies on Macs in other scripts
  [ ! -d "$1" ] || { echo 'it is a folder' >&2 && return 1; }
  text "$1"
}
of() { # LINES COMMAND...: with all lines as its last words, where lines are parted already
  words=$1
  shift
  for word in $words; do
    set -- "$@" "$word"
  done
  [ -z "$words" ] || "$@"
}
about() { # WORD,WORD PROGRAM: what it says to each, on standard error too
  IFS=,
  for word in $1; do
    unset IFS
    "$2" "$word" 2>&1 </dev/null || return
  done
  unset IFS
}
variant() { # the build of Tailscale: only the open-source daemon has a socket, only the App Store leaves a receipt
  if [ -e "$root/var/run/tailscaled.socket" ] || [ ! -e "$root/Applications/Tailscale.app" ]; then
    echo open-source
  elif [ -e "$root/Applications/Tailscale.app/Contents/_MASReceipt" ]; then
    echo App Store
  else
    echo Standalone
  fi
}
listeners() { # all processes' listeners, which needs no root, and process, process group and program of each;
  # netstat prints NAME:PID STATE, or PID EPID STATE
  state='0(x[0-9a-f]+|[0-9a-f]{4})' sockets='' pids=''
  found=$(netstat -anv -p tcp | sed -En -e '/LISTEN/!d' -e p -e "s/.*:([0-9]+) +$state .*/pid \\1/p" \
    -e "s/.*LISTEN( +[0-9]+){2,4} +([0-9]+) +[0-9]+ +$state .*/pid \\2/p")
  each "$found" listener
  reply 'netstat -anv -p tcp' told 0 "$sockets"
  reply ps ps -o pid=,pgid=,comm= -p "${pids}0"
}
listener() { # LINE
  case $1 in
    'pid '*) pids=$pids${1#pid }, ;;
    *) sockets=$sockets$1$newline ;;
  esac
}
autologin() { # it prints on standard error
  sysadminctl -autologin status 2>&1
}
room() { # FOLDER: the space on its disk
  place=$root$1
  until [ -d "$place/" ]; do
    case $place in */*) place=${place%/*} ;; *) place='' ;; esac
  done
  df -Pk "$place/"
}
asked() { # PORT PATH: a server's answer, if it is short, and the status behind it
  curl -qs --noproxy '*' --max-time 10 --max-filesize 1000000 -w '\n%{http_code}' "http://127.0.0.1:$1$2" | tail -c 1000000
}
program() { # PATH
  [ -x "$root$1" ] || reply "missing $1" true
}
way_to() { # PATH
  reply "way $1" way "$1"
}
place() { # FOLDER in which launchd opens logs and starts programs
  [ -d "$root$1" ] || reply "no folder $1" true
}
account() { # USER
  reply "account $1" id -u "$1"
}
folder() { # PATH
  reply "df $1" room "$1"
  case $1 in
    /Volumes/*) # a link there is not a disk of its own: the start disk has one
      volume=${1#/Volumes/}
      [ ! -L "$root/Volumes/${volume%%/*}" ] || reply "link /Volumes/${volume%%/*}" true
      ;;
  esac
}
health() { # ENDPOINT PORT PATH TARGET
  endpoint=${1%% *} target=${1##* } port=${1#* }
  path=${port#* }
  reply "health $endpoint" asked "${port%% *}" "${path%% *}"
  case $target in
    gui/*) target=gui/$uid/${target#gui/} ;;
  esac
  pid=$(launchctl print "$target" 2>/dev/null | sed -n 's/^	pid = //p')
  [ -z "$pid" ] || reply "age $endpoint" ps -o etime= -p "$pid"
}
served() { # ENDPOINT PORT
  reply "served ${1% *}" asked "${1#* }" /v1/models
}
loaded() { # ENDPOINT PORT
  reply "loaded ${1% *}" asked "${1#* }" /api/ps
}
counts() { # LABEL of the gateway, which runs as the user, who can read its log
  [ ! -r "$HOME/Library/Logs/$1.access.log" ] || reply requests requests "$HOME/Library/Logs/$1.access.log" "${list_counted-}"
}
gateway() { # WORD,WORD PATH
  reply "about ${1#* }" about "${1%% *}" "$root${1#* }"
}
resolved() { # PATH
  reply "realpath $1" realpath "$1"
}
at_once() { # COMMAND LINE...: run the command with each line at the same time; the answers wait in pipes
  if [ "$#" -le 2 ]; then
    "$@" && reply "asked $1 $2" true
    return
  fi
  command=$1 first=$2
  shift 2
  { "$command" "$first" && reply "asked $command $first" true; } 3>&1 >/dev/null </dev/null | {
    at_once "$command" "$@" </dev/null
    cat >&3
  }
}
beside() { # LINES COMMAND: sixteen at once, since an endpoint may take ten seconds to say nothing
  lines=$1 command=$2 count=0
  set --
  IFS=$newline
  set -f
  for line in $lines; do
    unset IFS
    set +f
    set -- "$@" "$line"
    count=$((count + 1))
    [ "$#" -lt 16 ] || {
      at_once "$command" "$@"
      set --
    }
  done
  unset IFS
  set +f
  [ "$#" -eq 0 ] || at_once "$command" "$@"
  reply "count $command" printf %s "$count"
}
mac() {
  # the program itself that changes will run, and without the ticket of an earlier sudo
  reply sudo sudo -k -n sh -c true
  reply 'sw_vers -productVersion' sw_vers -productVersion
  reply 'tailscale status --json' tailscale status --json --peers=false
  reply 'tailscale variant' variant
  reply clock date +%s
  reply sysctl sysctl hw.memsize iogpu.wired_limit_mb
  reply 'fdesetup status' fdesetup status
  each "${list_program-}" program
  each "${list_way-}" way_to
  each "${list_place-}" place
  each "${list_account-}" account
  { [ -z "${list_login-}" ] && [ "$(variant)" = open-source ]; } || reply "sysadminctl -autologin status" autologin
  each "${list_folder-}" folder
  [ -z "${list_port-}" ] || listeners
  beside "${list_health-}" health
  beside "${list_served-}" served
  beside "${list_loaded-}" loaded
  each "${list_requests-}" counts
  each "${list_gateway-}" gateway
  each "${list_path-}" resolved
}
