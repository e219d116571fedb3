# shellcheck shell=sh disable=SC2154,SC2034 # the header sets them; what stands before it uses them
# Makes what comes home of a run, and its result, from what opencode's database holds now. Header: id, session, program,
# packed (gzip or plain), snapshot (yes: the run may be at work, and nothing of it is touched), unless (a checksum of `known`:
# where all is as it was then, what is there stays; or empty), and what the scripts before it need.

case $id in
'' | *[!a-z0-9-]*) fail id "$id" ;;
esac
here=$HOME/.kugetsu/dispatches/$id
tell_life
cd "$here" 2>/dev/null || fail gone "$here"
# One at a time, as launches are.
turn=1
until words=$(claim "back-$turn" "$(me)" 2>&1); do
	[ -e "back-$turn/identity" ] || fail room "$words"
	while lives "back-$turn/identity"; do pause 0.1; done
	turn=$((turn + 1))
done
stands=$(standing "$id")
# What was ready to run has no claim where it went with the host's power: what was imported can be fetched.
if [ "$stands" = launching ] && [ -e ready ]; then stands=dead; fi
case $stands$snapshot in
gone* | launching*) fail never "$id" ;;
runningno | orphanedno) fail running "$id" ;;
*no) take_session ;;
esac

started=$(cat run/started 2>/dev/null || echo 0)
# What the runner said of the end stays true.
status=$(sed -n 's/^status //p' result 2>/dev/null)
ended_by=$(sed -n 's/^ended_by //p' result 2>/dev/null)
if [ -z "$ended_by" ]; then
	ended_by=fetched
	[ "$stands" = ended ] && ended_by='done'
	[ -e run/timeout ] && ended_by=timeout
	[ -e cancel ] && ended_by=cancelled
fi
status=${status:-137}
ended=$(sed -n 's/^ended //p' result 2>/dev/null)
[ -n "$ended" ] || ended=$(cat run/ended 2>/dev/null || date +%s)
# What an earlier back-file told of the session, and of a run that had settled all of its own.
had=
is_whole result && had=$(sed -n 's/^known //p' result)
later=
# What is there already stays until there is something better.
if [ "$snapshot" = yes ]; then
	# Another may still be fetching the last one; nobody fetches those long before.
	for old in snapshot-*; do
		number=${old#snapshot-}
		number=${number%%.*}
		case $number in
		'' | *[!0-9]*) continue ;;
		esac
		[ $((turn - number)) -lt 8 ] || rm -f "$old"
	done
	name=snapshot-$turn
	make_back "$name.new" '' yes ''
	result=$name.result
else
	later=$(sed -n 's/^later //p' result 2>/dev/null)
	# What is open behind that is somebody's who may be at work now: not ours to end.
	words=
	[ -n "$had" ] || words=$(why)
	make_back back.new "$words" no "$unless"
	if [ "$kind" = same ]; then
		say made same
		say result "$(cat result)
"
		exit 0
	fi
	# An export tells less than a bundle, and takes the place of none that is whole.
	if [ "$kind" = export ] && [ -n "$had" ] && [ "$(cksum <back)" = "$(sed -n 's/^sum //p' result)" ]; then
		rm -f back.new
		fail export "$(last_words export.err)"
	fi
	[ -z "$had" ] || [ "$had" = "$known" ] || later=yes
	name=back
	result=result
fi
[ "$exported" = 0 ] || fail export "$(last_words export.err)"
words=$(mv "$name.new" "$name" 2>&1 && write_result "$result" "$name" 2>&1) || fail room "$words"
say made yes
say turn "$turn"
say result "$(cat "$result")
"
