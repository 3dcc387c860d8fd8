# shellcheck shell=sh disable=SC2154 # it is a part of apply, rotate and the probe, which set root
way() { # PATH: whose the folders above it are, and where links lead on the way: 0 is root's alone, where nobody else may
  # write; else the number of the one other owner; empty: several, or root's where others may write
  todo=${1%/*} down='' links=0
  set -- "$root/"
  while todo=${todo#/} && [ -n "$todo" ]; do # step by step: whoever owns a link on the way leads it elsewhere
    part=${todo%%/*}
    case $todo in */*) todo=${todo#*/} ;; *) todo='' ;; esac
    case $part in
      '' | .) continue ;;
      ..) down=${down%/*} && continue ;;
    esac
    if [ -L "$root$down/$part" ]; then
      links=$((links + 1)) link=$(readlink "$root$down/$part") || link=''
      [ "$links" -le 32 ] && [ -n "$link" ] || return 0
      case $link in
        "$root"/*) down='' link=${link#"$root"} ;;
        /*) down='' ;;
      esac
      todo=$link/$todo
    elif [ -e "$root$down/$part" ]; then
      down=$down/$part
      set -- "$@" "$root$down"
    else
      break # what is not there yet, we make
    fi
  done
  { stat -Lf '%u %Lp' "$@" || echo 0 777; } | awk '
    !/^[0-9]+ [0-7]+$/ || $2 !~ /[0145]$/ || ($1 == 0 && $2 !~ /[0145].$/) || ($1 != 0 && owner && $1 != owner) { many = 1 }
    $1 != 0 { owner = $1 }
    END { print many || !NR ? "" : owner ? owner : 0 }'
}
