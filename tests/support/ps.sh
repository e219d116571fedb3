#!/bin/sh
# As ps answers where there is no /proc, from a /proc that stands beside it: -A -o pid= -o ppid=, or -o stat= -o lstart= -p PID.
proc=${0%/*}/proc
keys=
pids=
while [ $# -gt 0 ]; do
	case $1 in
	-o) keys="$keys $2" && shift ;;
	-p) pids=$2 && shift ;;
	esac
	shift
done
for pid in ${pids:-$(cd "$proc" && echo [0-9]*)}; do
	read -r stat 2>/dev/null <"$proc/$pid/stat" || continue
	# shellcheck disable=SC2086 # words
	set -- ${stat##*) }
	case $keys in
	*lstart*) echo "$1 ${20}" ;;
	*) echo " $pid $2" ;;
	esac
done
