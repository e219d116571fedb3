//! What holds for all verbs.

/// A word or form, and what it means.
type Item = (&'static str, &'static str);

/// Sections of the manual behind the verbs.
pub(super) const SECTIONS: [(&str, &[Item]); 4] = [
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
            ("instance/user/repo#14", "The whole address, as github.com/shoko/kugetsu#14."),
            ("https://github.com/shoko/kugetsu/issues/14", "The address in a browser."),
            ("ses_…", "opencode's own id of a session."),
        ],
    ),
    (
        "Exit status",
        &[
            ("0", "Done."),
            ("1", "Failed; the step, the cause and the cure are on standard error."),
            ("2", "Wrong usage."),
            ("3", "The host cannot be reached, or did not let us in; trying again may help."),
            (
                "4",
                "Refused, and nothing was changed: the session is running or away, the issue has none, or it would not be safe.",
            ),
            ("5", "Everything went well but the agent's run."),
            ("130", "Interrupted; what is safe and how to go on is on standard error."),
        ],
    ),
    (
        "Environment",
        &[
            ("KUGETSU_HOME", "Where kugetsu keeps its files, in place of ~/.kugetsu."),
            ("KUGETSU_HOSTS", "One hosts file, in place of all that would be looked for."),
            ("KUGETSU_OPENCODE", "The path of opencode on this machine, in place of the first on PATH."),
            ("NO_COLOR", "No colours, where it is set."),
        ],
    ),
    (
        "Files",
        &[
            (
                "~/.config/opencode/hosts.json",
                "Hosts, with comments and trailing commas. A hosts.json of the project, and one in its .opencode directory, add to it and override it by name.",
            ),
            ("~/.kugetsu/index.json, ~/.kugetsu/sessions/", "Which session is which issue's."),
            ("~/.kugetsu/dispatches/", "Trips to hosts, as long as they are of use."),
            ("~/.kugetsu/logs/", "What runs printed."),
        ],
    ),
];
