//! `kugetsu verify`

use super::context::Context;
use super::error::{CliError, Exit, LIST_SESSIONS};
use super::output::Ui;
use super::session;
use crate::clock;
use crate::disk::{Lock, private_dir, session_lock};
use crate::opencode::DatabaseError;
use crate::opencode::checkup::{self, CheckupError, CheckupReport, CheckupTime, Problem, ProblemKind};
use crate::text::{plain, quoted};
use crate::trip::HeldRows;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How many of a kind are named, unless all are asked for.
const NAMED: usize = 10;

/// Looks for what opencode cannot cope with in a session and its sub-agents; with --repair it is settled
///
/// That is: tool calls and answers without an end although nothing runs; messages that are newer than the clock or not
/// in order, which keep opencode from answering; rows that it cannot read, which keep it from opening the session; and
/// parts without a message. Exit status 0 where nothing is wrong, or no longer. What a repair changed can be had back:
/// it says how.
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// The session: '#14' or 14, user/repo#14, instance/user/repo#14, an issue's URL, or ses_…
    session: String,
    /// Settle what can be settled. opencode should not be at work in the session
    #[arg(long)]
    repair: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    session: &'a str,
    ok: bool,
    running: bool,
    #[serde(flatten)]
    report: &'a CheckupReport,
    before: Option<&'a Path>,
}

pub(super) async fn run(arguments: VerifyArgs, context: &Context) -> Result<Exit, CliError> {
    let session = session::resolve_id(context, &arguments.session)?;
    let (_, database) = context.opencode().await?;
    let now_ms = clock::now_ms();
    let (report, running, before) = if arguments.repair {
        // Held until all is written: no run or trip begins meanwhile.
        let _lock = session::hold(context, &session, "verify")?;
        let repairs = context.kugetsu_home().join("repairs");
        private_dir(&repairs)?;
        let image = repairs.join(format!("{session}-{now_ms}"));
        let holding = HeldRows::look(context.kugetsu_home(), &database, &session);
        let report = checkup::repair(&database, &session, CheckupTime { now_ms, running: false }, &image)?;
        if report.changed {
            holding.record_removal(&image);
        }
        let before = report.changed.then_some(image);
        (report, false, before)
    } else {
        let running = Lock::is_held(&session_lock(context.kugetsu_home(), &session));
        (checkup::check(&database, &session, CheckupTime { now_ms, running })?, running, None)
    };
    let ok = report.problems.iter().all(|problem| problem.repaired);
    if context.ui.json {
        let before = before.as_deref();
        context.ui.document(&Document { session: &session, ok, running, report: &report, before });
    } else {
        show(context, &arguments, &report, running, before);
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn show(
    context: &Context,
    arguments: &VerifyArgs,
    report: &CheckupReport,
    running: bool,
    before: Option<PathBuf>,
) {
    let ui = &context.ui;
    let agents = match report.sessions.saturating_sub(1) {
        0 => String::new(),
        1 => ", 1 sub-agent".to_owned(),
        more => format!(", {more} sub-agents"),
    };
    ui.note(&format!("{}, {}{agents}", counted(report.messages, "message"), counted(report.parts, "part")));
    if running {
        ui.note("A run goes on, and may yet end");
        ui.note("what is open.");
    }
    if report.problems.is_empty() {
        return ui.done("nothing is wrong");
    }
    ui.answer(&lines(ui, &report.problems));
    if let Some(before) = before {
        let path = quoted(&before.display().to_string());
        ui.wrapped("  ", &format!("have it back: kugetsu undo {path}"));
    } else if !arguments.repair {
        let session = quoted(&plain(&arguments.session));
        ui.wrapped("  ", &format!("settle it: kugetsu verify {session} --repair"));
    }
}

fn lines(ui: &Ui, problems: &[Problem]) -> String {
    let mut text = String::new();
    for same in problems.chunk_by(|a, b| (a.kind, a.repaired) == (b.kind, b.repaired)) {
        let Some(first) = same.first() else { continue };
        let mark = if first.repaired { "✓" } else { "✗" };
        text.push_str(&format!("{mark} {}{}\n", description(first.kind, same.len()), settled(first)));
        let named = if ui.verbose { same.len() } else { NAMED };
        for problem in same.iter().take(named) {
            text.push_str(&format!("    {}\n", plain(&problem.id)));
        }
        if same.len() > named {
            text.push_str(&format!("    and {} more (-v)\n", same.len() - named));
        }
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A kind of problem, in at most 28 columns and the digits of the number.
fn description(kind: ProblemKind, number: usize) -> String {
    let (what, how) = match kind {
        ProblemKind::BrokenMessage => ("message", "cannot be read"),
        ProblemKind::BrokenPart => ("part", "cannot be read"),
        ProblemKind::PartWithoutMessage => ("part", "without message"),
        ProblemKind::OpenCall => ("tool call", "without end"),
        ProblemKind::OpenMessage => ("answer", "without end"),
        ProblemKind::OutOfOrder => ("message", "out of order"),
        ProblemKind::Ahead => ("message", "in the future"),
    };
    format!("{} {how}", counted(number, what))
}

fn settled(problem: &Problem) -> &'static str {
    match (problem.repaired, problem.kind) {
        (false, _) => "",
        (true, ProblemKind::BrokenMessage | ProblemKind::BrokenPart | ProblemKind::PartWithoutMessage) => {
            ": gone"
        }
        (true, ProblemKind::OpenCall | ProblemKind::OpenMessage) => ": ended",
        (true, ProblemKind::OutOfOrder | ProblemKind::Ahead) => ": moved",
    }
}

impl From<CheckupError> for CliError {
    fn from(error: CheckupError) -> Self {
        let (exit, hint) = match &error {
            CheckupError::UnknownSession { .. } => (Exit::Refused, Some(LIST_SESSIONS.to_owned())),
            CheckupError::Database(DatabaseError::UnknownSchema { .. }) => (Exit::Refused, None),
            _ => (Exit::Failed, None),
        };
        Self { hint, ..Self::new(exit, "verify", error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::global::Global;

    #[test]
    fn what_is_wrong_fits_a_phone() {
        let ui = Ui::new(&Global::default());
        let problem = |kind, repaired| Problem {
            kind,
            session: "ses_1".into(),
            id: "prt_1f94513b30014wnMHB38t4mS5p".into(),
            repaired,
        };
        let mut problems = vec![problem(ProblemKind::BrokenPart, true); 1];
        problems.extend(vec![problem(ProblemKind::Ahead, true); 1234]);
        problems.push(problem(ProblemKind::PartWithoutMessage, false));
        let text = lines(&ui, &problems);
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 40), "{text}");
        assert_eq!(text.lines().next(), Some("✓ 1 part cannot be read: gone"));
        assert!(text.contains("✓ 1234 messages in the future: moved\n"), "{text}");
        assert!(text.contains("    and 1224 more (-v)\n"), "{text}");
    }
}
