//! `kugetsu man`: the manual, made of the command line's own definition.

mod reference;
mod sections;

use super::Cli;
use super::context::Context;
use super::error::{CliError, Exit};
use crate::text::plain;
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use sections::SECTIONS;
use std::io;

/// How an agent chooses what to work on. docs/task-discovery.md says the same for whoever reads it there.
const TASK_DISCOVERY: &str = include_str!("../../docs/task-discovery.7");

/// Prints the manual page, in roff
///
/// Read it: kugetsu man | man -l -. Keep it: kugetsu man > ~/.local/share/man/man1/kugetsu.1
#[derive(Args)]
pub(super) struct ManArgs {
    /// The page of one verb, or `task-discovery`: how an agent chooses what to work on
    verb: Option<String>,
    /// The whole manual in Markdown, as docs/cli.md has it
    #[arg(long, hide = true, conflicts_with = "verb")]
    markdown: bool,
}

pub(super) fn run(arguments: ManArgs, context: &Context) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    // Fills in what verbs have in common.
    command.build();
    let text = if arguments.markdown {
        reference::markdown(&mut command)
    } else {
        let page = match arguments.verb.as_deref() {
            None => page(&command),
            Some("task-discovery") => Ok(TASK_DISCOVERY.as_bytes().to_owned()),
            Some(verb) => verb_page(&command, verb)?,
        };
        let page = page.map_err(|error| CliError::failed("start", error.to_string()))?;
        String::from_utf8_lossy(&page).into_owned()
    };
    if context.ui.json {
        context.ui.document(&text);
    } else {
        context.ui.answer(&text);
    }
    Ok(Exit::Done)
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let (mut page, mut rest) = (Vec::new(), Roff::new());
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    rest.control("SH", ["VERBS"]);
    for verb in verbs(command) {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        item(&mut rest, verb.get_name(), &format!("{about} (kugetsu man {})", verb.get_name()));
    }
    item(&mut rest, "task-discovery", "How an agent chooses what to work on (kugetsu man task-discovery)");
    for (title, items) in SECTIONS {
        rest.control("SH", [title.to_uppercase().as_str()]);
        for (term, text) in items {
            item(&mut rest, term, text);
        }
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}

fn verb_page(command: &Command, verb: &str) -> Result<io::Result<Vec<u8>>, CliError> {
    let find = |name: &str| verbs(command).find(|known| known.get_name() == name);
    // What a verb has below it is written as its page is called: hosts-trust.
    let below = || verb.split_once('-').and_then(|(outer, inner)| find(outer)?.find_subcommand(inner));
    let found = find(verb).or_else(below).ok_or_else(|| {
        let names: Vec<&str> = verbs(command).map(Command::get_name).collect();
        CliError::usage(
            format!("there is no verb {:?}", plain(verb)),
            format!("verbs: {}; and task-discovery", names.join(", ")),
        )
    })?;
    let source = format!("kugetsu {}", command.get_version().unwrap_or_default());
    let man = Man::new(found.clone()).title(format!("kugetsu-{verb}")).source(source);
    let mut page = Vec::new();
    Ok(man.render(&mut page).map(|()| page))
}

fn item(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

/// The verbs that users know of, in the order of `--help`.
fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_says_the_same_in_docs_and_in_the_manual() {
        let words = |text: &str| -> Vec<String> {
            let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect()
        };
        let roff: String = TASK_DISCOVERY.lines().filter(|line| !line.starts_with(".TH")).fold(
            String::new(),
            |text, line| {
                let line = line.strip_prefix(".SH NAME").unwrap_or(line);
                let line = line.strip_prefix(".IP ").and_then(|rest| rest.strip_suffix(" 4")).unwrap_or(line);
                let line = line.strip_prefix(".IP - 2").unwrap_or(line);
                let lead = [".SH ", ".PP", ".TP"].iter().find_map(|lead| line.strip_prefix(lead));
                text + lead.unwrap_or(line) + "\n"
            },
        );
        let roff = ["\\fB", "\\fI", "\\fR", "\\"].iter().fold(roff, |text, mark| text.replace(mark, ""));
        let markdown = include_str!("../../docs/task-discovery.md");
        let differs = words(&roff).into_iter().zip(words(markdown)).find(|(roff, markdown)| roff != markdown);
        assert_eq!((differs, words(&roff).len()), (None, words(markdown).len()));
    }
}
