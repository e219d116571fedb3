# shellcheck shell=sh disable=SC2154 # the header sets them
# Says what this host has of a session. Header: program, session, known (checksum of the list of what home has, as home has
# it, or empty), skip and most (which of the messages that this list lacks are named), and what the scripts before it need.
# Writes nothing.

case $session in
'' | *[!A-Za-z0-9_-]*) fail id "$session" ;;
esac
here=$HOME/.kugetsu
tell_life
held=$(
	KUGETSU_KNOWN=$here/known/$session KUGETSU_SUM=$known KUGETSU_SKIP=$skip KUGETSU_MOST=$most
	export KUGETSU_KNOWN KUGETSU_SUM KUGETSU_SKIP KUGETSU_MOST
	bun holds_js 2>/dev/null
	echo "ended $?"
)
# What was ended before it could answer has said nothing about JavaScript.
case ${held##*ended } in
129 | 13? | 14?) fail holds "it was ended by a signal (exit status ${held##*ended })" ;;
esac
held=$(printf '%s\n' "$held" | sed '$d' | tail -n 1)
# shellcheck disable=SC2086 # words
set -- $held
case $1 in
none | same | grew | other) ;;
failed) fail holds "${held#failed }" ;;
*) set -- unknown ;;
esac
say session "$1"
say messages "${2:-0}"
say parts "${3:-0}"
say changed "${4:-0}"
say missing "${5:-0}"
say unlisted "${6:-0}"
if [ $# -gt 6 ]; then
	shift 6
	say ids "$*"
fi
