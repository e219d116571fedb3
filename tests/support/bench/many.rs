//! What verbs on one session take where there are many others: 10,000 trips, 10,000 issues, and a run that said much.

use crate::figures::{median, spread};
use crate::list;
use crate::support::home::Home;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{PATIENCE, Running};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};

const TRIPS: u32 = 10_000;
/// Bytes that the run of the last trip said.
const EVENTS: usize = 250_000_000;
const RUNS: usize = 9;
const RECORD: &str = include_str!("../../fixtures/dispatch-2.json");

/// Measures it and prints the figures as Markdown.
pub(crate) fn measure(kugetsu: &str) {
    let model = Model::start();
    let home = Home::start(kugetsu, Release::New, &model);
    home.machine.stand_in();
    list::fill(&home);
    let (session, trip) = fill(&home);
    println!("{TRIPS} trips, as many issues, 250 MB of events: milliseconds of CPU, median (least–most)\n");
    println!("| command | the first time | from then on |");
    println!("|---|--:|--:|");
    let verbs: [(&str, &[&str]); 5] = [
        ("`status ses_…`", &["status", &session]),
        ("`status` of an issue", &["status", "github.com/user99/repo9#9999"]),
        ("`verify ses_…`", &["verify", &session]),
        ("`status` of a dispatch", &["status", &trip]),
        ("`logs ses_…`", &["logs", &session, "-n", "5"]),
    ];
    for (name, arguments) in verbs {
        let first = milliseconds(&home, arguments);
        let mut later: Vec<f64> = (0..RUNS).map(|_| milliseconds(&home, arguments)).collect();
        median(&mut later);
        println!("| {name} | {first:.0} | {} |", spread(&later));
    }
    println!("| `prune --force` | {:.0} | |", milliseconds(&home, &["prune", "--force"]));
}

/// Trips that are home, one for each issue's session. The session of the last one, and its id.
fn fill(home: &Home) -> (String, String) {
    let mut record: Value = serde_json::from_str(RECORD).unwrap();
    record["state"] = json!({"name": "home", "new_messages": 1});
    record["doing"] = json!([]);
    record["there"] = json!(false);
    let mut last = (String::new(), String::new());
    for n in 1..=TRIPS {
        last = (format!("ses_{n:012x}ffeAAAAAAAAAAA"), format!("20261120-103015-{n:08}"));
        record["session"] = last.0.as_str().into();
        record["id"] = last.1.as_str().into();
        let sent = &mut record["sent"];
        sent["run"]["id"] = last.1.as_str().into();
        for part in ["run", "launch", "undo"] {
            sent[part]["session"] = last.0.as_str().into();
        }
        let directory = home.state().join("dispatches").join(&last.1);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("dispatch.json"), serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    }
    let path = home.state().join("dispatches").join(&last.1).join("events");
    let mut events = BufWriter::new(File::create(path).unwrap());
    let output = "x".repeat(2000);
    let call = json!({"type": "tool_use", "part": {"tool": "bash", "state": {"status": "completed", "output": output}}});
    let call = format!("{call}\n");
    for _ in 0..EVENTS / call.len() {
        events.write_all(call.as_bytes()).unwrap();
    }
    let said = json!({"type": "text", "part": {"text": "done"}});
    writeln!(events, "{}\n{said}", json!({"type": "step_start"})).unwrap();
    events.flush().unwrap();
    last
}

/// Of CPU, as the shell tells it of its children: the last line that `times` prints.
fn milliseconds(home: &Home, arguments: &[&str]) -> f64 {
    let mut command = home.machine.command("sh", &home.state());
    let kugetsu = env!("CARGO_BIN_EXE_kugetsu");
    command.args(["-c", "\"$@\" >/dev/null || exit; times", "sh", kugetsu]).args(arguments);
    let told = Running::start(command, None).wait(PATIENCE).expect_success().stdout;
    let seconds = |time: &str| -> f64 {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    told.lines().last().unwrap().split_whitespace().map(seconds).sum::<f64>() * 1000.0
}
