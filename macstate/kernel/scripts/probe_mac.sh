# shellcheck disable=SC2154 # probe.sh sets root, uid and lists
# Reads what only a Mac has; it follows probe.sh, whose functions and lists it uses.
plists_in() { # DOMAIN FOLDER...: owner and mode of each plist
  shift
  for folder; do
    set -- "$root$folder"/*.plist
    { [ ! -e "$1" ] && [ ! -L "$1" ]; } || stat -f '%u %Lp %N' "$@"
  done
}
about() { # WORD,WORD PROGRAM: what it says to each, on standard error too
  printf '%s\n' "$1" | tr , '\n' | while IFS= read -r word; do
    "$2" "$word" 2>&1 </dev/null || exit
  done
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
listeners() { # all processes' listeners, which needs no root
  netstat -anv -p tcp | grep LISTEN
}
holders() { # process, process group and program of each; netstat prints NAME:PID STATE, or PID EPID STATE
  state='0(x[0-9a-f]+|[0-9a-f]{4})'
  pids=$(listeners | sed -En "s/.*:([0-9]+) +$state .*/\\1/p; s/.*LISTEN( +[0-9]+){2,4} +([0-9]+) +[0-9]+ +$state .*/\\2/p")
  ps -o pid=,pgid=,comm= -p "$(printf '%s\n' "$pids" | sort -u | tr '\n' ,)0"
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
# the program itself that changes will run, and without the ticket of an earlier sudo
reply sudo sudo -k -n sh -c true
reply 'sw_vers -productVersion' sw_vers -productVersion
reply 'tailscale status --json' tailscale status --json --peers=false
reply 'tailscale variant' variant
reply clock date +%s
reply sysctl sysctl hw.memsize iogpu.wired_limit_mb
reply 'fdesetup status' fdesetup status
listed program | while IFS= read -r path; do
  [ -x "$root$path" ] || reply "missing $path" true
done
listed way | while IFS= read -r path; do
  reply "way $path" way "$path"
done
listed place | while IFS= read -r path; do # folders where launchd opens logs and starts programs
  [ -d "$root$path" ] || reply "no folder $path" true
done
listed account | while IFS= read -r user; do
  reply "account $user" id -u "$user"
done
{ [ -z "$(listed login)" ] && [ "$(variant)" = open-source ]; } || reply "sysadminctl -autologin status" autologin
listed folder | while IFS= read -r path; do
  reply "df $path" room "$path"
  case $path in
    /Volumes/*) # a link there is not a disk of its own: the start disk has one
      volume=${path#/Volumes/}
      [ ! -L "$root/Volumes/${volume%%/*}" ] || reply "link /Volumes/${volume%%/*}" true
      ;;
  esac
done
if [ -n "$(listed port)" ]; then
  reply 'netstat -anv -p tcp' listeners
  reply ps holders
fi
listed health | while read -r endpoint port path target; do
  reply "health $endpoint" asked "$port" "$path"
  case $target in
    gui/*) target=gui/$uid/${target#gui/} ;;
  esac
  pid=$(launchctl print "$target" 2>/dev/null | sed -n 's/^	pid = //p')
  [ -z "$pid" ] || reply "age $endpoint" ps -o etime= -p "$pid"
done
listed served | while read -r endpoint port; do
  reply "served $endpoint" asked "$port" /v1/models
done
listed loaded | while read -r endpoint port; do
  reply "loaded $endpoint" asked "$port" /api/ps
done
listed requests | while IFS= read -r label; do # the gateway runs as the user, who can read its log
  [ ! -r "$HOME/Library/Logs/$label.access.log" ] || reply requests requests "$HOME/Library/Logs/$label.access.log" "$(listed counted)"
done
listed gateway | while read -r words path; do
  reply "about $path" about "$words" "$root$path"
done
listed path | while IFS= read -r path; do
  reply "realpath $path" realpath "$path"
done
