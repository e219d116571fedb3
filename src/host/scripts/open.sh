# shellcheck shell=sh disable=SC2154 # the header sets them
# Makes the directory of one dispatch. Header: id, owner, and what prelude.sh needs.

cd "$HOME" || fail home "$HOME"
words=$(mkdir -p ".kugetsu/dispatches/$id" 2>&1) || fail room "$words"
words=$(chmod 700 .kugetsu .kugetsu/dispatches ".kugetsu/dispatches/$id" 2>&1) || fail room "$words"
words=$({ echo 2 >".kugetsu/dispatches/$id/format" && printf '%s\n' "$owner" >".kugetsu/dispatches/$id/owner"; } 2>&1) ||
	fail room "$words"
say opened yes
