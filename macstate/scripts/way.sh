# shellcheck shell=sh disable=SC2154 # it is a part of apply, rotate and the probe, which set root
way() { # PATH: whose the folders above it are, as spelled and as links lead: 0 is root's alone, where nobody else may
  # write; else the number of the one other owner; empty: several, or root's where others may write
  at=${1%/*}
  until [ -d "$root$at/" ]; do at=${at%/*}; done # what is not there yet, we make
  top=$(cd -P "$root/" && pwd -P) && real=$(cd -P "$root$at/" && pwd -P) || return
  set -- "$root/"
  for at in "$at" "${real#"${top%/}"}"; do
    while [ -n "${at%/}" ]; do
      set -- "$@" "$root$at"
      at=${at%/*}
    done
  done
  { stat -Lf '%u %Lp' "$@" || echo 0 777; } | awk '
    $2 !~ /[0145]$/ || ($1 == 0 && $2 !~ /[0145].$/) || ($1 != 0 && owner && $1 != owner) { many = 1 }
    $1 != 0 { owner = $1 }
    END { print many ? "" : owner + 0 }'
}
