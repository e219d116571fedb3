# shellcheck shell=sh disable=SC2154 # the header sets them
# Shows the events of a run from a byte offset on, until the result is there. Header: id, offset, and what the scripts
# before it need. Frames: `events N` and N bytes; `beat`; `result`, `dead` or `gone` as the last.

here=$HOME/.kugetsu/dispatches/$id
cd "$here" 2>/dev/null || {
	echo gone
	exit 0
}
# Bytes of one frame at most.
most=4194304

ticks=0
last_ticks=0
while :; do
	# The end is looked for before the size is taken: what was written before the end is then shown.
	ended=
	if is_whole result; then
		ended=result
	elif [ ! -e run/identity ]; then
		ended=gone
		# Whoever watches was told of a run: its claim went with the host's power.
		[ -e ready ] && ended=dead
	elif [ $((ticks % 10)) = 0 ] && ! lives run/identity && [ -z "$(marked "$id")" ]; then
		# Nothing of the run is left; a runner that is gone does not matter to an opencode that works on.
		ended=dead
		is_whole result && ended=result
	fi
	size=$offset
	[ -e events ] && size=$(wc -c <events)
	while [ "$size" -gt "$offset" ]; do
		n=$((size - offset))
		[ "$n" -le "$most" ] || n=$most
		# Who does not listen any more ends this, where a signal does not.
		printf 'events %s\n' "$n" || exit 1
		tail -c "+$((offset + 1))" events | head -c "$n" || exit 1
		offset=$((offset + n))
	done
	if [ -n "$ended" ]; then
		echo "$ended"
		[ "$ended" = result ] && cat result
		if [ "$ended" = dead ]; then
			last_words stderr
			# A disk that is full is why most runs leave no result.
			(echo room >room) 2>/dev/null || echo 'no space is left on its disk'
			rm -f room
		fi
		exit 0
	fi
	if [ $((ticks % 10)) = 0 ]; then
		echo beat || exit 1
	fi
	ticks=$((ticks + 1))
	# What is left of most trips now is an export of a second.
	nap=0.2
	if [ "$last_ticks" -lt 40 ] && [ -e run/ended ]; then
		last_ticks=$((last_ticks + 1))
		nap=0.05
	fi
	pause "$nap"
done
