//! What holds for all verbs.

/// A word or form, and what it means.
type Item = (&'static str, &'static str);

/// Sections of the manual behind the verbs.
pub(super) const SECTIONS: [(&str, &[Item]); 5] = [
    (
        "Session",
        &[
            (
                "'#14', 14",
                "Issue 14 of the repository that the working directory's git remote names: origin, else the only remote, else upstream. An alias of ssh's configuration stands for the host behind it. An unquoted #14 is a comment to most shells.",
            ),
            (
                "user/repo#14",
                "An issue of another repository at the same forge; groups may nest. Outside of a repository, the one issue that has a session and can be meant.",
            ),
            (
                "instance/user/repo#14",
                "The whole address, as github.com/shoko/kugetsu#14. A port of the forge's pages other than 80 and 443 is a part of it, as in git.example.org:3000/me/tool#14; the port of ssh is not.",
            ),
            (
                "https://github.com/shoko/kugetsu/issues/14",
                "The address in a browser. A forge may stand below a path (https://git.example.org/gitea/me/tool/issues/3): it is the repository that ssh knows as git.example.org:me/tool. At Azure DevOps the work items of a project are meant, as dev.azure.com/org/project#14.",
            ),
            ("ses_…", "opencode's own id of a session."),
            (
                "another repository",
                "Where the issue is of another repository than the working directory's, a line on standard error says so.",
            ),
        ],
    ),
    (
        "Exit status",
        &[
            ("0", "Done."),
            (
                "1",
                "Failed; the step, the cause and the cure are on standard error. Also where all was done and the answer could not be written to standard output. A reader that closes it early, as head does, is no failure.",
            ),
            ("2", "Wrong usage."),
            ("3", "The host cannot be reached, or did not let us in; trying again may help."),
            (
                "4",
                "Refused, and what is here was not changed: the session is running or away, the issue has none, or it would not be safe. Also where both sides went on: what came back is a session of its own then, which is named.",
            ),
            ("5", "Everything went well but the agent's run."),
            ("6", "The run goes on: it was waited for as long as --timeout says."),
            ("130", "Interrupted; what is safe and how to go on is on standard error."),
        ],
    ),
    (
        "JSON",
        &[
            (
                "error",
                "Of every verb that fails: {\"error\": {kind, step, message, hint, retryable}}. kind is failed, usage, unreachable, refused, run, running or interrupted, as the exit status; step is the step of a trip, or a word for where it was; retryable says that the same again may help.",
            ),
            (
                "remote, wait, fetch, status SESSION",
                "dispatch, session, issue, host, mode (one-way, round-trip), state (planned, exported, uploaded, launched, running, finished, home, failed, cancelled, lost), holder (here, or a host), directory, agent, model, run {ok, exit, error}, new_messages, reply (the text of the last answer), started, finished (RFC 3339). refused (what a host changed beyond its right, in words: an array). What is not known is null, never left out. cancel has the same; fetch --snapshot adds snapshot, the copy's session.",
            ),
            (
                "status",
                "An array of these. To each are added reachable (null where its host needed not be asked), activity, for_seconds, tokens, stalled.",
            ),
            (
                "list",
                "An array of issue, type (base, forked), session, state (idle, used, left, invalid), holder, directory, created, last_activity, message.",
            ),
            (
                "start, continue, resume",
                "session, issue, state, run {ok, exit, error}, reply; with --detach, or without a message, nothing is known of run.",
            ),
            ("init, stop", "base; session, issue, state."),
            ("logs", "session, issue, dispatch, lines."),
            ("prune", "removed, items [{kind, what, why}], unreachable (hosts)."),
            ("destroy", "issue, session, removed, session_removed."),
            (
                "verify",
                "session, ok, running, sessions, messages, parts, problems [{kind, session, id, repaired}], before (a file for undo). kind is broken-message, broken-part, part-without-message, open-call, open-message, out-of-order or ahead.",
            ),
            ("undo", "session, dispatch, already, removed, restored, sessions, after (a file for undo)."),
            ("permit", "The rules, in order: an array of permission, pattern, action."),
            (
                "hosts",
                "An array, one of each name: name, host, port, agent, model, variant, directory, source, plugin (where source is an opencode.json), allowed (false: only a project's file names it, which is not allowed), replaces and not_allowed, arrays of {host, port, source, plugin, differs (fields)}.",
            ),
            (
                "hosts trust",
                "An array of what was allowed: file, hosts [{name, host, replaces (a file), differs (fields)}].",
            ),
            (
                "remote --dry-run",
                "session, issue, title, host, mode, messages, bytes, directory, agent, model, variant, opencode, opencode_version, prompt.",
            ),
        ],
    ),
    (
        "Environment",
        &[
            ("KUGETSU_HOME", "Where kugetsu keeps its files, in place of ~/.kugetsu."),
            (
                "KUGETSU_HOSTS",
                "One hosts file, in place of all that would be looked for; it needs no allowing.",
            ),
            ("KUGETSU_OPENCODE", "The path of opencode on this machine, in place of the first on PATH."),
            ("NO_COLOR", "No colours, where it is set."),
        ],
    ),
    (
        "Files",
        &[
            (
                "~/.config/opencode/hosts.json",
                "Hosts, with comments and trailing commas: {\"hosts\": {NAME: HOST}}, or {NAME: HOST}. A hosts.json of the project, and one in its .opencode directory, add to it and override it by name, once they are allowed (kugetsu hosts trust).",
            ),
            (
                "opencode.json",
                "Beside each of these, hosts may stand in the options of a plugin: {\"plugin\": [[\"opencode-remote-login\", {\"hosts\": {NAME: HOST}}]]}, or \"kugetsu\" in place of that name. The hosts.json beside it overrides it by name.",
            ),
            ("~/.kugetsu/index.json, ~/.kugetsu/sessions/", "Which session is which issue's."),
            (
                "~/.kugetsu/dispatches/",
                "Trips to hosts, with what undo and logs need of them, until prune --force removes those that are over.",
            ),
            (
                "~/.kugetsu/logs/, ~/.kugetsu/runs/",
                "What runs printed, and the files of each session's last run.",
            ),
            ("~/.kugetsu/known/", "What hosts are known to have of sessions."),
            (
                "~/.kugetsu/allowed/",
                "Which files of projects may name hosts, with the digest of what they said.",
            ),
            ("~/.kugetsu/repairs/", "How sessions were before verify --repair."),
        ],
    ),
];
