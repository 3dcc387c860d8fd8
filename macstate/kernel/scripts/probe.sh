# Reads the state of a Mac. It changes nothing, asks for no password, and takes the list of what to read from standard
# input, as "LIST<TAB>VALUE" lines. It prints one line for each reply, in base64: its name; its output with the exit
# status behind it; its errors.
set -u
root=${MACSTATE_ROOT-}
PATH=$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin:$root/usr/local/bin:$root/opt/homebrew/bin
LC_ALL=C SHLVL=1 # without SHLVL the command of Tailscale's app fails
export PATH LC_ALL SHLVL
home=${HOME#"$root"}
lists=$(cat)
# shellcheck disable=SC2034 # the kinds' own parts ask for these
roots=$(text "$root/var/db/macstate/owned" 2>/dev/null) users=$(text "$HOME/.local/state/macstate/owned" 2>/dev/null)
exec 3>&1

reply() { # NAME COMMAND...
  name=$(printf %s "$1" | base64 | tr -d '\n')
  shift
  printf '%s ' "$name" >&3
  errors=$({ { "$@" </dev/null && printf '\n0' || printf '\n%s' "$?"; } | base64 | tr -d '\n' >&3; } 2>&1)
  printf ' %s\n' "$(printf %s "$errors" | base64 | tr -d '\n')" >&3
}
listed() { # LIST: its values
  printf '%s\n' "$lists" | sed -n "s/^$1	//p"
}
recorded() { # RECORD KIND: the keys of this kind in root's or the user's record
  printf '%s\n' "$1" | cut -f 2 | sed -n "s,^$2/,,p"
}
sum() { # FILE: its checksum, even if the file does not exist
  text "$1" 2>/dev/null | cksum
}

uid=$(id -u | tr -cd 0-9) # digits only: a program of sed contains it
reply user id -un
reply uid printf %s "$uid"
reply home printf %s "$home"
reply uname uname -s
reply owned text "$root/var/db/macstate/owned"
reply owned-sum sum "$root/var/db/macstate/owned"
reply user-owned text "$HOME/.local/state/macstate/owned"
reply user-owned-sum sum "$HOME/.local/state/macstate/owned"
listed own | while IFS= read -r path; do # hosts, aliases and variables in the user's own files: names alone
  [ ! -r "$path" ] || reply "own $path" grep -noE \
    '^[[:space:]]*(Host[[:space:]=].*|(export|alias)[[:space:]]+[A-Za-z_][A-Za-z0-9_-]*=)' "$path"
done
