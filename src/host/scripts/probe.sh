# shellcheck shell=sh disable=SC2154 # the header sets them
# Looks, and changes nothing. Header: opencode, directory, and what prelude.sh needs.

say system "$(uname -s 2>/dev/null)"
say home "$HOME"

# Variable $1 as opencode will have it: of the host's entry, or else of the host.
value() {
	case " $exports " in
	*" $1 "*) eval "printf %s \"\$kenv_$1\"" ;;
	*) eval "printf %s \"\${$1-}\"" ;;
	esac
}

# What the user's own shell would search: `ssh HOST opencode` and a login differ in this on many hosts.
# A profile that waits for something is given up after five seconds.
shell_path() {
	{
		# Its words may end in the middle of a line.
		bounded 5 "${SHELL:-/bin/sh}" "$@" -c 'echo; echo kugetsu-environment; env' 2>/dev/null
		# What the shell started may outlive it and keep this pipe open: nobody waits for that.
		printf '\nkugetsu-end\n'
	} | {
		ours=
		while IFS= read -r line; do
			case $ours$line in
			kugetsu-environment) ours=y ;;
			yPATH=*)
				printf '%s' "${line#PATH=}"
				break
				;;
			*kugetsu-end) break ;;
			esac
		done
	}
}
login_path=$(shell_path -l)
# tcsh takes no other option beside -l.
[ -n "$login_path" ] || login_path=$(shell_path)
search=${login_path:+$login_path:}$PATH
# What the scripts search, and what opencode does where its entry does not say otherwise.
say path "$search"
case " $exports " in
*" PATH "*) search=$(value PATH) ;;
esac

# Where the program $1 is, on the path that opencode will have.
which_one() (
	PATH=$search
	command -v -- "$1" 2>/dev/null
)
found=
if [ -n "$opencode" ]; then
	# shellcheck disable=SC2088 # compared, not expanded
	case $opencode in
	/*) found=$opencode ;;
	"~/"*) found=$HOME/${opencode#"~/"} ;;
	*/*) found=$HOME/$opencode ;;
	*) found=$(which_one "$opencode") ;;
	esac
else
	found=$(which_one opencode)
	for candidate in "$HOME/.opencode/bin" "$HOME/.local/bin" "$HOME/bin" "$HOME/.bun/bin" \
		"$HOME/.npm-global/bin" /usr/local/bin /opt/homebrew/bin /home/linuxbrew/.linuxbrew/bin; do
		[ -z "$found" ] && [ -x "$candidate/opencode" ] && found=$candidate/opencode
	done
fi
# By its full path, because it is called from elsewhere.
case $found in
/*) [ -f "$found" ] && [ -x "$found" ] || found= ;;
*) found= ;;
esac
say opencode "$found"

# shellcheck disable=SC2088 # compared, not expanded
case $directory in
/*) target=$directory ;;
"~") target=$HOME ;;
"~/"*) target=$HOME/${directory#"~/"} ;;
*) target=$HOME/$directory ;;
esac
# The nearest ancestor that exists, as the kernel sees it (opencode's import takes the real path), and
# what is to be made below it.
base=$target
rest=
up=0
blocked=
while [ ! -d "$base" ] && [ "$base" != / ] && [ -n "$base" ]; do
	if [ -e "$base" ] || [ -h "$base" ]; then
		blocked=$base
		break
	fi
	last=${base##*/}
	base=${base%/*}
	# `missing/..` is where it was.
	case $last in
	'' | .) ;;
	..) up=$((up + 1)) ;;
	*) if [ "$up" = 0 ]; then rest=/$last$rest; else up=$((up - 1)); fi ;;
	esac
done
if [ -n "$blocked" ]; then
	say blocked "$blocked"
	say directory "$target"
elif real=$(CDPATH='' cd -P -- "${base:-/}" 2>/dev/null && pwd -P && printf x); then
	real=${real%?x}
	while [ "$up" -gt 0 ]; do
		real=${real%/*}
		up=$((up - 1))
	done
	[ "$real" = / ] && real=
	target=$real$rest
	say directory "${target:-/}"
	[ -z "$rest" ] || [ -w "${real:-/}" ] || say readonly "${real:-/}"
else
	say directory "$target"
	say readonly "${base:-/}"
fi

# How df tells of the file system where $1 is, or will be.
disk() {
	case $1 in
	/*) at=$1 ;;
	*) at=$PWD/$1 ;;
	esac
	while [ ! -d "$at" ] && [ -n "$at" ]; do at=${at%/*}; done
	df -Pk "${at:-/}" 2>/dev/null | sed -n '2,$p'
}
# The number before the percentage: a file system's name may hold spaces.
available() {
	printf '%s\n' "$1" | sed -n 's/.* \([0-9][0-9]*\)  *[0-9][0-9]*% .*/\1/p'
}
user_home=$(value HOME)
data=$(value XDG_DATA_HOME)
data=${data:-$user_home/.local/share}/opencode
our_disk=$(disk "$HOME/.kugetsu")
its_disk=$(disk "$data")
say free "$(available "$our_disk")"
say database_free "$(available "$its_disk")"
# By where it is mounted: its numbers may have changed between the two.
[ "${our_disk##*% }" != "${its_disk##*% }" ] || say one_disk yes
if [ -e "$HOME/.kugetsu" ]; then
	[ -w "$HOME/.kugetsu" ] && say writable yes
else
	[ -w "$HOME" ] && say writable yes
fi
command -v gzip >/dev/null 2>&1 && say gzip yes
command -v scp >/dev/null 2>&1 && say scp yes

# What decides which version, agents and models there are: unchanged, it need not be asked again.
config=$(value XDG_CONFIG_HOME)
cache=$(value XDG_CACHE_HOME)
config=${config:-$user_home/.config}/opencode
fingerprint() {
	[ -n "$found" ] && ls -lniL "$found"
	for root in "$config" "$user_home/.opencode" "$(value OPENCODE_CONFIG)" "$(value OPENCODE_CONFIG_DIR)"; do
		[ -n "$root" ] && sums "$root"
	done
	above=$target
	while :; do
		for name in opencode.json opencode.jsonc .opencode; do sums "${above%/}/$name"; done
		[ -n "$above" ] || break
		above=${above%/*}
	done
	cksum "${cache:-$user_home/.cache}/opencode/models.json"
	cksum "$data/auth.json"
	env | sed 's/=.*//' | sort
	for name in $exports; do printf '%s=%s\n' "$name" "$(value "$name")"; done
	printf '%s\n' "$OPENCODE_CONFIG_CONTENT" "$search"
}
# Links are followed where dotfiles are kept elsewhere: the files themselves, and the folders of agents.
sums() {
	[ -e "$1" ] || return
	find -H "$1" "$1/agent/" "$1/agents/" "$1/mode/" "$1/modes/" \
		\( -name node_modules -o -name bin \) -prune -o \( -type f -o -type l \) -exec cksum {} +
}
say fingerprint "$(fingerprint 2>/dev/null | cksum)"

# Last, so that its age is half a round trip.
say clock "$(date '+%s %N' 2>/dev/null)"
