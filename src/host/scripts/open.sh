# shellcheck shell=sh disable=SC2154 # the header sets them
# Makes the directory of one dispatch, and tells which account this is. Header: id, owner, and what prelude.sh needs.

cd "$HOME" || fail home "$HOME"
words=$(mkdir -p ".kugetsu/dispatches/$id" 2>&1) || fail room "$words"
words=$(chmod 700 .kugetsu .kugetsu/dispatches ".kugetsu/dispatches/$id" 2>&1) || fail room "$words"
words=$({ echo 2 >".kugetsu/dispatches/$id/format" && printf '%s\n' "$owner" >".kugetsu/dispatches/$id/owner"; } 2>&1) ||
	fail room "$words"
# Made once: by it a later script knows that it is where this one was.
[ -e .kugetsu/account/identity ] ||
	words=$(claim .kugetsu/account "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" 2>&1) ||
	[ -e .kugetsu/account/identity ] || fail room "$words"
say account "$(head -c 64 .kugetsu/account/identity)"
say opened yes
