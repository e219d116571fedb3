# shellcheck shell=sh disable=SC2154 # what stands before it sets them
# One dispatch at a time works with a session of this host.

case $session in
'' | *[!A-Za-z0-9_-]*) fail id "$session" ;;
esac
claims=$HOME/.kugetsu/claims/$session

# The numbers under which the session was taken, the last one last. None is ever given twice, not even to the same dispatch:
# of several that saw the same holder dead, one gets the next.
numbers() {
	for number in "$claims"/*; do
		case ${number##*/} in
		*[!0-9]*) ;;
		*) echo "${number##*/}" ;;
		esac
	done | sort -n
}

# Fails with `busy` where another dispatch works with the session.
expect_nobody() {
	for number in $(numbers); do
		read -r holder since _ 2>/dev/null <"$claims/$number/identity"
		[ "$holder" = "$id" ] || ! at_work "$holder" || fail busy "$holder $since"
	done
}

# Takes the session for this dispatch, or fails with `busy`.
take_session() {
	read -r owned 2>/dev/null <"$HOME/.kugetsu/dispatches/$id/owner"
	while :; do
		words=$(mkdir -p "$claims" 2>&1) || fail room "$words"
		# Before anybody is looked at: whoever takes a number after this makes the next one ours no more.
		last=$(numbers | tail -n 1)
		expect_nobody
		mine=$((${last:-0} + 1))
		words=$(claim "$claims/$mine" "$id $(date +%s)${owned:+ $owned}" 2>&1) && break
		# What a home has given back meanwhile is made again.
		[ -e "$claims/$mine/identity" ] || [ ! -d "$claims" ] || fail room "$words"
	done
	# A runner that its launch did not live to see may have begun meanwhile. One that begins later finds us here.
	expect_nobody
	for number in $(numbers); do
		[ "$number" -ge "$mine" ] || rm -rf "${claims:?}/$number"
	done
}

# Whether this dispatch was the last that took the session.
has_session() {
	last=$(numbers | tail -n 1)
	read -r holder since _ 2>/dev/null <"$claims/$last/identity" && [ "$holder" = "$id" ]
}
