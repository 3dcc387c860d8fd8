# shellcheck shell=sh disable=SC2154 # it is a part of apply, rotate and the probe, which set root
way() { # PATH: whose the folders above it are, as spelled and as links lead: 0 is root's alone, where nobody else may
  # write; else the number of the one other owner; empty: several, or root's where others may write
  part=${1%/*}
  until [ -d "$root$part/" ]; do part=${part%/*}; done # what is not there yet, we make
  top=$(cd -P "$root/" && pwd -P) && real=$(cd -P "$root$part/" && pwd -P) || return
  set -- "$root/"
  for part in "$part" "${real#"${top%/}"}"; do
    while [ -n "${part%/}" ]; do
      set -- "$@" "$root$part"
      part=${part%/*}
    done
  done
  { stat -Lf '%u %Lp' "$@" || echo 0 777; } | awk '
    !/^[0-9]+ [0-7]+$/ || $2 !~ /[0145]$/ || ($1 == 0 && $2 !~ /[0145].$/) || ($1 != 0 && owner && $1 != owner) { many = 1 }
    $1 != 0 { owner = $1 }
    END { print many || !NR ? "" : owner ? owner : 0 }'
}
