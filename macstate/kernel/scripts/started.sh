# shellcheck shell=sh
started() { # PID: when it started; empty if it does not run, or is dead and not buried yet (ps(1), on macOS too: Z)
  TZ=UTC0 ps -o stat= -o lstart= -p "$1" 2>/dev/null | # sudo keeps the TZ of whoever calls
    { read -r state began && case $state in Z*) ;; *) printf '%s\n' "$began" ;; esac; } || :
}
