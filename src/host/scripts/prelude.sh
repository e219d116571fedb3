# shellcheck shell=sh disable=SC2154 # the header sets them
# What every script on a host begins with. POSIX sh only: dash, BusyBox ash and macOS run this.
# Set before this by the header: exports (names), kenv_NAME for each of them, path (may be empty).
umask 077

for name in $exports; do
	eval "$name=\$kenv_$name; export $name"
done
if [ -n "$path" ]; then
	PATH=$path
	export PATH
fi
OPENCODE_DISABLE_AUTOUPDATE=1
export OPENCODE_DISABLE_AUTOUPDATE

# One fact a line, the value in hexadecimal: whatever it holds, it cannot end the line.
say() {
	printf '%s ' "$1"
	printf '%s' "$2" | od -An -v -tx1 | tr -d ' \n'
	echo
}

# Ends the script with a reason that the other side knows, and the words of what failed.
fail() {
	say failed "$1"
	say detail "$2"
	exit 1
}

last_words() {
	tail -c 2000 "$1" 2>/dev/null
}

# When process $1 began, in whatever unit the system has; with the boot, it tells a process from a
# later one of the same number.
began() {
	if [ -r "/proc/$1/stat" ]; then
		read -r stat <"/proc/$1/stat" || return 1
		# The name in parentheses may hold spaces; the 22nd field is the 20th behind it.
		set -f
		# shellcheck disable=SC2086
		set -- ${stat##*) }
		set +f
		printf '%s' "${20}"
	else
		ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' '_'
	fi
}

boot() {
	cat /proc/sys/kernel/random/boot_id 2>/dev/null ||
		sysctl -n kern.boottime 2>/dev/null | tr -cd '0-9' ||
		echo unknown
}

# bounded SECONDS COMMAND…: its exit status; 137 where it took longer and was ended.
bounded() {
	limit=$1
	shift
	"$@" </dev/null &
	bounded=$!
	(
		# Until the sleep is there, $! is the command.
		trap '[ "$!" = "$bounded" ] || kill "$!"; exit' TERM
		sleep "$limit" &
		wait "$!"
		kill -KILL "$bounded"
	) >/dev/null 2>&1 </dev/null &
	watcher=$!
	wait "$bounded" 2>/dev/null
	bounded=$?
	kill "$watcher" 2>/dev/null
	return "$bounded"
}
