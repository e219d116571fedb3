//! `kugetsu list`

use super::context::Context;
use super::error::{CliError, Exit};
use crate::clock;
use crate::index::{Kind, timestamp};
use crate::issue::Repository;
use crate::process::{RUN_MARK, marked};
use crate::text::{as_plain, plain, quoted};
use crate::work::{self, HERE, Row, State, Survey};
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
/// Sessions from which on two threads write their lines.
const MANY: usize = 1000;

#[derive(Serialize)]
struct Document<'a> {
    issue: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Kind,
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
    let (surveyed, remote) = std::thread::scope(|scope| {
        // git takes its milliseconds meanwhile.
        let remote = (!ui.json).then(|| scope.spawn(|| context.remote().ok()));
        let surveyed = work::survey(context.kugetsu_home(), database.as_deref().ok());
        (surveyed, remote.and_then(|thread| thread.join().ok()).flatten())
    });
    let Survey { mut rows, troubles } = surveyed?;
    if let Some(error) = database.err().filter(|_| !rows.is_empty()) {
        ui.wrapped("  ", &format!("what opencode has is not known: {}", error.message));
    }
    for trouble in &troubles {
        ui.wrapped("  ", &trouble.to_string());
    }
    let empty = rows.is_empty();
    if arguments.left {
        rows.retain(|row| row.state == Some(State::Left) && row.holder.as_deref() == Some(HERE));
    }
    let left: Vec<&Row> =
        rows.iter().map(AsRef::as_ref).filter(|row| row.state == Some(State::Left)).collect();
    // All processes are looked at once, and only where there is something to find.
    let running = if left.is_empty() { Vec::new() } else { marked(RUN_MARK) };
    for line in left.iter().filter_map(|row| remains(row, &running)) {
        ui.wrapped("  ", &line);
    }
    if ui.json {
        ui.document(&rows.iter().map(|row| document(row)).collect::<Vec<_>>());
    } else if empty {
        ui.note("No session is kept here yet. Make the base: kugetsu init");
    } else if rows.is_empty() {
        ui.note("No session was left in the middle of its work.");
    } else {
        ui.answer(&table(&rows, remote.as_ref(), ui.answer_columns(), clock::now_ms()));
    }
    // kugetsu is at its end. Giving back the memory of ten thousand rows piece by piece would take milliseconds.
    std::mem::forget(rows);
    Ok(Exit::Done)
}

/// What is said of a run that was cut short and is not quite over: opencode lives on where its guard was killed, too.
fn remains(row: &Row, running: &[(String, u32)]) -> Option<String> {
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

fn document(row: &Row) -> Document<'_> {
    Document {
        issue: row.issue.as_deref(),
        kind: row.kind,
        session: row.session.as_deref(),
        state: row.state.map(State::name),
        holder: row.holder.as_deref(),
        directory: row.directory.as_deref(),
        created: row.created_ms.map(timestamp).or_else(|| row.created_at.clone()),
        last_activity: row.last_activity_ms.map(timestamp),
        message: row.message.as_deref(),
    }
}

/// The sessions, one or two lines each, none wider than `columns`.
fn table(rows: &[Box<Row>], remote: Option<&Repository>, columns: usize, now_ms: i64) -> String {
    let names = names(rows, remote);
    let layout = Layout::of(rows, &names, columns, now_ms);
    if rows.len() < MANY {
        return layout.lines(rows, &names);
    }
    let half = rows.len() / 2;
    let ((first, last), (first_names, last_names)) = (rows.split_at(half), names.split_at(half));
    std::thread::scope(|scope| {
        let last = || layout.lines(last, last_names);
        let other = std::thread::Builder::new().spawn_scoped(scope, last);
        let mut text = layout.lines(first, first_names);
        // Where no thread could be had, it is done here.
        text += &other.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(last);
        text
    })
}

/// Where things stand in the lines of the list.
struct Layout {
    columns: usize,
    /// Columns of the names.
    names: usize,
    /// Columns of the holders; none where all sessions are here.
    holders: usize,
    now_ms: i64,
}

