# shellcheck shell=sh disable=SC2154 # the header sets them
# Ends a run and all that it started, or sees to it that it never begins. Header: id, and what the scripts before it need.

case $id in
'' | *[!a-z0-9-]*) fail id "$id" ;;
esac
here=$HOME/.kugetsu/dispatches/$id
tell_life
found=gone
if cd "$here" 2>/dev/null; then
	# Whoever holds the claim has been launched; once it is ours, nobody will be.
	words=$(claim run "removed $$ now" 2>&1)
	[ -e run/identity ] || fail room "$words"
	if removed; then
		found=never
	elif is_whole result || [ -e run/ended ]; then
		found=ended
	else
		found=yes
		# Word for a runner that is about to begin. A disk that the run has filled has no room for it, and the run ends all the
		# same.
		true 2>/dev/null >cancel
	fi
fi

# The runner may only be about to start opencode: it is looked again until it has ended, too.
tries=0
while end_marked "$id"; do
	case $found in
	gone | never) break ;;
	esac
	is_whole result && break
	lives run/identity || break
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || break
	pause 0.2
done
# What waits for the run's time to be up is the runner's to end, where that lives.
if ! lives run/identity && lives run/watchdog; then kill "$its_pid" 2>/dev/null; fi
say cancelled "$found"
say left "$left"
if [ "$found" != gone ] && is_whole result; then
	say result "$(cat result)
"
fi
