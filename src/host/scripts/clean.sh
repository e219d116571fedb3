# shellcheck shell=sh disable=SC2154 # the header sets them
# Removes a dispatch that came home or was never launched. Header: id, launched (yes or no), and what prelude.sh needs.

cd "$HOME/.kugetsu/dispatches" 2>/dev/null || exit 0
if [ "$launched" = no ] && [ -e "$id/run" ]; then
	fail launched "$id"
fi
rm -rf "./$id"
[ -e "$id" ] && fail room "$id"
say cleaned yes
