# shellcheck shell=sh disable=SC2154 # the header sets them
# Says which dispatches are here. Header: what the scripts before it need. Writes nothing.

# More than this is no use to anybody.
most=1000
n=0
for here in "$HOME/.kugetsu/dispatches"/*; do
	id=${here##*/}
	rest=${id#*.removed.}
	# What a cleaning that was cut short has left goes by its dispatch: the next one removes it.
	[ "$rest" = "$id" ] || id=${id%%.removed.*}
	case $id in
	*[!a-z0-9-]*) continue ;;
	esac
	# What is a link is not ours, and what has no format is the record of a trip that went out from here.
	if [ -h "$here" ] || { [ "$rest" = "${here##*/}" ] && [ ! -f "$here/format" ]; }; then continue; fi
	[ "$n" -lt "$most" ] || break
	n=$((n + 1))
	say "dispatch_$n" "$id"
	for fact in owner session; do
		[ -f "$here/$fact" ] && [ ! -h "$here/$fact" ] && say "${fact}_$n" "$(head -c 200 "$here/$fact")"
	done
	say "state_$n" "$(standing "$id" | sed s/orphaned/running/)"
	say "size_$n" "$(du -sk "$here" 2>/dev/null | sed 's/[^0-9].*//')"
done
# Last: an answer without it was cut.
say dispatches "$n"
