# shellcheck shell=sh disable=SC2154 # the header sets them
# Says what this host has of a session. Header: program, session, known (checksum of the list of what home has, as home has
# it, or empty), and what the scripts before it need. Writes nothing.

case $session in
'' | *[!A-Za-z0-9_-]*) fail id "$session" ;;
esac
here=$HOME/.kugetsu
tell_life
held=$(
	KUGETSU_KNOWN=$here/known/$session KUGETSU_SUM=$known
	export KUGETSU_KNOWN KUGETSU_SUM
	bun holds_js 2>/dev/null | tail -n 1
)
# shellcheck disable=SC2086 # words
set -- $held
case $1 in
none | same | grew | other) ;;
*) set -- unknown ;;
esac
say session "$1"
say messages "${2:-0}"
say parts "${3:-0}"
say changed "${4:-0}"
say missing "${5:-0}"
if [ $# -gt 5 ]; then
	shift 5
	say ids "$*"
fi
