# Reads what a Mac is. Changes nothing, asks for no password, and takes what to look at from standard input, as
# "LIST<TAB>VALUE" lines. Prints one line a reply: base64 of its name, of its output with the exit status behind it,
# and of its errors.
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
recorded() { # RECORD KIND: the keys of what is ours by root's or by the user's
  printf '%s\n' "$1" | cut -f 2 | sed -n "s,^$2/,,p"
}
sum() { # FILE: a checksum; of a file that is not there too
  text "$1" 2>/dev/null | cksum
}

uid=$(id -u | tr -cd 0-9) # it stands in a program of sed
reply user id -un
reply uid printf %s "$uid"
reply home printf %s "$home"
reply uname uname -s
reply owned text "$root/var/db/macstate/owned"
reply owned-sum sum "$root/var/db/macstate/owned"
reply user-owned text "$HOME/.local/state/macstate/owned"
reply user-owned-sum sum "$HOME/.local/state/macstate/owned"
listed own | while IFS= read -r path; do # what a person's own files say of hosts, aliases and variables: names alone
  [ ! -r "$path" ] || reply "own $path" grep -noE \
    '^[[:space:]]*(Host[[:space:]=].*|(export|alias)[[:space:]]+[A-Za-z_][A-Za-z0-9_-]*=)' "$path"
done
