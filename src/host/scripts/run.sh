# shellcheck shell=sh disable=SC2154 # the header sets them
# The runner: has the work done, once, and leaves the result. Header: id, session, program, directory, agent, model,
# variant, permission, packed, run_timeout (seconds, or 0), and what the scripts before it need. Nobody listens to it; all
# it says is in files.

trap '' HUP
here=$HOME/.kugetsu/dispatches/$id
# By its full path: a dispatch that is being removed has another name, and is not run.
claim "$here/run" "$(me)" || exit 1
# Whose launch died before this may come so late that another dispatch has the session by now.
has_session || {
	rm -rf "$here/run"
	exit 1
}
cd "$here" || exit 1
# Before opencode hears of the prompt: a host that loses its power then must not forget who had it. Some know no files here.
sync run/identity run . 2>/dev/null || sync
helpers=$exports
# Behind those of the host's entry, which do not replace them.
exports="$exports KUGETSU_DISPATCH OPENCODE_PERMISSION"
# shellcheck disable=SC2034 # by their names
kenv_KUGETSU_DISPATCH=$id kenv_OPENCODE_PERMISSION=$permission

set -- run --session "$session" --dir "$directory" --format json
[ -n "$agent" ] && set -- "$@" --agent "$agent"
[ -n "$model" ] && set -- "$@" --model "$model"
[ -n "$variant" ] && set -- "$@" --variant "$variant"

watchdog=
if [ "$run_timeout" -gt 0 ]; then
	# A process of its own: the run is ended even where this shell was killed.
	(
		trap 'kill -KILL "$!" 2>/dev/null; exit' TERM
		# Whoever cancels a run whose runner is gone ends this, too.
		own=$(exec sh -c 'echo "$PPID"')
		echo "$(boot) $own $(began "$own")" >run/watchdog
		sleep "$run_timeout" &
		wait "$!"
		if [ ! -e run/ended ]; then
			# No special built-in: where a full disk keeps this file out, the run is ended all the same.
			true >run/timeout
			end_marked "$id"
		fi
	) </dev/null >/dev/null 2>&1 &
	watchdog=$!
fi

# As the user, and where environments cannot be read, with word of who it is: what the run started is found below it.
as_run() (
	if [ ! -r /proc/self/environ ]; then
		own=$(exec sh -c 'echo "$PPID"')
		echo "$(boot) $own $(began "$own")" >"$here/run/opencode"
	fi
	become_user
	exec "$@"
)

started=$(date +%s)
echo "$started" >run/started
status=127
# A cancelling that finds nothing to end yet leaves word.
if [ ! -e cancel ] && cd -P -- "$directory" 2>stderr; then
	as_run "$program" "$@" <"$here/prompt" >"$here/events" 2>"$here/stderr"
	status=$?
fi
cd "$here" || exit 1
ended_by='done'
[ -e run/timeout ] && ended_by=timeout
[ -e cancel ] && ended_by=cancelled
ended=$(date +%s)
echo "$ended" >run/ended
if [ -n "$watchdog" ]; then
	# One that is ending the run knows what of it is left.
	if [ -e run/timeout ]; then wait "$watchdog"; else dismiss "$watchdog"; fi
fi 2>/dev/null
# What a run that came to its end left at work may stay; of one that was cut, opencode itself may still be among it.
[ "$ended_by$status" = done0 ] || end_marked "$id"

# What follows is not the run: no cancelling ends it.
exports=$helpers
# shellcheck disable=SC2034 # for the result
later=
make_back back "$(why)" no ''
write_result result back
