# shellcheck shell=sh disable=SC2034,SC2154 # it follows apply.sh, whose variables and functions it uses
# Asks the gateway before root forgets the earlier keys.
keys_in() { # FILE: the keys in a gateway's file, for either server
  sed -n '/(?i:bearer) +/{s/.*(?i:bearer) +\([^ ]*\)\$["`].*/\1/;s/\\//g;p;}' "$root$1" 2>/dev/null || :
}
gate_says() { # KEY URL HOST STATUS CONFIG: no process list shows the key; launchd may need ten seconds
  end=$(($(date +%s) + 15)) left=0 moment=0.02
  until [ "$(printf 'header = "Authorization: Bearer %s"\n' "$1" | curl -qs --noproxy '*' --max-time 2 -o /dev/null \
    -w '%{http_code} %header{x-macstate-config}' -H "Host: $3" -K - "$2")" = "$4 $5" ]; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    pause
  done
}
prove() { # URL HOST KEYS KEPT CONFIG: each key is accepted, and every earlier one is refused
  now=$(keys_in "$3")
  for key in $now; do
    gate_says "$key" "$1" "$2" 204 "$5" ||
      fail "the gateway has not loaded its configuration, or a key in $3; see its log in ~/Library/Logs"
  done
  for key in $(keys_in "$4"); do
    printf '%s\n' "$now" | grep -qxF -- "$key" || gate_says "$key" "$1" "$2" 401 "" ||
      fail "the gateway still accepts a key that is no longer in $3; see its log in ~/Library/Logs"
  done
  rm -f "$root$4"
}
