# shellcheck shell=sh disable=SC2154 # the header sets them
# Makes the directory of one dispatch. Header: id, and what prelude.sh needs.

cd "$HOME" || fail home "$HOME"
words=$(mkdir -p .kugetsu/dispatches 2>&1) || fail room "$words"
chmod 700 .kugetsu .kugetsu/dispatches || fail room "$HOME/.kugetsu"
words=$(mkdir -p ".kugetsu/dispatches/$id" 2>&1) || fail room "$words"
echo 1 >".kugetsu/dispatches/$id/format" || fail room ".kugetsu/dispatches/$id/format"
say opened yes