impl Layout {
    fn of(rows: &[Box<Row>], names: &[Cow<'_, str>], columns: usize, now_ms: i64) -> Self {
        let holders = rows.iter().map(|row| width(&elsewhere(row))).max().unwrap_or(0).min(HOLDER);
        let rest = 2 + STATE + AGE + if holders > 0 { holders + 2 } else { 0 };
        let room = if columns < NARROW { columns.saturating_sub(rest) } else { columns / 3 };
        let names = names.iter().map(|name| width(name)).max().unwrap_or(0).min(room);
        Self { columns, names, holders, now_ms }
    }

    fn lines(&self, rows: &[Box<Row>], names: &[Cow<'_, str>]) -> String {
        let narrow = self.columns < NARROW;
        let mut text = String::with_capacity(rows.len() * self.columns);
        let mut line = String::new();
        for (row, name) in rows.iter().zip(names) {
            let state = row.state.map_or("?", State::name);
            let age = row.last_activity_ms.map(|ms| age(self.now_ms - ms)).unwrap_or_default();
            line.clear();
            pad(&mut line, &ending(name, self.names), self.names);
            line.push_str("  ");
            pad(&mut line, state, STATE);
            if self.holders > 0 {
                line.push_str("  ");
                pad(&mut line, &cut(&elsewhere(row), self.holders), self.holders);
            }
            spaces(&mut line, AGE.saturating_sub(width(&age)));
            line.push_str(&age);
            let mut message = row.message.as_deref().map(as_plain).unwrap_or_default();
            if row.failed && row.state == Some(State::Idle) {
                message = Cow::Owned(format!("failed: {message}"));
            }
            if !narrow && !message.is_empty() {
                let room = self.columns.saturating_sub(width(&line) + 2);
                line.push_str("  ");
                line.push_str(&cut(&message, room));
            }
            text.push_str(line.trim_end());
            text.push('\n');
            if narrow && !message.is_empty() {
                text.push_str("  ");
                text.push_str(&cut(&message, self.columns.saturating_sub(2)));
                text.push('\n');
            }
        }
        text
    }
}

/// The host that has a session.
fn elsewhere(row: &Row) -> Cow<'_, str> {
    row.holder.as_deref().filter(|holder| *holder != HERE).map(as_plain).unwrap_or_default()
}

/// What each session is called, as short as can be: `#14` where that means it in this directory, and without the
/// instance where all are of one.
fn names<'r>(rows: &'r [Box<Row>], remote: Option<&Repository>) -> Vec<Cow<'r, str>> {
    let issues: Vec<Option<Cow<'r, str>>> =
        rows.iter().map(|row| row.issue.as_deref().map(as_plain)).collect();
    let mut instances = issues.iter().flatten().filter_map(|issue| Some(parts(issue)?.0));
    let first = instances.next();
    let several = instances.any(|instance| Some(instance) != first);
    let is_here = |instance: &str, path: &str| remote.is_some_and(|remote| remote.is_at(instance, path));
    let shown_from = |issue: &str| match parts(issue) {
        Some((instance, path)) if is_here(instance, path) => instance.len() + 1 + path.len(),
        Some((instance, _)) if !several => instance.len() + 1,
        _ => 0,
    };
    let name = |issue: Option<Cow<'r, str>>| match issue {
        Some(Cow::Borrowed(issue)) => Cow::Borrowed(issue.get(shown_from(issue)..).unwrap_or(issue)),
        Some(Cow::Owned(issue)) => Cow::Owned(issue.get(shown_from(&issue)..).unwrap_or(&issue).to_owned()),
        None => Cow::Borrowed("base"),
    };
    let names = issues.iter().cloned().map(name);
    names.collect()
}

/// Instance and path of an issue. Taken apart and not parsed: what stands in the index is an address, or nothing that
/// could be typed.
fn parts(issue: &str) -> Option<(&str, &str)> {
    let (instance, rest) = issue.split_once('/')?;
    Some((instance, rest.rsplit_once('#')?.0))
}

/// Columns of a text. Where it is ASCII, which is quickly seen, that is its length.
fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { measure_text_width(text) }
}

/// Adds `text`, and spaces up to so many columns.
fn pad(line: &mut String, text: &str, columns: usize) {
    line.push_str(text);
    spaces(line, columns.saturating_sub(width(text)));
}

fn spaces(line: &mut String, count: usize) {
    line.extend(std::iter::repeat_n(' ', count));
}

/// The beginning of `text` in so many columns.
fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    match text.get(..columns.saturating_sub(1)) {
        Some(beginning) if text.is_ascii() => Cow::Owned(format!("{beginning}…")),
        _ => truncate_str(text, columns, "…"),
    }
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

    fn row(issue: &str, state: State, holder: &str, minutes: i64, message: &str) -> Box<Row> {
        Box::new(Row {
            kind: Kind::Forked,
            issue: Some(issue.to_owned()).filter(|issue| !issue.is_empty()),
            session: Some("ses_1".to_owned()),
            state: Some(state),
            holder: Some(holder.to_owned().into()),
            directory: None,
            created_ms: None,
            created_at: None,
            last_activity_ms: Some(NOW - minutes * 60_000),
            message: Some(message.to_owned()).filter(|message| !message.is_empty()),
            failed: issue.ends_with("#7"),
        })
    }

    fn rows() -> [Box<Row>; 4] {
        [
            row(
                "github.com/shoko/kugetsu#14",
                State::Used,
                HERE,
                0,
                "ログインを直して、それからテストを全部走らせてください",
            ),
            row(
                "github.com/shoko/kugetsu#7",
                State::Idle,
                "beefy",
                125,
                "and now\nthe docs \u{1b}[31mplease",
            ),
            row("github.com/group/sub/a-tool-of-ours#3", State::Left, HERE, 3, "Benchmark it"),
            row("", State::Idle, HERE, 60 * 24 * 40, ""),
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
    fn many_are_listed_in_the_same_order() {
        let of = |n: usize| row(&format!("a/b/c#{n}"), State::Idle, HERE, 1, "");
        let rows: Vec<Box<Row>> = (0..MANY + 1).map(of).collect();
        let text = table(&rows, None, 80, NOW);
        let numbers =
            text.lines().map(|line| line.split(['#', ' ']).nth(1).unwrap().parse::<usize>().unwrap());
        assert_eq!(numbers.collect::<Vec<_>>(), (0..MANY + 1).collect::<Vec<_>>());
    }

    #[test]
    fn issues_of_several_instances_are_told_apart() {
        let mut rows = Vec::from(rows());
        rows.push(row("git.example.org/shoko/kugetsu#14", State::Idle, HERE, 1, ""));
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
            let rows: Vec<Box<Row>> = rows
                .iter()
                .map(|(issue, holder, message, minutes)| row(issue, State::Invalid, holder, *minutes % 1_000_000, message))
                .collect();
            let text = table(&rows, None, columns, NOW);
            for line in text.lines() {
                prop_assert!(measure_text_width(line) <= columns, "{columns}: {line:?}");
            }
        }
    }
}
