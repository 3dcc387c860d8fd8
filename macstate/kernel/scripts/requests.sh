# Counts what a gateway has answered, by the end of its log.
requests() { # LOG SED: how often, then what SED says of a line: when, by which door, what; "more" where it began earlier
  [ -z "$(ls -d "$1".1.gz "${1%.log}"-*.log* 2>/dev/null)" ] && [ -z "$(tail -c +2000001 "$1" | head -c 1)" ] || echo more
  tail -c 2000000 "$1" | sed -En "$2" | sort | uniq -c | tail -n 5000
}
