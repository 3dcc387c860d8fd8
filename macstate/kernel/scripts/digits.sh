# shellcheck shell=sh
digits() { # TEXT: print it if it is a whole number, otherwise 0. Arithmetic evaluates text, and reads 08 as octal
  case ${1#-} in
    '' | *[!0-9]* | 0?*) echo 0 ;;
    ????????????????*) echo 999999999999999 ;;
    *) echo "$1" ;;
  esac
}
