# shellcheck shell=sh disable=SC2154 # the header sets them
# Says how dispatches stand. Header: ids (with blanks between them), and what the scripts before it need. Writes nothing.

now=$(date +%s)
# When the file $1 was last written; systems differ in how they are asked.
written() {
	stat -c %Y "$1" 2>/dev/null || stat -f %m "$1" 2>/dev/null || date -r "$1" +%s 2>/dev/null
}

n=0
# Blanks are all that counts in it.
set -f
# shellcheck disable=SC2086 # words
set -- $ids
set +f
for id in "$@"; do
	n=$((n + 1))
	say "dispatch_$n" "$id"
	case $id in
	*[!a-z0-9-]*)
		say "state_$n" gone
		continue
		;;
	esac
	stands=$(standing "$id")
	[ "$stands" != orphaned ] || say "orphaned_$n" yes
	say "state_$n" "$(echo "$stands" | sed s/orphaned/running/)"
	cd "$HOME/.kugetsu/dispatches/$id" 2>/dev/null || continue
	last=
	for fact in started ended; do
		if [ -e "run/$fact" ]; then
			last=$(head -c 20 "run/$fact")
			say "${fact}_$n" "$last"
		fi
	done
	if [ -e events ]; then
		say "bytes_$n" "$(($(wc -c <events)))"
		say "tail_$n" "$(tail -c 16384 events)"
		last=$(written events)
	fi
	[ -z "$last" ] || say "quiet_$n" "$((now - last))"
done
# Last: an answer without it was cut.
say dispatches "$n"
