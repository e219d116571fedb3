# shellcheck shell=sh disable=SC2154 # the header sets them
# The runner: has the work done, once, and leaves the result. Header: id, session, program, directory, agent, model,
# variant, permission, packed, and what prelude.sh needs. Nobody listens to it; all it says is in files.

here=$HOME/.kugetsu/dispatches/$id
cd "$here" || exit 1
# Only one runner of a dispatch can make this directory: a second one ends here.
mkdir run 2>/dev/null || exit 0
trap '' HUP
printf '%s %s %s\n' "$(boot)" "$$" "$(began $$)" >run/identity.part && mv run/identity.part run/identity || exit 1

KUGETSU_DISPATCH=$id
OPENCODE_PERMISSION=$permission
export KUGETSU_DISPATCH OPENCODE_PERMISSION

set -- run --session "$session" --dir "$directory" --format json
[ -n "$agent" ] && set -- "$@" --agent "$agent"
[ -n "$model" ] && set -- "$@" --model "$model"
[ -n "$variant" ] && set -- "$@" --variant "$variant"

date +%s >run/started
status=127
if cd -P -- "$directory"; then
	"$program" "$@" <"$here/prompt" >"$here/events" 2>"$here/stderr"
	status=$?
fi
cd "$here" || exit 1
date +%s >run/ended

"$program" export "$session" </dev/null >back.part 2>export.err
exported=$?
if [ "$packed" = gzip ]; then
	gzip -3 <back.part >back.gz.part 2>>export.err && mv back.gz.part back || exported=1
	rm -f back.part
else
	mv back.part back || exported=1
fi

# Whoever is told that nothing came back is to read why.
[ "$exported" = 0 ] || cat export.err >>stderr

# Present and whole, or absent: this file is the end of the run.
{
	echo "format 1"
	echo "status $status"
	echo "exported $exported"
	echo "packed $packed"
	echo "sum $(cksum <back 2>/dev/null)"
	echo "started $(cat run/started)"
	echo "ended $(cat run/ended)"
	say words "$(last_words stderr)"
} >result.part && mv result.part result
