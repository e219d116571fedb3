# shellcheck shell=sh disable=SC2154 # the header sets them
# Removes a dispatch that came home or was never launched. Header: id, launched (yes or no), and what prelude.sh needs.

case $id in
'' | *[!a-z0-9-]*) fail id "$id" ;;
esac
here=$HOME/.kugetsu/dispatches/$id
if cd "$here" 2>/dev/null; then
	# Whoever holds the claim has been launched; once it is ours, nobody will be.
	if [ "$launched" = no ] && ! claim run "removed $$ now"; then
		case $(cat run/identity 2>/dev/null) in
		removed*) ;;
		*) fail launched "$id" ;;
		esac
	fi
	cd "$HOME" || fail home "$HOME"
fi
# Under another name at once, then at leisure: a launch or a runner that comes late finds nothing.
if [ -e "$here" ] || [ -h "$here" ]; then
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
