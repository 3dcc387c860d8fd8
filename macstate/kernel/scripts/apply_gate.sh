# shellcheck shell=sh disable=SC2154 # it follows apply.sh, whose variables and functions it uses
# What is asked of the gateway, before root forgets the keys that were there before.
keys_in() { # FILE: the keys in a gateway's file, whichever server reads it
  sed -n '/(?i:bearer) +/{s/.*(?i:bearer) +\([^ ]*\)\$["`].*/\1/;s/\\//g;p;}' "$root$1" 2>/dev/null || :
}
gate_says() { # KEY URL HOST STATUS CONFIG: a key is in no process list; launchd may need ten seconds to start it
  end=$(($(date +%s) + 15))
  until [ "$(printf 'header = "Authorization: Bearer %s"\n' "$1" | curl -qs --noproxy '*' --max-time 2 -o /dev/null \
    -w '%{http_code} %header{x-macstate-config}' -H "Host: $3" -K - "$2")" = "$4 $5" ]; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.2
  done
}
prove() { # URL HOST KEYS KEPT CONFIG: each key is let in, and none that was there before
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
