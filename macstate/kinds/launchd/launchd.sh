# shellcheck disable=SC2154 # it follows probe.sh and probe_mac.sh, whose functions and variables it uses
domain() { # DOMAIN RECORD FOLDER...: everything; without a session at the screen the gui domain does not exist
  domain=$1 ours='' labels='' plists='' named='' skipped='' status=0
  keys "$2"
  shift 2
  each "$keys" recorded "$1"
  both "${list_label-}" "$labels"
  each "$both" place_of "$1"
  all=$(launchctl print "$domain" 2>&1) || status=$?
  if [ "$status" -eq 0 ]; then
    reply "launchctl print $domain" services
    [ "$domain" = system ] || disabled
    each "$both" job
  else
    skipped=$named # what is loaded of them is not known either
    reply "launchctl print $domain" refused
  fi
  for folder; do
    for file in "$root$folder"/*.plist; do
      plists=$plists${file#"$root"}$newline
    done
  done
  files '' "$plists" "$ours" "$domain" "$named" "$skipped"
}
recorded() { # FOLDER KEY
  case $2 in
    "$domain"/*) labels=$labels${2#"$domain/"}$newline ours=$ours$1/${2#"$domain/"}.plist$newline ;;
  esac
}
place_of() { # FOLDER LABEL
  named=$named$1/$2.plist$newline
}
services() { # process, status and label of all jobs but Apple's: a job that holds a port may have no plist
  printf '%s\n' "$all" | awk '
    /^\tservices = \{/ { on = 1; next }
    /^\t\}/ { on = 0 }
    on && $3 !~ /^com\.apple\./ { print }'
}
refused() {
  printf '%s\n' "$all" >&2
  return "$status"
}
disabled() { # the domain's overrides
  reply "launchctl print-disabled $domain" launchctl print-disabled "$domain"
}
job() { # LABEL
  reply "launchctl print $domain/$1" launchctl print "$domain/$1"
}
part '' # Apple's services ask for it, too
domain=system
disabled
part launchd
domain system "${root_launchd-}" /Library/LaunchDaemons
domain "gui/$uid" "${user_launchd-}" "$home/Library/LaunchAgents" /Library/LaunchAgents
