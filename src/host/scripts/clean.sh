# shellcheck shell=sh disable=SC2154 # the header sets them
# Removes a dispatch that came home or was never launched. Header: id, launched (yes or no), and what the scripts before it
# need.

case $id in
'' | *[!a-z0-9-]*) fail id "$id" ;;
esac
here=$HOME/.kugetsu/dispatches/$id
# Whatever it leads to is no dispatch that kugetsu made.
[ ! -h "$here" ] || fail id "$here is a link"
if cd "$here" 2>/dev/null; then
	# Whoever holds the claim has been launched; once it is ours, nobody will be.
	if [ "$launched" = no ] && ! words=$(claim run "removed $$ now" 2>&1); then
		# Where the disk is full, what was sent makes room for the claim: a launch that looks for it finds it gone, and fails.
		[ -e run/identity ] || { rm -f parcel && words=$(claim run "removed $$ now" 2>&1); }
		case $(cat run/identity 2>/dev/null) in
		removed*) ;;
		'') fail room "$words" ;;
		*) fail launched "$id" ;;
		esac
	fi
	# The session is home: what is here is what home has. The next trip need not send it again.
	session=$(head -c 200 session 2>/dev/null)
	case $session in
	'' | *[!A-Za-z0-9_-]*) ;;
	*)
		if [ "$launched" = yes ] && [ -f known ] && [ ! -h known ]; then
			words=$(mkdir -p "$HOME/.kugetsu/known" 2>&1 && chmod 600 known 2>&1 && mv known "$HOME/.kugetsu/known/$session" 2>&1) ||
				fail room "$words"
		fi
		;;
	esac
	cd "$HOME" || fail home "$HOME"
else
	# Only here does a dispatch that is not there count as removed.
	expect_account
fi
# Under another name at once, then at leisure: a launch or a runner that comes late finds nothing.
if [ -e "$here" ]; then
	words=$(mv "$here" "$here.removed.$$" 2>&1) || fail room "$words"
fi
tries=0
until words=$(rm -rf "$here.removed".* 2>&1); do
	tries=$((tries + 1))
	# A launch that is under way may still have written something.
	[ "$tries" -lt 10 ] || fail room "$words"
	pause 0.1
done
say cleaned yes
