# shellcheck shell=sh
bytes() { # FILE: how many; digits.sh stands before it
  digits "$(wc -c <"$1" | tr -d ' ')"
}
