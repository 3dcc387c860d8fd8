# shellcheck disable=SC2154 # it follows models.sh, whose answers it prints once more: nobody is asked twice
names() { # the servers that were asked, and the names that are desired or ours, among their models too
  each "${list_models-}" asked_of
  each "${list_alias-}" printf 'wished\t%s\n'
  keys "${user_alias-}"
  each "$keys" printf 'owned\t%s\n'
  keys "${user_model-}"
  each "$keys" printf 'model\t%s\n'
}
asked_of() { # ENDPOINT PORT
  printf 'asked\t%s\n' "${1%% *}"
}
if [ -n "${list_alias-}${user_alias-}" ]; then
  reply aliases names
  printf %s "$answers" >&3
fi
