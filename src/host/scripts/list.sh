# shellcheck shell=sh disable=SC2154 # the header sets them
# Says which dispatches are here; where `more` is told, there are others. Header: what the scripts before it need. Writes
# nothing.

# So many in one answer.
most=5000
n=0
names=
cd "$HOME/.kugetsu/dispatches" 2>/dev/null && for name in *; do
	id=${name%%.removed.*}
	case $id in
	'' | *[!a-z0-9-]*) continue ;;
	esac
	# What is a link is not ours, and what has no format is the record of a trip that went out from here.
	if [ -h "$name" ] || [ ! -d "$name" ] || { [ "$id" = "$name" ] && [ ! -f "$name/format" ]; }; then continue; fi
	[ "$n" -lt "$most" ] || {
		tell more yes
		break
	}
	n=$((n + 1))
	names="$names $name"
done
# shellcheck disable=SC2086 # words
set -- $names
look_at "$@"
n=0
for name in "$@"; do
	n=$((n + 1))
	# What a cleaning that was cut short has left goes by its dispatch: the next one removes it.
	tell "dispatch_$n" "${name%%.removed.*}"
	for fact in owner session; do
		[ -f "$name/$fact" ] && [ ! -h "$name/$fact" ] && read -r word <"$name/$fact" && [ ${#word} -le 200 ] && tell "${fact}_$n" "$word"
	done
	stand "${name%%.removed.*}"
	[ "$stands" != orphaned ] || stands=running
	tell "state_$n" "$stands"
done 2>/dev/null
# All in one go; what has gone meanwhile has no size.
[ $# -eq 0 ] || du -sk "$@" 2>/dev/null | {
	n=1
	while read -r size name; do
		while [ $# -gt 0 ] && [ "$1" != "$name" ]; do
			n=$((n + 1))
			shift
		done
		[ $# -eq 0 ] || tell "size_$n" "$size"
	done
}
# Last: an answer without it was cut.
tell dispatches "$#"
