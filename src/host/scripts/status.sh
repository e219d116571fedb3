# shellcheck shell=sh disable=SC2154 # the header sets them
# Says how dispatches stand. Header: ids (with blanks between them), tail (how many of the last bytes of events to send), and
# what the scripts before it need. Writes nothing.

now=$(date +%s)
# Blanks are all that counts in it.
set -f
# shellcheck disable=SC2086 # words
set -- $ids
set +f
look_at "$@"
n=0
logged=
for id in "$@"; do
	n=$((n + 1))
	tell "dispatch_$n" "$id"
	stand "$id"
	[ "$stands" != orphaned ] || tell "orphaned_$n" yes
	case $stands in
	orphaned) stands=running ;;
	gone)
		tell "state_$n" gone
		continue
		;;
	esac
	tell "state_$n" "$stands"
	last=
	for fact in started ended; do
		if read -r last 2>/dev/null <"$id/run/$fact"; then tell "${fact}_$n" "$last"; fi
	done
	if [ -e "$id/events" ]; then
		logged="$logged $n:$id"
	else
		[ -z "$last" ] || tell "quiet_$n" "$((now - last))"
	fi
done 2>/dev/null

# Name, size and time of the last writing of files; systems differ in how they are asked.
written() {
	if stat -c %Y . >/dev/null 2>&1; then
		stat -c '%n %s %Y' "$@" 2>/dev/null
	elif stat -f %m . >/dev/null 2>&1; then
		stat -f '%N %z %m' "$@" 2>/dev/null
	else
		for file in "$@"; do echo "$file $(($(wc -c <"$file"))) $(date -r "$file" +%s 2>/dev/null)"; done
	fi
}

# All files of events are looked at in one go.
if [ -n "$logged" ]; then
	files=
	for one in $logged; do files="$files ${one#*:}/events"; done
	# shellcheck disable=SC2086 # words
	written $files | {
		# shellcheck disable=SC2086 # words
		set -- $logged
		while read -r file size time; do
			# One that is not there any more is passed over.
			while [ $# -gt 0 ] && [ "${1#*:}/events" != "$file" ]; do shift; done
			[ $# -gt 0 ] || break
			n=${1%%:*}
			tell "bytes_$n" "$size"
			[ "$size" -le "$tail" ] && tail_bytes=$size || tail_bytes=$tail
			tell "tail_bytes_$n" "$tail_bytes"
			printf 'tail_%s ' "$n"
			# Not what is behind that by now.
			[ "$tail_bytes" = 0 ] || od -An -v -tx1 -j "$((size - tail_bytes))" -N "$tail_bytes" "$file" | tr -d ' \n'
			echo
			[ -z "$time" ] || tell "quiet_$n" "$((now - time))"
		done
	}
fi
# Last: an answer without it was cut.
tell dispatches "$#"
