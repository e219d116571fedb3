//! `kugetsu list`

use super::context::Context;
use super::error::{CliError, Exit};
use crate::clock;
use crate::index::{SessionKind, timestamp};
use crate::issue::Repository;
use crate::process::{RUN_MARK, marked};
use crate::text::{plain, quoted};
use crate::work::{self, HERE, Survey, SurveyRow, WorkState};
use clap::Args;
use console::{measure_text_width, truncate_str};
use serde::Serialize;
use std::borrow::Cow;

/// Lists the sessions of issues
#[derive(Args)]
pub(super) struct ListArgs {
    /// Only those whose run was cut short, to be taken up with `kugetsu resume`
    #[arg(long)]
    left: bool,
}

/// Columns below which a session takes two lines.
const NARROW: usize = 60;
/// Columns of a holder's name at most.
const HOLDER: usize = 10;
/// Columns of an age: `59 m`, `9999 d`.
const AGE: usize = 6;
/// Columns of a state.
const STATE: usize = 7;

#[derive(Serialize)]
struct Document<'a> {
    issue: Option<&'a str>,
    #[serde(rename = "type")]
    kind: SessionKind,
    session: Option<&'a str>,
    state: Option<&'static str>,
    holder: Option<&'a str>,
    directory: Option<&'a str>,
    created: Option<String>,
    last_activity: Option<String>,
    message: Option<&'a str>,
}

pub(super) async fn run(arguments: ListArgs, context: &Context) -> Result<Exit, CliError> {
    let ui = &context.ui;
    let database = context.opencode().await.map(|(_, database)| database);
    let Survey { mut rows, troubles } = work::survey(context.kugetsu_home(), database.as_deref().ok())?;
    if let Some(error) = database.err().filter(|_| !rows.is_empty()) {
        ui.wrapped("  ", &format!("what opencode has is not known: {}", error.message));
    }
    for trouble in &troubles {
        ui.wrapped("  ", &trouble.to_string());
    }
    let empty = rows.is_empty();
    if arguments.left {
        rows.retain(|row| row.state == Some(WorkState::Left) && row.holder.as_deref() == Some(HERE));
    }
    let left: Vec<&SurveyRow> = rows.iter().filter(|row| row.state == Some(WorkState::Left)).collect();
    // All processes are looked at once, and only where there is something to find.
    let running = if left.is_empty() { Vec::new() } else { marked(RUN_MARK) };
    for line in left.iter().filter_map(|row| remains(row, &running)) {
        ui.wrapped("  ", &line);
    }
    if ui.json {
        ui.document(&rows.iter().map(document).collect::<Vec<_>>());
    } else if empty {
        ui.note("No session is kept here yet. Make the base: kugetsu init");
    } else if rows.is_empty() {
        ui.note("No session was left in the middle of its work.");
    } else {
        ui.answer(&table(&rows, context.remote().ok().as_ref(), ui.answer_columns(), clock::now_ms()));
    }
    Ok(Exit::Done)
}

/// What is said of a run that was cut short and still has processes: opencode lives on if its guard is killed, too.
fn remains(row: &SurveyRow, running: &[(String, u32)]) -> Option<String> {
    let session = row.session.as_deref()?;
    let of_it = running.iter().filter(|(run, _)| run == session);
    let processes: Vec<String> = of_it.map(|(_, pid)| pid.to_string()).collect();
    let name = plain(row.issue.as_deref().unwrap_or(session));
    (!processes.is_empty()).then(|| {
        format!(
            "what the run in {name} left is still at work (process {}); end it: kugetsu stop {}",
            processes.join(", "),
            quoted(&name)
        )
    })
}

fn document(row: &SurveyRow) -> Document<'_> {
    Document {
        issue: row.issue.as_deref(),
        kind: row.kind,
        session: row.session.as_deref(),
        state: row.state.map(WorkState::name),
        holder: row.holder.as_deref(),
        directory: row.directory.as_deref(),
        created: row.created_ms.map(timestamp).or_else(|| row.created_at.clone()),
        last_activity: row.last_activity_ms.map(timestamp),
        message: row.message.as_deref(),
    }
}

