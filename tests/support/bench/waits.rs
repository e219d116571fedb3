//! The moments in which somebody waits for kugetsu and not for the agent, beside OpenSSH doing the least that would do.

use crate::figures::{median, spread};
use crate::support::process::Running;
use crate::world::World;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const RUNS: usize = 9;
const PATIENCE: Duration = Duration::from_secs(120);
const HOST: &str = "near";

/// Of one moment, in milliseconds: what kugetsu takes, and what the baseline takes.
#[derive(Default)]
struct Moment {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// Measures them and prints the figures as Markdown.
pub(crate) fn measure(kugetsu: &str) {
    let mut world = World::build(kugetsu);
    let session = world.home.machine.insert_big_session(&world.project, 20, 60_000);
    let mut copies: Vec<String> = (0..3 * (RUNS + 1)).map(|_| world.copy(&session)).collect();
    let mut copy = || copies.pop().unwrap();
    let master = Master::connect(&world);
    let [mut lost, mut launched, mut back] = [(); 3].map(|()| Moment::default());
    for run in 0..=RUNS {
        let (ours, theirs) = visible_again(&world, &copy(), &format!("lost {run}"));
        lost.add(run, ours, theirs);
        launched.add(run, returned(&world, &copy()), master.starts());
        let (ours, bytes) = downloaded(&world, &copy(), &format!("back {run}"));
        back.add(run, ours, master.notices_and_copies(bytes));
    }
    println!("Milliseconds without delay, {RUNS} pairs; median (least–most)\n");
    println!("| from | to | kugetsu | baseline | ratio |");
    println!("|---|---|--:|--:|--:|");
    lost.print("the connection is lost", "what was done meanwhile is shown");
    launched.print("the run is launched", "`--round-trip --detach` returns");
    back.print("the back-file is there", "it is here");
}

impl Moment {
    /// The first pair warms up.
    fn add(&mut self, run: usize, ours: Duration, theirs: Duration) {
        if run > 0 {
            self.ours.push(ours.as_secs_f64() * 1000.0);
            self.theirs.push(theirs.as_secs_f64() * 1000.0);
        }
    }

    fn print(mut self, from: &str, to: &str) {
        let ratio = median(&mut self.ours) / median(&mut self.theirs);
        println!("| {from} | {to} | {} | {} | **{ratio:.2}** |", spread(&self.ours), spread(&self.theirs));
    }
}

/// From the loss of the connection until a tool call is shown that was made after it. Baseline: a new connection, and a
/// byte of the run's events over it.
fn visible_again(world: &World, session: &str, hold: &str) -> (Duration, Duration) {
    let message = format!("[[hold {hold}]]\n[[bash echo after the loss]]\n[[say ok]]");
    let trip = world.home.spawn(&["remote", HOST, session, &message, "--round-trip"]);
    world.model.wait_for_hold(hold, PATIENCE);
    trip.wait_for_output(PATIENCE, |_, told| told.contains("on near in"));
    let events = format!("head -c 1 {}", dispatch(world).join("events").display());
    let theirs = ssh(world, &[], &events);
    let began = Instant::now();
    world.lines[0].proxy.cut();
    world.model.release(hold);
    trip.wait_for_output(PATIENCE, |_, told| told.contains("after the loss"));
    let ours = began.elapsed();
    trip.wait(PATIENCE).expect_success();
    world.rest(&world.lines[0]);
    (ours, theirs)
}

/// From the moment at which the runner says on the host who it is.
fn returned(world: &World, session: &str) -> Duration {
    let began = SystemTime::now();
    let trip = world.home.spawn(&["remote", HOST, session, "[[say ok]]", "--round-trip", "--detach"]);
    let ended = began + trip.wait(PATIENCE).expect_success().elapsed;
    let identity = fs::metadata(dispatch(world).join("run/identity")).unwrap();
    let took = ended.duration_since(identity.modified().unwrap()).unwrap();
    world.home.kugetsu(&["wait", session]).expect_success();
    world.rest(&world.lines[0]);
    took
}

/// And how many bytes it has.
fn downloaded(world: &World, session: &str, hold: &str) -> (Duration, u64) {
    let message = format!("[[hold {hold}]]\n[[say ok]]");
    let trip = world.home.spawn(&["remote", HOST, session, &message, "--round-trip"]);
    world.model.wait_for_hold(hold, PATIENCE);
    trip.wait_for_output(PATIENCE, |_, told| told.contains("on near in"));
    let there = dispatch(world);
    let here = world.home.state().join("dispatches").join(there.file_name().unwrap()).join("back");
    world.model.release(hold);
    appears(&there.join("result"));
    let began = Instant::now();
    appears(&here);
    let took = began.elapsed();
    let bytes = fs::metadata(&here).map_or(2000, |file| file.len());
    trip.wait(PATIENCE).expect_success();
    world.rest(&world.lines[0]);
    (took, bytes)
}

/// An OpenSSH connection that stands, as the baseline has one.
struct Master<'a> {
    world: &'a World,
    path: PathBuf,
}

