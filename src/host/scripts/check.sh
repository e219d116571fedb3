# shellcheck shell=sh disable=SC2154 # the header sets them
# Asks opencode for its version and, where kugetsu can work with it, for its agents and models.
# Header: id, program, directory, and what prelude.sh needs. Writes only below its own directory, which it removes.

# What hangs must neither hold us nor stay.
version=$(bounded 20 as_user "$program" --version 2>/dev/null)
[ $? = 137 ] && fail hangs "$program --version"
[ -n "$version" ] || version=$(bounded 20 as_user "$program" --version 2>&1)
say version "$version"
case $version in
1.* | v1.*) ;;
*) exit 0 ;;
esac

# Files, because opencode may cut what it writes into a pipe.
work=$HOME/.kugetsu/check-$id
words=$(mkdir -p "$HOME/.kugetsu" 2>&1 && mkdir "$work" 2>&1) || fail room "$words"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT PIPE TERM
base=$directory
while [ ! -d "$base" ] && [ -n "$base" ]; do base=${base%/*}; done
cd -P -- "${base:-/}" || fail directory "$base"
# One after the other: two that start on a new database at once fail both, each making the same tables.
as_user "$program" agent list </dev/null >"$work/agents" 2>"$work/agents.err"
as_user "$program" models </dev/null >"$work/models" 2>"$work/models.err"
# Agents come as `name (primary)`, each with its permissions behind it.
say agents "$(grep -E '^[^ ].* \((primary|subagent|all)\)$' "$work/agents")"
say models "$(grep '^[^ ]*/' "$work/models")"
say agents_error "$(last_words "$work/agents.err")"
say models_error "$(last_words "$work/models.err")"
