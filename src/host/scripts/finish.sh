# shellcheck shell=sh disable=SC2154 # what stands before it sets them
# The end of a run: what comes home, and the result. Works in the dispatch's directory.

# Writes what comes home into the file $1. What is still open is settled with the words $2, unless they are empty; where $3 is
# yes, the run may be at work, and nothing is changed. Sets kind, exported, known, settled; the kind is `same`, and no file is
# written, where all is as it was when $4 was the checksum of `known`.
make_back() {
	rm -f "$1.part"
	made=
	if [ -e left ]; then
		made=$(
			KUGETSU_BACK=$here/$1 KUGETSU_PACKED=$packed KUGETSU_WHY=$2 KUGETSU_LIVE=$3 KUGETSU_KNOWN=$4
			export KUGETSU_BACK KUGETSU_PACKED KUGETSU_WHY KUGETSU_LIVE KUGETSU_KNOWN
			bun back_js 2>export.err | tail -n 1
		)
	fi
	kind='bundle'
	exported=0
	known=
	settled=0
	case $made in
	"made "*)
		settled=${made##* }
		known=${made#made }
		known=${known%% *}
		[ "$known" != - ] || known=
		return
		;;
	same)
		kind=same
		return
		;;
	esac
	# Where JavaScript does not run, opencode tells what it can.
	kind='export'
	as_user "$program" export "$session" </dev/null >"$1.part" 2>>export.err
	exported=$?
	if [ "$packed" = gzip ]; then
		gzip -3 <"$1.part" >"$1.gz.part" 2>>export.err && mv "$1.gz.part" "$1" || exported=1
		rm -f "$1.part"
	else
		mv "$1.part" "$1" || exported=1
	fi
}

# Writes the result $1, which tells of the file $2. It is whole if its last line is there. `later` is yes where somebody went
# on with the session behind the run.
write_result() {
	words=$(last_words stderr)
	[ "$exported" = 0 ] || words="$words $(last_words export.err)"
	{
		echo "format 2"
		echo "status $status"
		echo "exported $exported"
		echo "packed $packed"
		echo "sum $(cksum <"$2" 2>/dev/null)"
		echo "started $started"
		echo "ended $ended"
		echo "kind $kind"
		echo "known $known"
		echo "ended_by $ended_by"
		echo "settled $settled"
		[ -z "$later" ] || echo "later $later"
		# JavaScript ran here at the launch: once more, it may tell all.
		[ "$kind" = bundle ] || [ ! -e left ] || echo "lesser yes"
		say words "$words"
		echo end
	} >"$1.part" && mv "$1.part" "$1"
}

# What calls are told that were open when the run ended by $ended_by.
why() {
	case $ended_by in
	cancelled) echo "The run was cancelled before this call had ended." ;;
	timeout) echo "The run's time was up before this call had ended." ;;
	*) echo "The run ended before this call had." ;;
	esac
}