impl<'a> Master<'a> {
    fn connect(world: &'a World) -> Self {
        let path = world.home.machine.outside().join("master");
        let master = Self { world, path };
        ssh(world, &["-M", "-f", "-N", "-o", &master.option()], "");
        master
    }

    fn option(&self) -> String {
        format!("ControlPath={}", self.path.display())
    }

    fn run(&self, script: &str) -> Duration {
        ssh(self.world, &["-o", &self.option()], script)
    }

    /// A program is started over it that goes on alone.
    fn starts(&self) -> Duration {
        self.run("nohup true </dev/null >/dev/null 2>&1 &")
    }

    /// A look each 0.2 s, and a copy of the file that is there then.
    fn notices_and_copies(&self, bytes: u64) -> Duration {
        let machine = &self.world.host.machine;
        let (looking, done) = (machine.home().join("looking"), machine.home().join("done"));
        fs::write(machine.home().join("file"), vec![b'x'; usize::try_from(bytes).unwrap()]).unwrap();
        let script = "touch looking; while [ ! -e done ]; do sleep 0.2; done";
        let command = ssh_command(self.world, &["-o", &self.option()], script);
        let look = Running::start(command, None);
        appears(&looking);
        let began = Instant::now();
        fs::write(&done, "").unwrap();
        look.wait(PATIENCE).expect_success();
        let mut copy = self.world.home.machine.command("scp", &self.world.project);
        copy.args(["-q", "-o", &self.option(), &format!("{HOST}:file"), "copy"]);
        Running::start(copy, None).wait(PATIENCE).expect_success();
        let took = began.elapsed();
        fs::remove_file(looking).unwrap();
        fs::remove_file(done).unwrap();
        took
    }
}

impl Drop for Master<'_> {
    fn drop(&mut self) {
        let command = ssh_command(self.world, &["-o", &self.option(), "-O", "exit"], "");
        Running::start(command, None).wait(PATIENCE);
    }
}

fn ssh(world: &World, options: &[&str], script: &str) -> Duration {
    Running::start(ssh_command(world, options, script), None).wait(PATIENCE).expect_success().elapsed
}

fn ssh_command(world: &World, options: &[&str], script: &str) -> std::process::Command {
    let mut command = world.home.machine.command("ssh", &world.project);
    command.args(options).arg(HOST);
    if !script.is_empty() {
        command.arg(script);
    }
    command
}

/// The only dispatch that the host has.
fn dispatch(world: &World) -> PathBuf {
    let all = fs::read_dir(world.host.machine.home().join(".kugetsu/dispatches")).unwrap();
    let all: Vec<_> = all.map(|entry| entry.unwrap().path()).collect();
    let [one] = all.as_slice() else { panic!("{all:?} are on the host") };
    one.clone()
}

/// Looks each millisecond.
fn appears(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < PATIENCE, "{} is not there", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}
