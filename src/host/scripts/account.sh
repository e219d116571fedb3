# shellcheck shell=sh disable=SC2154 # the header sets them
# Which account of which host this is. Header: account (its id, as open told it; empty where nobody knows it).

# Fails where what is not here may be somewhere else: a host's name can come to lead to another machine or account, and a
# home directory can be mounted late.
expect_account() {
	[ -z "$account" ] || [ "$(cat "$HOME/.kugetsu/account/identity" 2>/dev/null)" = "$account" ] ||
		fail elsewhere "$HOME/.kugetsu"
}
