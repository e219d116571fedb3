//! The manual in Markdown, for docs/.

use super::sections::SECTIONS;
use super::verbs;
use clap::{Arg, Command};

const HEAD: &str = "\
# The command line

<!-- Written by kugetsu itself: KUGETSU_UPDATE_DOCS=1 cargo test --test e2e reference -->

Statuses, flags and `--json` may be relied upon; what is printed for people may change.
";

/// All verbs with their words and flags, and what holds for all of them.
pub(super) fn markdown(command: &mut Command) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&format!("\n    {}\n\n", usage(command)));
    for flag in command.get_arguments().filter(|flag| shown(flag)) {
        text.push_str(&item(flag));
    }
    let names: Vec<String> = verbs(command).map(|verb| verb.get_name().to_owned()).collect();
    for name in &names {
        let Some(verb) = command.find_subcommand_mut(name) else { continue };
        text.push_str(&format!("\n## kugetsu {name}\n\n"));
        text.push_str(&about(verb));
        text.push_str(&format!("    {}\n", usage(verb)));
        text.push_str(&words(verb));
        for inner in verb.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
            text.push_str(&format!("\n### kugetsu {name} {}\n\n", inner.get_name()));
            text.push_str(&about(inner));
            text.push_str(&format!("    {}\n", usage(inner)));
            text.push_str(&words(inner));
        }
    }
    for (title, items) in SECTIONS {
        text.push_str(&format!("\n## {title}\n\n"));
        for (term, what) in items {
            text.push_str(&format!("- `{term}`: {}\n", escaped(what)));
        }
    }
    text
}

/// What it is for, in paragraphs.
fn about(command: &Command) -> String {
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string);
    about.unwrap_or_default().split("\n\n").map(|paragraph| format!("{}\n\n", sentence(paragraph))).collect()
}

/// Its own words and flags, as a list.
fn words(command: &Command) -> String {
    let own = command.get_arguments().filter(|word| shown(word) && !word.is_global_set());
    let own: String = own.map(item).collect();
    if own.is_empty() { own } else { format!("\n{own}") }
}

fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let words = usage.trim_start_matches("Usage:").split_whitespace().collect::<Vec<_>>().join(" ");
    // Each way to write it on a line of its own.
    words.replace(" kugetsu ", "\n    kugetsu ")
}

fn shown(word: &Arg) -> bool {
    !word.is_hide_set() && !matches!(word.get_id().as_str(), "help" | "version")
}

fn item(word: &Arg) -> String {
    let value = word.get_action().takes_values().then(|| {
        let names = word.get_value_names().unwrap_or_default();
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        names.join(" ")
    });
    let long = word.get_long().map(|long| format!("--{long}"));
    let short = word.get_short().map(|short| format!("-{short}"));
    let flags: Vec<String> = [short, long].into_iter().flatten().collect();
    let names = [flags.join(", "), value.unwrap_or_default()];
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let help = word.get_long_help().or_else(|| word.get_help()).map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let values = word.get_possible_values();
    let values: Vec<&str> =
        values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name()).collect();
    let values = match (word.get_action().takes_values(), values.as_slice()) {
        (true, [_, ..]) => format!(" One of {}.", values.join(", ")),
        _ => String::new(),
    };
    let default: Vec<_> = word.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default = match (word.get_action().takes_values(), default.is_empty()) {
        (true, false) => format!(" Default: {}.", default.join(" ")),
        _ => String::new(),
    };
    format!("- `{}`: {}{values}{default}\n", names.join(" "), sentence(&help))
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    let end = if text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{}{end}", escaped(text))
}

/// Markdown would take these for its own, but not between backticks.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(n, part)| match n % 2 {
        0 => part.replace('*', "\\*").replace('<', "\\<"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_as_it_is_typed() {
        assert_eq!(escaped("a <b> and `source <(x *)`, *not* c"), "a \\<b> and `source <(x *)`, \\*not\\* c");
    }
}
