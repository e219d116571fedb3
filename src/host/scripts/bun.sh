# shellcheck shell=sh disable=SC2154 # what stands before it sets them
# Runs the JavaScript that the function $1 prints, behind base.js, in opencode's own Bun: with the variables KUGETSU_* that the
# caller exports, in a subshell. All paths in them are absolute. From the root directory: Bun reads settings from where it is
# started, and does not start where the directory's name holds a letter of U+0080 to U+00FF or a `?`.
bun() {
	cd / || return
	KUGETSU_SESSION=$session KUGETSU_HERE=$here BUN_BE_BUN=1
	export KUGETSU_SESSION KUGETSU_HERE BUN_BE_BUN
	as_user "$program" -e "$(base_js && "$1")" </dev/null
}
