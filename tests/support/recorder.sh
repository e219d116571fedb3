#!/bin/sh
# Stands where opencode would: writes down how it was called, and answers as the files beside it say.
# `NAME.sh` beside it is read before it answers to NAME.
own=${0%/*}
before() {
	# shellcheck source=/dev/null
	if [ -e "$own/$1.sh" ]; then . "$own/$1.sh"; fi
}
# note DIRECTORY: what is seen of this call.
note() {
	mkdir -p "$own/seen/$1"
	echo once >>"$own/seen/$1/times"
	cat >"$own/seen/$1/stdin"
	cat "/proc/$$/environ" >"$own/seen/$1/environ"
	pwd -P >"$own/seen/$1/cwd"
	umask >"$own/seen/$1/umask"
}
echo "$1" >>"$own/calls"
case $1 in
--version)
	before version
	echo 1.18.33
	;;
agent)
	before agent
	printf 'build (primary)\n  [{"permission":"*"}]\nmy own (all)\ngeneral (subagent)\n'
	;;
models)
	before models
	printf 'fake/m1\nfake/m2\n'
	;;
import)
	file=${2%/session.json}
	note "${file##*/}/import" <"$2"
	before import
	IFS= read -r session <"$2"
	session=${session#*\"id\":\"}
	printf 'Imported session: %s\n' "${session%%\"*}"
	;;
-e)
	before bun
	echo "missing 0"
	;;
db)
	before db
	printf '[\n  {\n    "m": 3,\n    "p": 4\n  }\n]\n'
	;;
run)
	mkdir -p "$own/seen/$KUGETSU_DISPATCH"
	printf '%s\0' "$@" >"$own/seen/$KUGETSU_DISPATCH/argv"
	note "$KUGETSU_DISPATCH"
	before run
	echo '{"type":"step_finish"}'
	;;
export)
	before export
	echo '{"info":{"id":"ses_recorded"},"messages":[]}'
	;;
esac
