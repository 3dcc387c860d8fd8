# Counts what a gateway has answered, by the end of its log: nginx tells the time as ISO 8601, Caddy in seconds.
requests() { # LOG: how often, in which minute (or 100 seconds), by which door, what; "more" where the log began earlier
  [ -z "$(ls -d "$1".1.gz "${1%.log}"-*.log* 2>/dev/null)" ] && [ -z "$(tail -c +2000001 "$1" | head -c 1)" ] || echo more
  time='(20[0-9-]{8}T[0-9]{2}:[0-9]{2}):[0-9]{2}([+-][0-9]{2}:[0-9]{2})' path='(\/[^" ]*)' door='([a-z]+\/[0-9]+)'
  tail -c 2000000 "$1" | sed -En \
    -e "s/^\{\"time\":\"$time\",\"door\":\"$door\".*\"status\":[23][0-9]{2},.*\"path\":\"$path\".*/\1\2 \3 \4/p" \
    -e "s/^\{.*\"ts\":([0-9]{8})[0-9]{2}\..*\"uri\":\"$path\".*\"status\":[23][0-9]{2},.*\"door\":\"$door\".*/\1 \3 \2/p" |
    sort | uniq -c | tail -n 5000
}
