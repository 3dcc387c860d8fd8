# shellcheck shell=sh
bytes() { # FILE: its size in bytes; digits.sh stands before it
  digits "$(wc -c <"$1" | tr -d ' ')"
}