/// The sessions, one or two lines each, none wider than `columns`.
fn table(rows: &[SurveyRow], remote: Option<&Repository>, columns: usize, now_ms: i64) -> String {
    let names = names(rows, remote);
    // No column is needed where all sessions are here.
    let holders = rows.iter().map(|row| width(&elsewhere(row))).max().unwrap_or(0).min(HOLDER);
    let narrow = columns < NARROW;
    let rest = 2 + STATE + AGE + if holders > 0 { holders + 2 } else { 0 };
    let room = if narrow { columns.saturating_sub(rest) } else { columns / 3 };
    let longest = names.iter().map(|name| width(name)).max().unwrap_or(0).min(room);
    let mut text = String::new();
    for (row, name) in rows.iter().zip(&names) {
        let state = row.state.map_or("?", WorkState::name);
        let age = row.last_activity_ms.map(|ms| age(now_ms - ms)).unwrap_or_default();
        let mut line = format!("{}  {}", padded(&ending(name, longest), longest), padded(state, STATE));
        if holders > 0 {
            line.push_str(&format!("  {}", padded(&cut(&elsewhere(row), holders), holders)));
        }
        line.push_str(&format!("{age:>AGE$}"));
        let mut message = row.message.as_deref().map(plain).unwrap_or_default();
        if row.failed && row.state == Some(WorkState::Idle) {
            message = format!("failed: {message}");
        }
        if !narrow && !message.is_empty() {
            let room = columns.saturating_sub(width(&line) + 2);
            line.push_str(&format!("  {}", cut(&message, room)));
        }
        text.push_str(&format!("{}\n", line.trim_end()));
        if narrow && !message.is_empty() {
            text.push_str(&format!("  {}\n", cut(&message, columns.saturating_sub(2))));
        }
    }
    text
}

/// The host that has a session.
fn elsewhere(row: &SurveyRow) -> String {
    row.holder.as_deref().filter(|holder| *holder != HERE).map(plain).unwrap_or_default()
}

/// What each session is called, as short as can be: `#14` where that means it in this directory, and without the
/// instance where all are of one.
fn names(rows: &[SurveyRow], remote: Option<&Repository>) -> Vec<String> {
    let issues: Vec<Option<String>> = rows.iter().map(|row| row.issue.as_deref().map(plain)).collect();
    let mut instances = issues.iter().flatten().filter_map(|issue| Some(parts(issue)?.0));
    let first = instances.next();
    let several = instances.any(|instance| Some(instance) != first);
    let is_here = |instance: &str, path: &str| remote.is_some_and(|remote| remote.is_at(instance, path));
    let shown_from = |issue: &str| match parts(issue) {
        Some((instance, path)) if is_here(instance, path) => instance.len() + 1 + path.len(),
        Some((instance, _)) if !several => instance.len() + 1,
        _ => 0,
    };
    let name = |issue: &Option<String>| match issue {
        Some(issue) => issue.get(shown_from(issue)..).unwrap_or(issue).to_owned(),
        None => "base".to_owned(),
    };
    issues.iter().map(name).collect()
}

/// Instance and path of an issue. Taken apart and not parsed: what stands in the index is an address, or nothing that
/// could be typed.
fn parts(issue: &str) -> Option<(&str, &str)> {
    let (instance, rest) = issue.split_once('/')?;
    Some((instance, rest.rsplit_once('#')?.0))
}

/// Columns of a text that holds nothing for a terminal to act upon. That of ASCII is its length, which is quickly known.
fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { measure_text_width(text) }
}

/// `text`, and spaces up to so many columns.
fn padded(text: &str, columns: usize) -> String {
    format!("{text}{:1$}", "", columns.saturating_sub(width(text)))
}

/// The beginning of `text` in so many columns.
fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns { Cow::Borrowed(text) } else { truncate_str(text, columns, "…") }
}

