# shellcheck shell=sh disable=SC2154 # the header sets them
# What every script on a host begins with. POSIX sh only: dash, BusyBox ash and macOS run this.
# Set before this by the header: exports (names), kenv_NAME for each of them, path (may be empty).
mask=$(umask)
umask 077
if [ -n "$path" ]; then
	PATH=$path
	export PATH
fi

# Runs a program (opencode, as a rule) as its user would: with the umask that the host gave, and the variables of
# the host's entry. They never become variables of the scripts themselves, whatever their names are.
become_user() {
	umask "$mask"
	OPENCODE_DISABLE_AUTOUPDATE=1
	export OPENCODE_DISABLE_AUTOUPDATE
	lend=
	for name in $exports; do lend="$lend $name=\$kenv_$name; export $name;"; done
	# All at once, behind the last use of a variable of ours.
	eval "$lend"
}

as_user() (
	become_user
	exec "$@"
)

# Whoever waits for this hears that it lives: what it does may take long, and says nothing. Ends with the first fact.
tell_life() {
	(
		nap=
		trap '[ -z "$nap" ] || kill "$nap"; exit' TERM
		while kill -0 $$ && echo beat; do
			sleep 5 >/dev/null &
			nap=$!
			wait "$nap"
		done
	) 2>/dev/null </dev/null &
	life=$!
}
life=

# One fact a line, the value in hexadecimal: whatever it holds, it cannot end the line.
say() {
	if [ -n "$life" ]; then
		dismiss "$life"
		life=
	fi 2>/dev/null
	printf '%s ' "$1"
	printf '%s' "$2" | od -An -v -tx1 | tr -d ' \n'
	echo
}

# As `say`, and without a process where the value needs no hexadecimal: for scripts that say much.
tell() {
	case ${life:+ }$2 in
	*[!A-Za-z0-9_.:-]*) say "$1" "$2" ;;
	*) echo "$1 =$2" ;;
	esac
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

pause() {
	sleep "$1" 2>/dev/null || sleep 1
}

# When process $1 began, in whatever unit the system has; nothing if it has ended, reaped by its parent or not.
began() {
	if [ -d /proc/self ]; then
		read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
		# The program's name, in parentheses, may hold spaces. Behind it stand the state and, as the 20th, the start.
		set -f
		# shellcheck disable=SC2086
		set -- ${stat##*) }
		set +f
		[ "$1" = Z ] || printf '%s' "${20}"
	else
		# In one locale and zone, so that every login reads the same.
		LC_ALL=C TZ=UTC ps -o stat= -o lstart= -p "$1" 2>/dev/null |
			sed -n '/^ *Z/!{ s/^ *[^ ]* *//; p; }' | tr -s ' ' '_'
	fi
}

# Ends a subshell of ours that waits and hears of TERM by a trap. bash loses a signal that comes in the moment in which it begins
# to wait: the next one ends it.
dismiss() {
	while kill "$1" && [ -n "$(began "$1")" ]; do pause 0.02; done
	wait "$1"
}

boot() {
	cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.bootsessionuuid 2>/dev/null || echo unknown
}

# Who runs this script. With the boot and its start, a process is not taken for a later one of the same number.
me() {
	printf '%s %s %s' "$(boot)" "$$" "$(began $$)"
}

# Whether the process that wrote the identity file $1 still runs.
lives() {
	read -r its_boot its_pid its_start 2>/dev/null <"$1" || return
	[ -n "$its_start" ] && [ "$(began "$its_pid")" = "$its_start" ] && [ "$(boot)" = "$its_boot" ]
}

# Makes the directory $1 with the file `identity` of the words $2 in it, both at once. Of many that try, one succeeds.
claim() {
	mkdir "$1.$$" && printf '%s\n' "$2" >"$1.$$/identity" && mv "$1.$$" "$1" 2>/dev/null
	[ "$(cat "$1/identity" 2>/dev/null)" = "$2" ] && return
	# Where somebody was first, mv has failed or moved ours into theirs.
	rm -rf "$1.$$" "$1/${1##*/}.$$"
	return 1
}

# bounded SECONDS COMMAND…: its exit status; 137 where it took longer and was ended.
bounded() {
	limit=$1
	shift
	# One process, so that its end is the command's end.
	(
		if [ "$1" = as_user ]; then
			shift
			become_user
		fi
		exec "$@"
	) </dev/null &
	bounded=$!
	(
		# Until the sleep is there, $! is the command. It may not be a sleep yet, and then hears of nothing but KILL.
		trap '[ "$!" = "$bounded" ] || kill -KILL "$!"; exit' TERM
		sleep "$limit" &
		wait "$!"
		kill -KILL "$bounded"
	) >/dev/null 2>&1 </dev/null &
	watcher=$!
	wait "$bounded" 2>/dev/null
	bounded=$?
	dismiss "$watcher" 2>/dev/null
	return "$bounded"
}
