#!/bin/sh
# The trip as a careful user writes it without kugetsu: one multiplexed OpenSSH connection, files by scp.
#
#   baseline.sh one-way|round-trip HOST SESSION PROMPT-FILE DIRECTORY-THERE AGENT MODEL
#
# What it does not do, and kugetsu does: look at the host first, check that a file is whole and that the rows are
# there, put the session's own agent and model back, survive a lost connection, start a run only once, clean up
# on the host. It works for names without spaces.
set -eu
mode=$1 host=$2 session=$3 prompt=$4 there=$5 agent=$6 model=$7

work=$(mktemp -d)
set -- -q -o ControlMaster=auto -o ControlPath="$work/master" -o ControlPersist=yes
trap 'ssh -O exit "$@" "$host" 2>/dev/null; rm -rf "$work"' EXIT

opencode export "$session" >"$work/$session.json" 2>/dev/null
cp "$prompt" "$work/$session.prompt"
scp "$@" "$work/$session.json" "$work/$session.prompt" "$host:"
# shellcheck disable=SC2029 # the names are to be put in here
ssh "$@" "$host" "mkdir -p $there && cd $there && opencode import ~/$session.json && {
	nohup sh -c 'opencode run --session $session --dir $there --agent $agent --model $model --format json \
		<~/$session.prompt >~/$session.events 2>~/$session.err; : >~/$session.done' </dev/null >/dev/null 2>&1 &
}"
[ "$mode" = round-trip ] || exit 0

# shellcheck disable=SC2029 # as above
ssh "$@" "$host" "while [ ! -e ~/$session.done ]; do sleep 0.2; done
	opencode export $session >~/$session.back.json 2>/dev/null"
scp "$@" "$host:$session.back.json" "$work/back.json"
opencode import "$work/back.json"
