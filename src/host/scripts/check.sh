# shellcheck shell=sh disable=SC2154 # the header sets them
# Asks opencode for its version and, where kugetsu can work with it, for its agents and models.
# Header: id, program, directory, and what prelude.sh needs. Writes only below its own directory, which it removes.

# What hangs must neither hold us nor stay.
tell_life
version=$(bounded 20 as_user "$program" --version 2>/dev/null)
[ $? = 137 ] && fail hangs "$program --version"
[ -n "$version" ] || version=$(bounded 20 as_user "$program" --version 2>&1)
case $version in
1.* | v1.*) ;;
*)
	say version "$version"
	exit 0
	;;
esac

base=$directory
while [ ! -d "$base" ] && [ -n "$base" ]; do base=${base%/*}; done
cd -P -- "${base:-/}" || fail directory "$base"
# Files, because opencode may cut what it writes into a pipe.
# An earlier check of the same dispatch, whose connection was lost, may still be at it.
work=$HOME/.kugetsu/check-$id.$$
# What a check has left that was killed.
for left in "$HOME/.kugetsu"/check-*; do
	kill -0 "${left##*.}" 2>/dev/null || rm -rf "$left"
done
words=$(mkdir -p "$HOME/.kugetsu" 2>&1 && mkdir "$work" 2>&1) || fail room "$words"
# Neither EXIT nor TERM: `bounded` ends its watch by a TERM. A subshell that gets one before it has put away the traps it was
# born with does in bash what the one for EXIT says, and loses the TERM in dash where there is one for it.
trap 'rm -rf "$work"; exit 1' HUP INT PIPE
# One after the other: two that start on a new database at once fail both, each making the same tables.
bounded 60 as_user "$program" agent list >"$work/agents" 2>"$work/agents.err"
[ $? != 137 ] || {
	rm -rf "$work"
	fail hangs "$program agent list"
}
bounded 60 as_user "$program" models >"$work/models" 2>"$work/models.err"
[ $? != 137 ] || {
	rm -rf "$work"
	fail hangs "$program models"
}
say version "$version"
# Agents come as `name (primary)`, each with its permissions behind it.
say agents "$(grep -E '^[^ ].* \((primary|subagent|all)\)$' "$work/agents")"
say models "$(grep '^[^ ]*/' "$work/models")"
say agents_error "$(last_words "$work/agents.err")"
say models_error "$(last_words "$work/models.err")"
rm -rf "$work"
