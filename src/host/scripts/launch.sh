# shellcheck shell=sh disable=SC2154 # the header sets them
# Imports the session and starts the runner, once. Header: id, session, program, directory, sum (of the parcel, as
# cksum prints it), prompt_bytes, runner_bytes, packed (gzip or plain), messages, parts, sending (full, delta or
# replace), known (the checksum of the list of what home got from here, by which a delta goes; or empty), held (what of that
# list home holds, so that a replacing may remove it: rows, todos, both or none), todos (home's list of tasks as JSON, or
# empty), and what the scripts before it need.

here=$HOME/.kugetsu/dispatches/$id
tell_life
cd "$here" 2>/dev/null || {
	expect_account
	fail gone "$here"
}

report() {
	identity=$(cat run/identity)
	# A cleaning holds the claim, or has been here since.
	case $identity in '' | removed*) fail gone "$here" ;; esac
	say identity "$identity"
	say launched "$1"
	exit 0
}

# Notes what is here before an import. An earlier note tells of an earlier time.
note_present() (
	rm -f "$here/present" "$here/present.part"
	KUGETSU_PRESENT=$here/present
	export KUGETSU_PRESENT
	bun present_js
) >/dev/null 2>&1

# Removes what an import has left that failed.
take_back() (
	KUGETSU_FILE=$here/session.json KUGETSU_PRESENT=$here/present
	export KUGETSU_FILE KUGETSU_PRESENT
	bun unimport_js
	rm -f "$here/present" "$here/present.part"
) >/dev/null 2>&1

# One launch at a time: another may still be at work whose connection was lost. The number of one that died is never
# given again, so that nobody takes a living launch for it.
turn=1
until [ -e run/identity ] || words=$(claim "launch-$turn" "$(me)" 2>&1); do
	[ -e "launch-$turn/identity" ] || fail room "$words"
	while [ ! -e run/identity ] && lives "launch-$turn/identity"; do pause 0.1; done
	turn=$((turn + 1))
done
[ -e run/identity ] && report before
take_session
words=$({ printf '%s\n' "$session" >session; } 2>&1) || fail room "$words"

if [ ! -e session.json ] && [ ! -e ready ]; then
	[ "$(cksum <parcel)" = "$sum" ] || fail parcel "$(cksum <parcel 2>&1)"
	# The parcel holds the prompt, the runner and the session, one behind the other: one transfer for all.
	{
		head -c "$prompt_bytes" parcel >prompt &&
			tail -c "+$((prompt_bytes + 1))" parcel | head -c "$runner_bytes" >run.sh
	} 2>unpack.err || fail room "$(last_words unpack.err)"
	if [ "$packed" = gzip ]; then
		tail -c "+$((prompt_bytes + runner_bytes + 1))" parcel | gzip -dc >session.part 2>unpack.err
	else
		tail -c "+$((prompt_bytes + runner_bytes + 1))" parcel >session.part 2>unpack.err
	fi || fail room "$(last_words unpack.err)"
	mv session.part session.json && rm -f parcel
fi

if [ ! -e ready ]; then
	words=$(umask "$mask" && mkdir -p -- "$directory" 2>&1) || fail directory "$words"
	words=$(cd -P -- "$directory" 2>&1) || fail directory "$words"
	cd -P -- "$directory" || fail directory "$directory"
	[ "$(pwd -P && echo x)" = "$directory
x" ] || fail moved "$(pwd -P)"

	if [ "$sending" = replace ] && [ ! -e cleared ]; then
		cleared=$(
			KUGETSU_FILE=$here/session.json KUGETSU_SUM=$known KUGETSU_KNOWN=$HOME/.kugetsu/known/$session
			KUGETSU_HELD=$held KUGETSU_TODOS=$todos
			export KUGETSU_FILE KUGETSU_SUM KUGETSU_KNOWN KUGETSU_HELD KUGETSU_TODOS
			bun clear_js 2>"$here/rows.err" | tail -n 1
		)
		case $cleared in
		cleared) ;;
		"apart "*) fail apart "${cleared#apart }" ;;
		*) fail clear "$(last_words "$here/rows.err")" ;;
		esac
		words=$({ : >"$here/cleared"; } 2>&1) || fail room "$words"
	fi
	note_present
	as_user "$program" import "$here/session.json" </dev/null >"$here/import.out" 2>"$here/import.err"
	# Its exit status says nothing on some releases; the line and the rows do.
	grep -q "Imported session: $session" "$here/import.out" || {
		take_back
		fail import "$(last_words "$here/import.out") $(last_words "$here/import.err")"
	}
	cd "$here" || fail gone "$here"

	counted=$(
		KUGETSU_FILE=$here/session.json KUGETSU_SENDING=$sending KUGETSU_SUM=$known
		KUGETSU_KNOWN=$HOME/.kugetsu/known/$session
		export KUGETSU_FILE KUGETSU_SENDING KUGETSU_SUM KUGETSU_KNOWN
		bun left_js 2>rows.err | tail -n 1
	)
	case $counted in
	"missing 0") ;;
	missing*)
		take_back
		fail rows "$counted"
		;;
	*)
		[ "$sending" != delta ] || fail rows "$(last_words rows.err)"
		as_user "$program" db "SELECT (SELECT count(*) FROM message WHERE session_id = '$session') AS m,
			(SELECT count(*) FROM part WHERE session_id = '$session') AS p" --format json </dev/null >rows.out 2>rows.err
		there_m=$(sed -n 's/.*"m": *\([0-9][0-9]*\).*/\1/p' rows.out)
		there_p=$(sed -n 's/.*"p": *\([0-9][0-9]*\).*/\1/p' rows.out)
		if [ "${there_m:-0}" -lt "$messages" ] || [ "${there_p:-0}" -lt "$parts" ]; then
			fail rows "$(last_words rows.out) $(last_words rows.err)"
		fi
		;;
	esac
	words=$({ : >ready; } 2>&1) || fail room "$words"
	rm -f session.json present present.part
fi

# A process session of its own: nothing that ends this one reaches the runner.
if command -v setsid >/dev/null 2>&1; then
	set -- setsid sh run.sh
elif command -v perl >/dev/null 2>&1; then
	set -- perl -e 'use POSIX; POSIX::setsid(); exec @ARGV' sh run.sh
else
	set -- nohup sh run.sh
fi
(umask "$mask" && exec "$@") </dev/null >/dev/null 2>run.err &

# Most runners take a few milliseconds; one on a busy host may take seconds.
tries=0
while [ ! -e run/identity ]; do
	[ -d "$here" ] || fail gone "$here"
	tries=$((tries + 1))
	[ "$tries" -lt 500 ] || fail runner "$(last_words run.err)"
	pause 0.02
done
report now
