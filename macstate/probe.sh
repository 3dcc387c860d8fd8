# Reads what a Mac is. Changes nothing, asks for no password, and takes what to look at from standard input, as
# "LIST<TAB>VALUE" lines. Prints one line a section: base64 of its name, of its output with the exit status behind it,
# and of its errors.
set -u
root=${MACSTATE_ROOT-}
PATH=$root/opt/homebrew/bin:$root/usr/local/bin:$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin
LC_ALL=C SHLVL=1 # without SHLVL the command of Tailscale's app fails
export PATH LC_ALL SHLVL
home=${HOME#"$root"}
lists=$(cat)
records=$(cat "$root/var/db/macstate/owned" "$HOME/.local/state/macstate/owned" 2>/dev/null)
exec 3>&1

section() { # NAME COMMAND...
  name=$(printf %s "$1" | base64 | tr -d '\n')
  shift
  printf '%s ' "$name" >&3
  errors=$({ { "$@" </dev/null && printf '\n0' || printf '\n%s' "$?"; } | base64 | tr -d '\n' >&3; } 2>&1)
  printf ' %s\n' "$(printf %s "$errors" | base64 | tr -d '\n')" >&3
}
listed() { # LIST: its values
  printf '%s\n' "$lists" | sed -n "s/^$1	//p"
}
recorded() { # KIND: the keys of what is recorded as ours
  printf '%s\n' "$records" | cut -f 2 | sed -n "s,^$1/,,p"
}
plists_in() { # FOLDER: owner and mode of each
  set -- "$root$1"/*.plist
  [ ! -e "$1" ] || stat -f '%u %Lp %N' "$@"
}
about() { # SERVER PROGRAM: its version, and its modules
  case $1 in
    nginx) "$2" -V 2>&1 ;;
    *) "$2" version && "$2" list-modules ;;
  esac
}
variant() { # which build of Tailscale: only the open-source daemon has a socket, only Apple's shop leaves a receipt
  if [ -e "$root/var/run/tailscaled.socket" ] || [ ! -e "$root/Applications/Tailscale.app" ]; then
    echo open-source
  elif [ -e "$root/Applications/Tailscale.app/Contents/_MASReceipt" ]; then
    echo App Store
  else
    echo Standalone
  fi
}
sum() { # FILE: a checksum; of a file that is not there too
  cat "$1" 2>/dev/null | cksum
}

uid=$(id -u)
section user id -un
section uid printf %s "$uid"
section home printf %s "$home"
# the very program that changes run, and no ticket of an earlier sudo
section sudo sudo -k -n sh -c true
section 'sw_vers -productVersion' sw_vers -productVersion
section 'tailscale status --json' tailscale status --json --peers=false
section 'tailscale variant' variant
section owned cat "$root/var/db/macstate/owned"
section owned-sum sum "$root/var/db/macstate/owned"
section user-owned cat "$HOME/.local/state/macstate/owned"
section user-owned-sum sum "$HOME/.local/state/macstate/owned"
listed gateway | while read -r server path; do
  section "about $path" about "$server" "$root$path"
done
listed path | while IFS= read -r path; do
  section "realpath $path" realpath "$path"
done
