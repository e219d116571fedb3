//! What a session costs that has been on the host before, and what it takes to bring a large one home.

use crate::support::copies;
use crate::support::home::Home;
use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::process::{Running, until};
use crate::support::proxy::Stats;
use crate::world::World;
use kugetsu::opencode::apply::{ApplyInput, apply};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

const MESSAGES: usize = 9_000;
const BYTES: usize = 60_000_000;
const PATIENCE: Duration = Duration::from_secs(900);

/// Measures it and prints the figures as Markdown.
pub(crate) fn measure(kugetsu: &str) {
    let world = World::build(kugetsu);
    let session = world.home.machine.insert_big_session(&world.project, MESSAGES, BYTES);
    let line = &world.lines[0];
    let trip = || {
        let before = line.proxy.stats();
        let trip = world.home.spawn(&["remote", line.host, &session, "[[say ok]]", "--round-trip"]);
        let took = trip.wait(PATIENCE).expect_success().elapsed;
        world.rest(line);
        (took, since(before, line.proxy.stats()))
    };
    let (first_time, first) = trip();
    world.home.machine.continue_session(&world.project, &session, "[[say one]]", &[]).expect_success();
    let (second_time, second) = trip();
    println!("{MESSAGES} messages, 60 MB; round trips without delay\n");
    println!("| trip | seconds | bytes there | bytes back |");
    println!("|---|--:|--:|--:|");
    for (name, time, bytes) in
        [("the first", first_time, first), ("the second, one turn later", second_time, second)]
    {
        println!(
            "| {name} | {:.2} | {} kB | {} kB |",
            time.as_secs_f64(),
            bytes.up / 1000,
            bytes.down / 1000
        );
    }
    let part = |bytes: Stats| bytes.up + bytes.down;
    println!(
        "| **ratio** | **{:.2}** | **{:.4}** of all bytes | |",
        second_time.as_secs_f64() / first_time.as_secs_f64(),
        ratio(part(second), part(first))
    );
    come_home(&world, &session);
}

/// The command that brings it home, and the step alone with every message new, beside `opencode import`.
fn come_home(world: &World, session: &str) {
    let line = &world.lines[0];
    world.home.spawn(&["remote", line.host, session, "[[say ok]]"]).wait(PATIENCE).expect_success();
    until(PATIENCE, || match world.host.machine.processes().as_slice() {
        [] => Ok(()),
        busy => Err(format!("{busy:?} still run on the host")),
    });
    let wait = world.home.spawn(&["wait", session]).wait(PATIENCE).expect_success().elapsed;
    let export = world.home.machine.outside().join("session.json");
    let mut command = world.home.machine.command("sh", &world.project);
    command.args(["-c", "exec opencode export \"$1\" >\"$2\"", "sh", session]).arg(&export);
    Running::start(command, None).wait(PATIENCE).expect_success();

    let model = Model::start();
    let mut machine = Machine::start("elsewhere", Release::New, &model);
    machine.take_time();
    let directory = machine.project("app");
    let anchor = machine.new_session(&directory, "[[say ok]]");
    let step = step(&machine, &export, &anchor);
    let arrived = copies::messages(&machine, session);
    let mut other = Home::start(env!("CARGO_BIN_EXE_kugetsu"), Release::New, &model);
    other.machine.take_time();
    let import = other.machine.start_opencode(
        &other.machine.project("app"),
        &["import", export.to_str().unwrap()],
        None,
    );
    let import = import.wait(PATIENCE).expect_success().elapsed;
    assert_eq!(copies::messages(&other.machine, session), arrived);
    println!("\nThe same session comes home, seconds:\n");
    println!("| | kugetsu | `opencode import` of the whole file | ratio |");
    println!("|---|--:|--:|--:|");
    for (name, took) in
        [("`kugetsu wait`, the run being over", wait), ("its home step alone, all messages being new", step)]
    {
        let (took, import) = (took.as_secs_f64(), import.as_secs_f64());
        println!("| {name} | {took:.2} | {import:.2} | **{:.2}** |", took / import);
    }
}

/// The home step, with a whole session to bring.
fn step(machine: &Machine, export: &Path, anchor: &str) -> Duration {
    let session: Value = serde_json::from_slice(&fs::read(export).unwrap()).unwrap();
    let file = machine.outside().join("arrival");
    let mut output = BufWriter::new(File::create(&file).unwrap());
    let mut write = |change: Value| writeln!(output, "{change}").unwrap();
    let info = &session["info"];
    write(json!({ "session": { "id": info["id"], "parent": null, "info": info } }));
    for message in session["messages"].as_array().unwrap() {
        write(json!({ "message": { "info": message["info"] } }));
        for part in message["parts"].as_array().unwrap() {
            write(json!({ "part": part }));
        }
    }
    output.flush().unwrap();
    let before = machine.outside().join("before");
    let arrival = ApplyInput {
        file: &file,
        session: anchor,
        sent: None,
        undo_log: &before,
        now_ms: kugetsu::clock::now_ms(),
    };
    let began = Instant::now();
    apply(&machine.database_path(), &arrival).unwrap();
    began.elapsed()
}

fn since(before: Stats, after: Stats) -> Stats {
    Stats {
        connections: after.connections - before.connections,
        up: after.up - before.up,
        down: after.down - before.down,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no trip sends 2^53 bytes")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}
