//! The figures, as Markdown.

use crate::trip::{Cost, Mode};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// What was measured of one kind of trip: pairs of costs, kugetsu's and the baseline's.
#[derive(Debug)]
pub(crate) struct Series {
    /// What the session is like.
    pub(crate) session: &'static str,
    /// How far the trips went.
    pub(crate) mode: Mode,
    /// The number of the line.
    pub(crate) line: usize,
    /// Its round-trip time.
    pub(crate) round_trip: Duration,
    /// kugetsu's first trip over this line, where it was the first.
    pub(crate) first: Option<Cost>,
    /// One pair per run.
    pub(crate) pairs: Vec<(Cost, Cost)>,
}

impl Series {
    fn kugetsu(&self, of: impl Fn(&Cost) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(|(kugetsu, _)| of(kugetsu)))
    }

    fn baseline(&self, of: impl Fn(&Cost) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(|(_, baseline)| of(baseline)))
    }

    /// The ratio of the medians, and the least and the greatest of the pairs' ratios.
    fn ratio(&self, of: impl Fn(&Cost) -> f64) -> Spread {
        let pairs = Spread::of(self.pairs.iter().map(|(kugetsu, baseline)| of(kugetsu) / of(baseline)));
        Spread { median: self.kugetsu(&of).median / self.baseline(&of).median, ..pairs }
    }
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Self { least: values[0], median, most: values[values.len() - 1] }
    }

    fn text(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}

fn seconds(cost: &Cost) -> f64 {
    cost.time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "no trip sends 2^53 bytes")]
fn kilobytes(cost: &Cost) -> f64 {
    cost.bytes as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 KiB")]
fn megabytes(cost: &Cost) -> f64 {
    cost.peak_kib as f64 * 1024.0 / 1e6
}

/// Prints everything.
pub(crate) fn print(all: &[Series]) {
    println!("{}\n", machine());
    println!("Seconds from the start of the command to its end; median (least–most).\n");
    println!("| session | trip | round-trip time | runs | kugetsu | baseline | ratio |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    for series in all {
        println!(
            "| {} | {} | {} ms | {} | {} | {} | **{}** |",
            series.session,
            series.mode.name(),
            series.round_trip.as_millis(),
            series.pairs.len(),
            series.kugetsu(seconds).text(),
            series.baseline(seconds).text(),
            series.ratio(seconds).text(),
        );
    }
    if all.iter().any(|series| series.first.is_some()) {
        print_first(all);
    }
    println!("\nMedians; bytes both ways; memory of kugetsu's own process, the most of all runs.\n");
    println!(
        "| session | trip | round-trip time | SSH connections | baseline's | bytes on the wire | baseline's | ratio | peak memory |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    for series in all {
        let connections = |cost: &Cost| f64::from(u32::try_from(cost.connections).unwrap());
        println!(
            "| {} | {} | {} ms | {} | {} | {:.0} kB | {:.0} kB | **{:.2}** | {:.0} MB |",
            series.session,
            series.mode.name(),
            series.round_trip.as_millis(),
            series.kugetsu(connections).most,
            series.baseline(connections).most,
            series.kugetsu(kilobytes).median,
            series.baseline(kilobytes).median,
            series.ratio(kilobytes).median,
            series.kugetsu(megabytes).most,
        );
    }
}

fn print_first(all: &[Series]) {
    println!("\nkugetsu's first trip to a host, on which it asks opencode there what it has:\n");
    println!("| session | trip | round-trip time | first trip | ratio to the baseline |");
    println!("|---|---|--:|--:|--:|");
    for series in all {
        let Some(first) = &series.first else { continue };
        println!(
            "| {} | {} | {} ms | {:.2} s | {:.2} |",
            series.session,
            series.mode.name(),
            series.round_trip.as_millis(),
            seconds(first),
            seconds(first) / series.baseline(seconds).median,
        );
    }
}

/// The machine, and how busy it is with something else.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let model = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let memory = memory.trim_end_matches(" kB").parse().unwrap_or(0.0) / 1024.0 / 1024.0;
    let ssh = Command::new("ssh").arg("-V").output();
    let ssh = ssh.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned()).unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    format!(
        "{cores} cores ({model}), {memory:.1} GiB; kugetsu {}, opencode {}, {ssh}; load average at the end {load}",
        env!("CARGO_PKG_VERSION"),
        crate::support::opencode::Release::New.version(),
    )
}
