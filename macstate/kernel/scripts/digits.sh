# shellcheck shell=sh
digits() { # TEXT: it, if it is a whole number; else 0. Arithmetic evaluates text, and takes 08 for octal
  case ${1#-} in
    '' | *[!0-9]* | 0?*) echo 0 ;;
    ????????????????*) echo 999999999999999 ;;
    *) echo "$1" ;;
  esac
}
