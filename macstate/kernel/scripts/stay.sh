# shellcheck shell=sh
# Runs a script, its argument, on one payload after the other, as long as the connection lasts: so the script is sent
# once. On standard input come lines to skip up to PAYLOAD (a password that sudo did not need), then for each payload a
# line with its number of bytes, and the bytes. Behind what the script prints comes a line with its exit status.
set -u
exec 2>&1
root=${MACSTATE_ROOT-}
PATH=$root/usr/bin:$root/bin:$root/usr/sbin:$root/sbin
export PATH
trap '' HUP
while IFS= read -r line && [ "$line" != PAYLOAD ]; do :; done
while IFS= read -r size; do
  status=0
  # head may take more than that, if more is there: so the next payload is sent once this one has ended
  head -c "$size" | sh -c "$1" || status=$?
  printf '\nmacstate: ended: %s\n' "$status" || exit
done
