//! A page of docs/ as a manual page: one text for both.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// docs/task-discovery.md.
pub(super) const TASK_DISCOVERY: &str = include_str!("../../../docs/task-discovery.md");

/// Typesets headings, paragraphs, lists and tables of Markdown; `**`, `` ` `` within them. Enough for our own pages.
pub(super) fn page(name: &str, markdown: &str) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("TH", [format!("kugetsu-{name}").as_str(), "7"]);
    for block in markdown.split("\n\n") {
        let mut items: Vec<String> = Vec::new();
        for line in block.lines() {
            // What is not the beginning of an item goes on with the one before.
            match items.last_mut() {
                Some(item) if !begins(line) => *item = format!("{item} {}", line.trim()),
                _ => items.push(line.trim().to_owned()),
            }
        }
        items.iter().for_each(|item| typeset(&mut roff, item));
    }
    roff.to_roff().into_bytes()
}

fn begins(line: &str) -> bool {
    let number = line.split_once(". ").is_some_and(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
    number || ["- ", "|", "#"].iter().any(|lead| line.starts_with(lead))
}

fn typeset(roff: &mut Roff, item: &str) {
    if let Some(title) = item.strip_prefix("# ") {
        roff.control("SH", ["NAME"]).text([roman(title)]);
    } else if let Some(title) = item.strip_prefix("## ") {
        roff.control("SH", [title.to_uppercase().as_str()]);
    } else if let Some(row) = item.strip_prefix('|') {
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        let [term, rest @ ..] = cells.as_slice() else { return };
        if !term.starts_with("---") {
            roff.control("TP", []).text([bold(*term)]).text(inlines(&rest.join(", ")));
        }
    } else if let Some(point) = item.strip_prefix("- ") {
        roff.control("IP", ["-", "2"]).text(inlines(point));
    } else if let Some((number, point)) = item.split_once(". ").filter(|_| begins(item)) {
        roff.control("IP", [format!("{number}.").as_str(), "4"]).text(inlines(point));
    } else {
        roff.control("PP", []).text(inlines(item));
    }
}

fn inlines(text: &str) -> Vec<Inline> {
    let mut found = Vec::new();
    for (n, outer) in text.split("**").enumerate() {
        for (m, inner) in outer.split('`').enumerate().filter(|(_, inner)| !inner.is_empty()) {
            found.push(match (n % 2, m % 2) {
                (_, 1) => italic(inner),
                (1, _) => bold(inner),
                _ => roman(inner),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_page_is_kept() {
        let roff = String::from_utf8(page("task-discovery", TASK_DISCOVERY)).unwrap();
        let words = |text: &str| -> Vec<String> {
            let text: String = text
                .lines()
                .map(
                    |line| if line.starts_with('.') { line.replace('"', " ") } else { line.to_owned() } + " ",
                )
                .collect();
            let plain = text.replace("\\fB", "").replace("\\fI", "").replace("\\fR", "").replace('\\', "");
            let words = plain.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2);
            words.map(str::to_lowercase).collect()
        };
        let typeset = words(&roff);
        for word in words(TASK_DISCOVERY) {
            assert!(typeset.contains(&word), "{word}");
        }
    }
}
