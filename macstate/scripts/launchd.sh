# shellcheck disable=SC2154 # appended to probe.sh, whose functions and variables it uses
named() { # DOMAIN: the jobs that the spec or the record names
  case $1 in system) record=$roots ;; *) record=$users ;; esac
  { listed label; recorded "$record" launchd | sed -n "s,^$1/,,p"; } | sort -u
}
jobs() { # DOMAIN FOLDER: its overrides, all plists in its folder, and the jobs that are named
  section "launchctl print-disabled $1" launchctl print-disabled "$1"
  section "stat $1" plists_in "$2"
  named "$1" | while IFS= read -r job; do
    [ ! -e "$root$2/$job.plist" ] || section "cat $2/$job.plist" text "$root$2/$job.plist"
    section "launchctl print $1/$job" launchctl print "$1/$job"
  done
}
others() { # DOMAIN FOLDER LOADED: jobs of others, which may be in the way
  for file in "$root$2"/*.plist; do
    label=${file##*/}
    label=${label%.plist}
    ! named "$1" | grep -qxF -- "$label" || continue
    text "$file" >/dev/null 2>&1 || continue
    section "cat $2/$label.plist" text "$file"
    [ "$3" = unknown ] || section "launchctl print $1/$label" launchctl print "$1/$label"
  done
}
jobs system /Library/LaunchDaemons
others system /Library/LaunchDaemons loaded
gui="gui/$uid"
if launchctl print "$gui" >/dev/null 2>&1; then
  jobs "$gui" "$home/Library/LaunchAgents"
  others "$gui" "$home/Library/LaunchAgents" loaded
else
  section "launchctl print $gui" launchctl print "$gui"
  section "stat $gui" plists_in "$home/Library/LaunchAgents"
  others "$gui" "$home/Library/LaunchAgents" unknown
fi
