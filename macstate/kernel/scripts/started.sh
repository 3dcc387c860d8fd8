# shellcheck shell=sh
started() { # PID: its start time; empty if it does not run or is a zombie (ps(1), on macOS too: Z)
  TZ=UTC0 ps -o stat= -o lstart= -p "$1" 2>/dev/null | # sudo keeps the caller's TZ
    { read -r state began && case $state in Z*) ;; *) printf '%s\n' "$began" ;; esac; } || :
}
