# shellcheck shell=sh disable=SC2154,SC2034 # what stands before it sets them, what follows uses them
# Whose things of sessions are. Works in ~/.kugetsu.

# Sets `its_owner` and `its_holder`: the home that got the list (known) of the session $2, or that took it last (claims), and
# by which dispatch; empty where that is not told.
find_owner() {
	its_owner=
	its_holder=
	case $1 in
	known)
		[ -f "known/$2" ] && [ ! -h "known/$2" ] && read -r head <"known/$2" || return 0
		case $head in
		*'"owner":"'*)
			its_owner=${head#*'"owner":"'}
			its_owner=${its_owner%%'"'*}
			;;
		esac
		;;
	claims)
		highest=0
		for turn in "claims/$2"/*; do
			number=${turn##*/}
			case $number in
			'' | *[!0-9]*) continue ;;
			esac
			if [ "$number" -gt "$highest" ] && read -r holder since owned <"$turn/identity"; then
				highest=$number its_holder=$holder its_owner=$owned
			fi
		done
		;;
	esac
}