/// The end of `text`, where the issue's number is, in so many columns.
fn ending(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut starts = text.char_indices().filter_map(|(at, _)| text.get(at..));
    let fitting = starts.find(|rest| width(rest) < columns).unwrap_or_default();
    Cow::Owned(format!("…{fitting}"))
}

/// How long ago something was, in one unit.
fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match (seconds / 60, seconds / 3600, seconds / 86_400) {
        (0, ..) => format!("{seconds} s"),
        (minutes, 0, _) => format!("{minutes} m"),
        (_, hours, 0) => format!("{hours} h"),
        (.., days) => format!("{days} d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::By;
    use proptest::prelude::*;

    const NOW: i64 = 1_795_170_275_999;

    fn row(issue: &str, state: WorkState, holder: &str, minutes: i64, message: &str) -> SurveyRow {
        SurveyRow {
            issue: Some(issue.to_owned()).filter(|issue| !issue.is_empty()),
            session: Some("ses_1".to_owned()),
            state: Some(state),
            holder: Some(holder.to_owned()),
            last_activity_ms: Some(NOW - minutes * 60_000),
            message: Some(message.to_owned()).filter(|message| !message.is_empty()),
            failed: issue.ends_with("#7"),
            ..SurveyRow::default()
        }
    }

    fn rows() -> [SurveyRow; 4] {
        [
            row(
                "github.com/shoko/kugetsu#14",
                WorkState::Used,
                HERE,
                0,
                "ログインを直して、それからテストを全部走らせてください",
            ),
            row(
                "github.com/shoko/kugetsu#7",
                WorkState::Idle,
                "beefy",
                125,
                "and now\nthe docs \u{1b}[31mplease",
            ),
            row("github.com/group/sub/a-tool-of-ours#3", WorkState::Left, HERE, 3, "Benchmark it"),
            row("", WorkState::Idle, HERE, 60 * 24 * 40, ""),
        ]
    }

    fn remote() -> Repository {
        Repository { host: "github.com".into(), port: None, path: "Shoko/kugetsu".into(), by: By::Ssh }
    }

    #[test]
    fn forty_columns_hold_it_on_two_lines() {
        let text = table(&rows(), Some(&remote()), 40, NOW);
        let expected = "\
#14                 used             0 s
  ログインを直して、それからテストを全…
#7                  idle     beefy   2 h
  failed: and now the docs please
…/a-tool-of-ours#3  left             3 m
  Benchmark it
base                idle            40 d
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_wider_terminal_holds_it_on_one() {
        let text = table(&rows(), None, 80, NOW);
        let expected = "\
shoko/kugetsu#14            used             0 s  ログインを直して、それからテ…
shoko/kugetsu#7             idle     beefy   2 h  failed: and now the docs plea…
group/sub/a-tool-of-ours#3  left             3 m  Benchmark it
base                        idle            40 d
";
        assert_eq!(text, expected);
    }

    #[test]
    fn issues_of_several_instances_are_told_apart() {
        let mut rows = Vec::from(rows());
        rows.push(row("git.example.org/shoko/kugetsu#14", WorkState::Idle, HERE, 1, ""));
        let names = names(&rows, Some(&remote()));
        assert_eq!(
            names,
            [
                "#14",
                "#7",
                "github.com/group/sub/a-tool-of-ours#3",
                "base",
                "git.example.org/shoko/kugetsu#14"
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_the_terminal(
            rows in prop::collection::vec(("\\PC{0,40}", "\\PC{0,20}", any::<String>(), 0_i64..99_999_999), 0..6), columns in 40_usize..200,
        ) {
            let rows: Vec<SurveyRow> = rows
                .iter()
                .map(|(issue, holder, message, minutes)| row(issue, WorkState::Invalid, holder, *minutes % 1_000_000, message))
                .collect();
            let text = table(&rows, None, columns, NOW);
            for line in text.lines() {
                prop_assert!(measure_text_width(line) <= columns, "{columns}: {line:?}");
            }
        }
    }
}
