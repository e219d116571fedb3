# shellcheck shell=sh disable=SC2154 # what stands before it sets them
# Who is at work in a dispatch. All that a run starts has KUGETSU_DISPATCH=ID in its environment.

# The processes of the dispatch $1, one a line. Where nobody can look into environments: opencode, and what descends from it.
marked() {
	if [ -r /proc/self/environ ]; then
		# Each environment behind a line with its file's name. What that gives is looked at once more: an environment can hold
		# such lines, too.
		head -c 2097152 /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | sed -n "
			/^==> .* <==\$/h
			/^KUGETSU_DISPATCH=$1\$/{ x; s,^==> /proc/\([0-9]*\)/environ <==\$,\1,p; x; }" | sort -u |
			while read -r pid; do
				tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qxF "KUGETSU_DISPATCH=$1" && echo "$pid"
			done 2>/dev/null
		return
	fi
	run=$HOME/.kugetsu/dispatches/$1/run/opencode
	lives "$run" && kin "$its_pid" | sed 's/ .*//'
}

# Processes and their parents.
parents() {
	if [ -d /proc/self ]; then
		grep '^PPid:' /dev/null /proc/[0-9]*/status 2>/dev/null | sed 's,^/proc/\([0-9]*\)/status:PPid:[^0-9]*,\1 ,'
	else
		ps -A -o pid= -o ppid= 2>/dev/null
	fi
}

# The processes $1 and all that descends from them, each with when it began.
kin() {
	found=" $1 "
	table=$(parents)
	more=yes
	while [ -n "$more" ]; do
		more=
		while read -r pid parent; do
			case $found in *" $pid "*) continue ;; esac
			case $found in *" $parent "*) found="$found$pid " more=yes ;; esac
		done <<-END
			$table
		END
	done
	# What has ended and was not reaped yet does not count.
	for pid in $found; do
		since=$(began "$pid")
		[ -z "$since" ] || echo "$pid $since"
	done
}

# The processes of the dispatch $1 with what descends from them, which need not carry its mark, and of those of $2, found so
# before, what still lives.
related() {
	known=$(marked "$1" | tr '\n' ' ')
	while read -r pid since; do
		[ -n "$since" ] && [ "$(began "$pid")" = "$since" ] && known="$known$pid "
	done <<-END
		$2
	END
	[ -n "$known" ] || return
	all=$(kin "$known")
	# The last of them may have ended just now, and have started another before.
	[ -n "$all" ] || all=$(kin "$(marked "$1" | tr '\n' ' ')")
	[ -z "$all" ] || echo "$all"
}

# Ends the processes of the dispatch $1, what descends from them, and what they start meanwhile: asked to, and a second
# later forced. `left` is how many the kernel does not let go of.
end_marked() {
	victims=$(related "$1" '')
	rounds=0
	while [ -n "$victims" ] && [ "$rounds" -lt 40 ]; do
		force=
		[ "$rounds" = 0 ] && force=TERM
		[ "$rounds" -ge 10 ] && force=KILL
		# shellcheck disable=SC2046 # several
		[ -z "$force" ] || kill -s "$force" $(echo "$victims" | sed 's/ .*//') 2>/dev/null
		pause 0.1
		rounds=$((rounds + 1))
		victims=$(related "$1" "$victims")
	done
	# shellcheck disable=SC2034 # for who called
	left=$(echo "$victims" | grep -c .) || true
}

# Whether $1 is a result that is whole.
is_whole() {
	[ -e "$1" ] && [ "$(tail -n 1 "$1" 2>/dev/null)" = end ]
}

# Whether the claim of this directory's run is that of a cleaning or a cancelling: it will never begin.
removed() {
	case $(cat run/identity 2>/dev/null) in
	removed*) ;;
	*) return 1 ;;
	esac
}

# Finds out, once for all of these dispatches, what `stand` needs; works in the directory of dispatches from then on.
look_at() {
	nowhere=
	cd "$HOME/.kugetsu/dispatches" 2>/dev/null || nowhere=' '
	this_boot=$(boot)
	marks=
	torn=
	results=
	for one in "$@"; do
		case $nowhere$one in
		*[!a-z0-9-]*) ;;
		*) [ ! -e "$one/result" ] || results="$results $one/result" ;;
		esac
	done
	# A line of this kind is the last of a result, and no other.
	# shellcheck disable=SC2086 # words
	[ -z "$results" ] || torn=" $(grep -Lx end $results 2>/dev/null | tr '\n' ' ')"
}

# Whether anything of the run of the dispatch $1 is at work.
is_marked() {
	if [ -r /proc/self/environ ]; then
		# Of one environment or another, and once for all: most have nothing there.
		[ -n "$marks" ] || marks=" $(head -c 2097152 /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' |
			sed -n 's/^KUGETSU_DISPATCH=\([a-z0-9-]*\)$/\1/p' | sort -u | tr '\n' ' ')"
		case $marks in
		*" $1 "*) ;;
		*) return 1 ;;
		esac
	fi
	[ -n "$(marked "$1")" ]
}

# Sets `stands`: how the dispatch $1 stands, which `look_at` has looked at. That is ended, gone, launching, running, orphaned
# (the runner is gone, and what it started works on) or dead.
stand() {
	stands=gone
	case $nowhere$1 in
	'' | *[!a-z0-9-]*) return ;;
	esac
	[ -d "$1" ] || return 0
	if [ -e "$1/result" ]; then
		case $torn in
		*" $1/result "*) ;;
		*)
			stands=ended
			return
			;;
		esac
	fi
	stands=launching
	[ -e "$1/run/identity" ] || return 0
	its_boot='' its_pid='' its_start=''
	read -r its_boot its_pid its_start 2>/dev/null <"$1/run/identity"
	stands=gone
	case $its_boot in
	removed*) return ;;
	esac
	stands=running
	[ -n "$its_start" ] && [ "$its_boot" = "$this_boot" ] && [ "$(began "$its_pid")" = "$its_start" ] && return
	stands=orphaned
	is_marked "$1" && ! is_whole "$1/result" && return
	stands=dead
	# It may have come to its end meanwhile.
	! is_whole "$1/result" || stands=ended
}

# How one dispatch stands, in a word.
standing() (
	look_at "$1"
	stand "$1"
	echo "$stands"
)

# Whether anybody works with the session in the name of the dispatch $1.
at_work() {
	case $1 in
	*[!a-z0-9-]*) return 1 ;;
	esac
	case $(standing "$1") in
	running | orphaned) return ;;
	gone) return 1 ;;
	esac
	for turn_taken in "$HOME/.kugetsu/dispatches/$1"/launch-*/identity "$HOME/.kugetsu/dispatches/$1"/back-*/identity; do
		lives "$turn_taken" && return
	done
	return 1
}
