# shellcheck shell=sh disable=SC2154 # the header sets them
# The runner: has the work done, once, and leaves the result. Header: id, session, program, directory, agent, model,
# variant, permission, packed, and what prelude.sh needs. Nobody listens to it; all it says is in files.

trap '' HUP
here=$HOME/.kugetsu/dispatches/$id
# By its full path: a dispatch that is being removed has another name, and is not run.
claim "$here/run" "$(me)" || exit 1
cd "$here" || exit 1

# Behind those of the host's entry, which do not replace them.
exports="$exports KUGETSU_DISPATCH OPENCODE_PERMISSION"
# shellcheck disable=SC2034 # by their names
kenv_KUGETSU_DISPATCH=$id kenv_OPENCODE_PERMISSION=$permission

set -- run --session "$session" --dir "$directory" --format json
[ -n "$agent" ] && set -- "$@" --agent "$agent"
[ -n "$model" ] && set -- "$@" --model "$model"
[ -n "$variant" ] && set -- "$@" --variant "$variant"

date +%s >run/started
status=127
if cd -P -- "$directory" 2>stderr; then
	as_user "$program" "$@" <"$here/prompt" >"$here/events" 2>"$here/stderr"
	status=$?
fi
cd "$here" || exit 1
date +%s >run/ended

as_user "$program" export "$session" </dev/null >back.part 2>export.err
exported=$?
if [ "$packed" = gzip ]; then
	gzip -3 <back.part >back.gz.part 2>>export.err && mv back.gz.part back || exported=1
	rm -f back.part
else
	mv back.part back || exported=1
fi
words=$(last_words stderr)
[ "$exported" = 0 ] || words="$words $(last_words export.err)"

# This file is the end of the run. It is whole if its last line is there.
{
	echo "format 1"
	echo "status $status"
	echo "exported $exported"
	echo "packed $packed"
	echo "sum $(cksum <back 2>/dev/null)"
	echo "started $(cat run/started)"
	echo "ended $(cat run/ended)"
	say words "$words"
	echo end
} >result.part && mv result.part result
