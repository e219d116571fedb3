//! The process table, as `ps -axo pid=,ppid=,command=` prints it everywhere.

use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessRow {
    pub(super) parent: u32,
    pub(super) command: String,
}

/// Reads the table; lines that are no row are passed over.
pub(super) fn parse(text: &str) -> BTreeMap<u32, ProcessRow> {
    let row = |line: &str| {
        let (pid, rest) = line.trim_start().split_once(' ')?;
        let (parent, command) = rest.trim_start().split_once(' ')?;
        Some((
            pid.parse().ok()?,
            ProcessRow { parent: parent.parse().ok()?, command: command.trim().to_owned() },
        ))
    };
    text.lines().filter_map(row).collect()
}

/// All that descend from `root`, but for those that are `apart` and what descends from them.
pub(super) fn descendants(
    table: &BTreeMap<u32, ProcessRow>,
    root: u32,
    apart: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = table.iter().filter(|(pid, row)| row.parent == parent && !found.contains(pid));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).filter(|pid| !apart(*pid)).collect();
        found.extend(children);
        next += 1;
    }
    found.remove(0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tree_is_read_and_walked() {
        let table = parse(
            "    1     0 init\n   20     1 kugetsu\n   21    20 opencode run\n   22    21 sh -c sleep\nrubbish\n",
        );
        assert_eq!(descendants(&table, 20, |_| false), [21, 22]);
        assert_eq!(descendants(&table, 1, |pid| pid == 21), [20]);
        assert_eq!(table[&21].command, "opencode run");
        assert_eq!(descendants(&table, 22, |_| false), Vec::<u32>::new());
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_walking_ends(text: String, rows: Vec<(u8, u8)>) {
            parse(&text);
            let table = parse(&rows.iter().map(|(a, b)| format!("{a} {b} x\n")).collect::<String>());
            let found = descendants(&table, 1, |_| false);
            prop_assert!(found.len() <= table.len());
        }
    }
}
