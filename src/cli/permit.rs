//! `kugetsu permit`

use super::context::Context;
use super::error::{CliError, Exit, LIST_SESSIONS};
use super::session;
use crate::hosts::nearest;
use crate::opencode::{Action, DatabaseError, PermissionError, Permissions, Rule};
use crate::text::{plain, quoted};
use clap::{Args, ValueEnum};
use console::{Alignment, measure_text_width, pad_str};

/// What opencode 1.x asks for; tools of plugins and servers come on top.
const KNOWN: [&str; 17] = [
    "bash",
    "codesearch",
    "doom_loop",
    "edit",
    "external_directory",
    "glob",
    "grep",
    "list",
    "lsp",
    "question",
    "read",
    "skill",
    "task",
    "todoread",
    "todowrite",
    "webfetch",
    "websearch",
];

/// Grants or forbids ahead of a run what opencode would ask for; without a permission it shows the rules
///
/// The rules are opencode's own, kept with the session. Of those that match the last one decides, and a new one comes
/// last.
#[derive(Args)]
pub(super) struct PermitArgs {
    /// The session: '#14' or 14, user/repo#14, instance/user/repo#14, an issue's URL, or ses_…
    session: String,
    /// What is asked for: bash, edit, external_directory, webfetch, …
    #[arg(requires = "pattern")]
    permission: Option<String>,
    /// What of it, where * and ? match as in a shell: 'git *', '/tmp/*'
    pattern: Option<String>,
    /// What is decided
    #[arg(long, value_enum, default_value_t = ActionArg::Allow, requires = "pattern")]
    action: ActionArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum ActionArg {
    Allow,
    Ask,
    Deny,
}

impl From<ActionArg> for Action {
    fn from(action: ActionArg) -> Self {
        match action {
            ActionArg::Allow => Self::Allow,
            ActionArg::Ask => Self::Ask,
            ActionArg::Deny => Self::Deny,
        }
    }
}

pub(super) async fn run(arguments: PermitArgs, context: &Context) -> Result<Exit, CliError> {
    let session = session::resolve_id(context, &arguments.session)?;
    let rule = match (arguments.permission, arguments.pattern) {
        (Some(permission), Some(pattern)) => {
            Some(checked(Rule { permission, pattern, action: arguments.action.into() })?)
        }
        _ => None,
    };
    let (program, database) = context.opencode().await?;
    if rule.is_some() {
        context.check_version(&program).await?;
    }
    let mut permissions = Permissions::open(&database).map_err(PermissionError::from)?;
    let rules = match rule {
        Some(rule) => {
            warn(context, &rule);
            // Held until the rule is written: no run or trip begins meanwhile.
            let _lock = session::hold(context, &session, "permit")?;
            permissions.add(&session, rule)?
        }
        None => permissions.rules(&session)?,
    };
    if context.ui.json {
        context.ui.document(&rules);
    } else if rules.is_empty() {
        let session = quoted(&arguments.session);
        context.ui.note("The session has no rules of its own; those of opencode's configuration hold.");
        context.ui.note(&format!("  add one: kugetsu permit {session} external_directory '/tmp/*'"));
    } else {
        context.ui.answer(&table(&rules));
    }
    Ok(Exit::Done)
}

/// Refuses a rule that could do harm or nothing.
fn checked(rule: Rule) -> Result<Rule, CliError> {
    for (what, text) in [("permission", &rule.permission), ("pattern", &rule.pattern)] {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            let text = plain(text);
            return Err(CliError::usage(
                format!("{text:?} cannot be a {what}"),
                "write, for example: bash 'git *', or external_directory '/tmp/*'",
            ));
        }
    }
    if rule.answerless() == [rule.permission.as_str()] {
        let why = "in a run without a terminal it would wait for ever for an answer";
        let message = format!("{} stays denied: {why}", rule.permission);
        return Err(CliError::new(Exit::Refused, "permit", message));
    }
    Ok(rule)
}

/// Says what of the rule will not come as expected: opencode asks under names of its own, and a rule for any other name
/// is never looked at.
fn warn(context: &Context, rule: &Rule) {
    let name = rule.permission.as_str();
    let answerless = rule.answerless();
    if !answerless.is_empty() {
        let what = answerless.join(", ");
        context
            .ui
            .note(&format!("Nobody answers in a run without a terminal, so this stays denied: {what}."));
    }
    if KNOWN.contains(&name) || name.contains(['*', '?']) {
        return;
    }
    if let Some(near) = nearest(name, KNOWN) {
        context.ui.note(&format!("opencode itself asks for no {}; did you mean {near}?", plain(name)));
    }
}

fn table(rules: &[Rule]) -> String {
    let rows: Vec<[String; 3]> = rules
        .iter()
        .map(|rule| [rule.action.name().to_owned(), plain(&rule.permission), plain(&rule.pattern)])
        .collect();
    let width = |column: usize| rows.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or(0);
    let widths = [width(0), width(1)];
    let line = |row: &[String; 3]| {
        let pad = |column: usize| pad_str(&row[column], widths[column], Alignment::Left, None).into_owned();
        format!("{}  {}  {}\n", pad(0), pad(1), row[2])
    };
    rows.iter().map(line).collect()
}

impl From<PermissionError> for CliError {
    fn from(error: PermissionError) -> Self {
        let (exit, hint) = match &error {
            PermissionError::Database(DatabaseError::UnknownSchema { .. }) => (Exit::Refused, None),
            PermissionError::Database(error) => (Exit::Failed, error.cure().map(str::to_owned)),
            PermissionError::UnknownSession { .. } => (Exit::Refused, Some(LIST_SESSIONS.to_owned())),
            PermissionError::Damaged { .. } => {
                (Exit::Refused, Some("a newer opencode may have written them; see to it there".to_owned()))
            }
        };
        Self { hint, ..Self::new(exit, "permit", error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned_and_harmless() {
        let rule = |permission: &str, pattern: &str, action| Rule {
            permission: permission.into(),
            pattern: pattern.into(),
            action,
        };
        let rules = [
            rule("bash", "git *", Action::Allow),
            rule("日本", "\u{1b}[2J/x", Action::Deny),
            rule("external_directory", "/tmp/*", Action::Ask),
        ];
        let lines = table(&rules);
        assert_eq!(
            lines,
            "allow  bash                git *\n\
             deny   日本                /x\n\
             ask    external_directory  /tmp/*\n"
        );
    }
}
