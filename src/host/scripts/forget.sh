# shellcheck shell=sh disable=SC2154 # the header sets them
# Removes what this host remembers of sessions for the home `owner`, which has no more use for it. Header: owner, known and
# claims (the sessions whose list or claim goes, with blanks between them), and what the scripts before it need. What is
# another home's by now, or of a session that a dispatch works with, stays.

cd "$HOME/.kugetsu" 2>/dev/null || fail home "$HOME"
# Nothing that a shell would expand is a session.
case $known$claims in
*[!A-Za-z0-9_\ -]*) fail id "$known $claims" ;;
esac

# Whether the $1 of the session $2 is that home's, and nobody works with the session.
may_go() {
	find_owner claims "$2"
	[ -z "$its_holder" ] || ! at_work "$its_holder" || return 1
	find_owner "$1" "$2"
	[ "$its_owner" = "$owner" ]
}

n=0
for session in $known; do
	if ! may_go known "$session" || ! rm -f "known/$session"; then continue; fi
	n=$((n + 1))
	tell "known_$n" "$session"
done
tell known "$n"
n=0
for session in $claims; do
	may_go claims "$session" || continue
	last=$its_holder
	aside=claims/$session.removed.$$
	mv "claims/$session" "$aside" || continue
	# Who took it since then has it.
	find_owner claims "${aside#claims/}"
	if [ "$its_holder" != "$last" ] && [ ! -e "claims/$session" ]; then
		mv "$aside" "claims/$session"
	else
		n=$((n + 1))
		tell "claims_$n" "$session"
	fi
	rm -rf "$aside"
done 2>/dev/null
tell claims "$n"
