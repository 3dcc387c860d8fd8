# shellcheck disable=SC2154 # it follows models.sh, whose answers it prints once more: nobody is asked twice
names() { # the servers that were asked, and the names that are desired or ours, among their models too
  printf '%s\n' "$servers" | sed -n 's/^\([^ ][^ ]*\) .*/asked	\1/p'
  listed alias | sed 's/^/wished	/'
  recorded "$users" alias | sed 's/^/owned	/'
  recorded "$users" model | sed 's/^/model	/'
}
if names | grep -q '^[ow][wi]'; then
  reply aliases names
  printf %s "$answers" >&3
fi
