# shellcheck shell=sh disable=SC2154 # the header sets them
# Looks, and changes nothing. Header: opencode, directory, and what prelude.sh needs.

say format 1
say system "$(uname -s 2>/dev/null)"
say home "$HOME"
say shell "${SHELL:-/bin/sh}"

# What the user's own shell would search: `ssh HOST opencode` and a login differ in this on many hosts.
# A profile that waits for something is given up after five seconds.
shell_path() {
	bounded 5 "${SHELL:-/bin/sh}" "$@" -c env 2>/dev/null | {
		while IFS= read -r line; do
			case $line in
			PATH=*)
				printf '%s' "${line#PATH=}"
				break
				;;
			esac
		done
	}
}
login_path=$(shell_path -l)
# tcsh takes no other option beside -l.
[ -n "$login_path" ] || login_path=$(shell_path)
case $exports in
*PATH*) ;;
*) PATH=${login_path:+$login_path:}$PATH ;;
esac
say path "$PATH"

found=
if [ -n "$opencode" ]; then
	# shellcheck disable=SC2088 # compared, not expanded
	case $opencode in
	/*) found=$opencode ;;
	"~/"*) found=$HOME/${opencode#"~/"} ;;
	*/*) found=$HOME/$opencode ;;
	*) found=$(command -v "$opencode" 2>/dev/null) ;;
	esac
else
	found=$(command -v opencode 2>/dev/null)
	for candidate in "$HOME/.opencode/bin" "$HOME/.local/bin" "$HOME/bin" "$HOME/.bun/bin" \
		"$HOME/.npm-global/bin" /usr/local/bin /opt/homebrew/bin /home/linuxbrew/.linuxbrew/bin; do
		[ -z "$found" ] && [ -x "$candidate/opencode" ] && found=$candidate/opencode
	done
fi
[ -f "$found" ] && [ -x "$found" ] || found=
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
while [ ! -d "$base" ] && [ "$base" != / ] && [ -n "$base" ]; do
	if [ -e "$base" ] || [ -h "$base" ]; then
		say blocked "$base"
		break
	fi
	rest=/${base##*/}$rest
	base=${base%/*}
	while [ "$base" != "${base%/}" ]; do base=${base%/}; done
done
real=$(CDPATH='' cd -P -- "${base:-/}" 2>/dev/null && pwd -P && printf x)
real=${real%?x}
[ "$real" = / ] && real=
say directory "$real${rest}"
if [ -n "$rest" ]; then
	[ -w "${real:-/}" ] || say readonly "${real:-/}"
else
	[ -x "${real:-/}" ] || say readonly "${real:-/}"
fi

say free "$(df -Pk "$HOME" 2>/dev/null | awk 'NR > 1 { print $4; exit }')"
if [ -e "$HOME/.kugetsu" ]; then
	[ -w "$HOME/.kugetsu" ] && say writable yes
else
	[ -w "$HOME" ] && say writable yes
fi
command -v gzip >/dev/null 2>&1 && say gzip yes
command -v scp >/dev/null 2>&1 && say scp yes

# What decides which version, agents and models there are: unchanged, it need not be asked again.
config=${XDG_CONFIG_HOME:-$HOME/.config}/opencode
fingerprint() {
	[ -n "$found" ] && ls -lniL "$found"
	for root in "$config" "$HOME/.opencode" "${OPENCODE_CONFIG:-}" "${OPENCODE_CONFIG_DIR:-}"; do
		[ -n "$root" ] && [ -e "$root" ] &&
			find "$root" \( -name node_modules -o -name bin \) -prune -o -type f -exec cksum {} +
	done
	above=$real$rest
	while :; do
		for name in opencode.json opencode.jsonc .opencode; do
			[ -e "$above/$name" ] && find "$above/$name" -name node_modules -prune -o -type f -exec cksum {} +
		done
		[ -n "$above" ] || break
		above=${above%/*}
	done
	cksum "${XDG_CACHE_HOME:-$HOME/.cache}/opencode/models.json"
	ls -lni "${XDG_DATA_HOME:-$HOME/.local/share}/opencode/auth.json"
	env | sed 's/=.*//' | sort
	printf '%s\n' "$OPENCODE_CONFIG_CONTENT"
	echo "$PATH"
}
say fingerprint "$(fingerprint 2>/dev/null | cksum)"

# Last, so that its age is half a round trip.
say clock "$(date +%s%N 2>/dev/null)"
