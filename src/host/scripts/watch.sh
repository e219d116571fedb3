# shellcheck shell=sh disable=SC2154 # the header sets them
# Shows the events of a run from a byte offset on, until the result is there. Header: id, offset, and what
# prelude.sh needs. Frames: `events N` and N bytes; `beat`; `result`, `dead` or `gone` as the last.

here=$HOME/.kugetsu/dispatches/$id
cd "$here" 2>/dev/null || {
	echo gone
	exit 0
}
read -r was_boot was_pid was_start <run/identity || {
	echo gone
	exit 0
}
now_boot=$(boot)

alive() {
	[ "$was_boot" = "$now_boot" ] && [ "$(began "$was_pid" 2>/dev/null)" = "$was_start" ]
}

ticks=0
last_ticks=0
while :; do
	# The end is looked for before the size is taken: what was written before the end is then shown.
	ended=
	if [ -e result ]; then
		ended=result
	elif [ $((ticks % 10)) = 0 ] && ! alive; then
		ended=dead
		[ -e result ] && ended=result
	fi
	size=0
	[ -e events ] && size=$(wc -c <events)
	if [ "$size" -gt "$offset" ]; then
		printf 'events %s\n' "$((size - offset))"
		tail -c "+$((offset + 1))" events | head -c "$((size - offset))"
		offset=$((size))
	elif [ $((ticks % 10)) = 0 ]; then
		echo beat
	fi
	if [ -n "$ended" ]; then
		echo "$ended"
		[ "$ended" = result ] && cat result
		[ "$ended" = dead ] && tail -c 2000 stderr 2>/dev/null
		exit 0
	fi
	ticks=$((ticks + 1))
	# What is left of most trips now is an export of a second.
	nap=0.2
	if [ "$last_ticks" -lt 40 ] && [ -e run/ended ]; then
		last_ticks=$((last_ticks + 1))
		nap=0.05
	fi
	sleep "$nap" 2>/dev/null || sleep 1
done
