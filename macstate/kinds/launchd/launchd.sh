# shellcheck disable=SC2154 # appended to probe.sh, whose functions and variables it uses
named() { # DOMAIN: the jobs that the spec or the record names
  case $1 in system) record=$roots ;; *) record=$users ;; esac
  { listed label; recorded "$record" launchd | sed -n "s,^$1/,,p"; } | sort -u
}
jobs() { # DOMAIN FOLDER: the domain's overrides, and the named jobs
  reply "launchctl print-disabled $1" launchctl print-disabled "$1"
  named "$1" | while IFS= read -r job; do
    [ ! -e "$root$2/$job.plist" ] || reply "cat $2/$job.plist" text "$root$2/$job.plist"
    reply "launchctl print $1/$job" launchctl print "$1/$job"
  done
}
others() { # DOMAIN FOLDER...: the plists there, and what those say that nobody has named, since they may conflict
  ours=$(named "$1")
  reply "stat $1" plists_in "$@"
  shift
  for folder; do
    for file in "$root$folder"/*.plist; do
      label=${file##*/}
      label=${label%.plist}
      case $newline$ours$newline in *"$newline$label$newline"*) [ "$folder" = /Library/LaunchAgents ] || continue ;; esac
      ! text "$file" >/dev/null 2>&1 || reply "cat ${file#"$root"}" text "$file"
    done
  done
}
domain() { # DOMAIN FOLDER...: everything; without a session at the screen the gui domain does not exist
  if all=$(launchctl print "$1" 2>/dev/null); then
    reply "launchctl print $1" services
    jobs "$1" "$2"
  else
    reply "launchctl print $1" launchctl print "$1"
  fi
  others "$@"
}
services() { # process, status and label of all jobs but Apple's: a job that holds a port may have no plist
  printf '%s\n' "$all" | awk '
    /^\tservices = \{/ { on = 1; next }
    /^\t\}/ { on = 0 }
    on && $3 !~ /^com\.apple\./ { print }'
}
newline='
'
domain system /Library/LaunchDaemons
domain "gui/$uid" "$home/Library/LaunchAgents" /Library/LaunchAgents
