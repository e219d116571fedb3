//! Disks of five megabytes, and disks that fill up on the way.

use super::{Errand, UNDER_WAY, World};
use crate::support::machine::which;
use crate::support::process::{Finished, PATIENCE, Running, until};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const MEGABYTE: u64 = 1 << 20;
const LONG: Duration = Duration::from_secs(600);
/// Where the disk is, in a test that was started once more.
const DISK: &str = "KUGETSU_TEST_DISK";

/// A file system of its own. How much of it is free can be chosen.
struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Has a directory on it, in the place of `from`, which need not be there; what was in that moves.
    fn take_over(&self, from: &Path) {
        let to = self.root.join(from.file_name().unwrap());
        fs::create_dir_all(from).unwrap();
        moved(from, &to);
        std::os::unix::fs::symlink(to, from).unwrap();
    }

    /// Undoes that.
    fn give_back(&self, from: &Path) {
        let to = fs::read_link(from).unwrap();
        fs::remove_file(from).unwrap();
        moved(&to, from);
    }

    /// Leaves so many bytes free.
    fn leave(&self, bytes: u64) {
        self.make_room();
        let free = statvfs(&self.root).unwrap();
        let free = free.f_bavail * free.f_frsize;
        let ballast = File::create(self.root.join("ballast")).unwrap();
        fallocate(&ballast, FallocateFlags::empty(), 0, free.saturating_sub(bytes)).unwrap();
    }

    fn make_room(&self) {
        let _ = fs::remove_file(self.root.join("ballast"));
    }
}

/// Moves a directory, to another file system if need be.
fn moved(from: &Path, to: &Path) {
    let done = Command::new("mv").args([from, to]).status().unwrap();
    assert!(done.success(), "{} cannot be moved", from.display());
}

/// Does `work` with a disk of so many megabytes. It is mounted in a name space that ends with the test, for which the test
/// `name` is started once more.
fn on_a_disk(name: &str, megabytes: u64, work: impl FnOnce(&Disk)) {
    if let Some(root) = std::env::var_os(DISK) {
        return work(&Disk { root: root.into() });
    }
    let place = tempfile::tempdir().unwrap();
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let mut command = Command::new(which("unshare"));
    command.arg("-m");
    if !user.is_root() {
        command.arg("-r");
    }
    let script = "mount -t tmpfs -o \"size=$2m,mode=700\" none \"$1\" || exit 99; shift 2; exec \"$@\"";
    command.args(["sh", "-c", script, "sh"]).arg(place.path()).arg(megabytes.to_string());
    if !user.is_root() {
        // Nobody is root in what follows, as outside of it.
        let ids = [("--map-user", user.as_raw()), ("--map-group", group.as_raw())];
        command.args([which("unshare").into_os_string(), "-U".into()]);
        command.args(ids.map(|(option, id)| OsString::from(format!("{option}={id}")))).arg("--");
    }
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    command.env(DISK, place.path());
    let done = Running::start(command, None).wait(2 * LONG);
    assert_ne!(
        done.code(),
        99,
        "this test needs to mount a file system in a name space of its own (unshare -m, as root or with -r): {}",
        done.stderr
    );
    let done = done.expect_success();
    assert!(done.stdout.contains("1 passed"), "there is no test {name}: {}", done.stdout);
}

/// What was said of a disk that is full.
#[track_caller]
fn is_told(ended: &Finished, words: &[&str]) {
    assert!([1, 4].contains(&ended.code()), "exit status {}\n{}", ended.code(), ended.stderr);
    let error = &ended.json()["error"];
    let said =
        format!("{} {}", error["message"].as_str().unwrap(), error["hint"].as_str().unwrap_or_default());
    assert!(words.iter().any(|word| said.contains(word)), "{words:?} are not in {said:?}\n{}", ended.stderr);
    assert_eq!(ended.stderr.matches("kugetsu: ").count(), 1, "{}", ended.stderr);
}

impl World {
    /// A trip that the disk did not let begin left nothing, and changed nothing.
    #[track_caller]
    fn is_unscathed(&self, errand: &Errand, rows: &str) {
        assert!(
            super::rows(&self.home.machine.database(), &errand.session) == rows,
            "the session at home changed"
        );
        for record in self.records(&errand.session) {
            assert!(record.state.is_end() && !record.is_on_host, "{record:#?}");
            let at = self.state().join("dispatches").join(&record.id);
            let left: Vec<_> = UNDER_WAY.iter().filter(|name| at.join(name).exists()).collect();
            assert!(left.is_empty(), "{left:?} are left here");
        }
        assert_eq!(self.dispatches_there(), Vec::<String>::new());
        assert_eq!(self.model.prompts_of("pi").len(), 0);
        self.is_quiet();
    }
}

#[test]
fn a_session_that_is_too_large_for_a_disk_waits_for_room() {
    on_a_disk("unbroken::disks::a_session_that_is_too_large_for_a_disk_waits_for_room", 700, |disk| {
        let mut world = World::for_much();
        let project = world.home.machine.project("app");
        let session = world.home.machine.insert_big_session(&project, 3000, 20 << 20);
        let errand = Errand { session, ..world.errand() };
        let rows = super::rows(&world.home.machine.database(), &errand.session);
        let go = errand.remote(&["--round-trip", "--json"]);
        let refused = |world: &World, words: &[&str]| {
            let ended = world.start(&go, None).wait(LONG);
            is_told(&ended, words);
            world.is_unscathed(&errand, &rows);
        };
        let there = world.host.machine.home().to_owned();

        let roomy = world.state();
        let here = disk.root.join("home");
        world.home.machine.set_env("KUGETSU_HOME", here.display().to_string());
        disk.leave(5 * MEGABYTE);
        refused(&world, &["no space is left", "No space left"]);
        world.home.machine.set_env("KUGETSU_HOME", roomy.display().to_string());

        let on_it = [".kugetsu", ".local/share/opencode"];
        for directory in on_it {
            disk.take_over(&there.join(directory));
            disk.leave(5 * MEGABYTE);
            refused(&world, &["no room"]);
            disk.make_room();
            disk.give_back(&there.join(directory));
        }

        // All of it on one disk, and room there.
        on_it.iter().for_each(|directory| disk.take_over(&there.join(directory)));
        world.home.machine.set_env("KUGETSU_HOME", here.display().to_string());
        world.start(&go, None).wait(LONG).expect_success();
        world.is_over(&errand);
        let after = super::rows(&world.home.machine.database(), &errand.session);
        let after: HashSet<&str> = after.lines().collect();
        let lost = rows.lines().skip(1).filter(|row| !after.contains(row)).count();
        assert_eq!(lost, 0, "so many rows that left are not home");
    });
}

#[test]
fn a_disk_that_a_run_fills_up_loses_nothing() {
    on_a_disk("unbroken::disks::a_disk_that_a_run_fills_up_loses_nothing", 5, |disk| {
        let world = World::new();
        disk.take_over(&world.host.machine.home().join(".kugetsu"));
        let errand = world.errand();
        let before = super::rows(&world.home.machine.database(), &errand.session);
        let message = format!("[[bash yes >\"$HOME/.kugetsu/filler\"; true]]\n{}", errand.message());
        let args = ["remote", "pi", &errand.session, &message, "--json"];
        let launched = world.kugetsu(&args).expect_success().json();
        let dispatch = launched["dispatch"].as_str().unwrap();
        let ended = world.kugetsu(&["wait", dispatch, "--json"]);
        is_told(&ended, &["no space is left"]);
        assert_eq!(super::rows(&world.home.machine.database(), &errand.session), before);
        fs::remove_file(disk.root.join(".kugetsu/filler")).unwrap();
        let home = world.kugetsu(&["fetch", dispatch, "--json"]);
        assert_eq!(home.json()["state"], "home", "{}", home.stderr);
        let after = super::rows(&world.home.machine.database(), &errand.session);
        assert!(before.lines().skip(1).all(|row| after.contains(row)), "rows that left are not home");
        assert!(after.contains(&errand.mark) && after.lines().count() > before.lines().count() + 2);
        assert_eq!(world.model.prompts_of("pi").len(), 1);
        assert_eq!(world.dispatches_there(), Vec::<String>::new());
        let next = world.errand();
        world.kugetsu(&next.remote(&["--round-trip"])).expect_success();
        world.is_over(&next);
    });
}

#[test]
fn a_disk_that_is_full_when_a_session_comes_home_loses_nothing() {
    on_a_disk("unbroken::disks::a_disk_that_is_full_when_a_session_comes_home_loses_nothing", 20, |disk| {
        let mut world = World::new();
        let here = disk.root.join("home");
        world.home.machine.set_env("KUGETSU_HOME", here.display().to_string());
        let expected = world.undisturbed();
        let errand = world.errand();
        let before = super::rows(&world.home.machine.database(), &errand.session);
        world.kugetsu(&errand.remote(&[])).expect_success();
        let record = world.records(&errand.session).remove(0);
        let result = world.dispatch_there(&record.id).join("result");
        until(PATIENCE, || if result.exists() { Ok(()) } else { Err("the run goes on".to_owned()) });
        let mut refused = 0;
        // Wherever the room ends, from nothing at all on.
        for pages in 0..40 {
            disk.leave(pages * 4096);
            let ended = world.kugetsu(&["wait", &record.id, "--json"]);
            if ended.code() == 0 {
                break;
            }
            is_told(&ended, &["no space is left", "No space left"]);
            assert!(result.exists(), "what is not home is not removed there");
            if super::rows(&world.home.machine.database(), &errand.session) != before {
                // Where the room ends behind the database, all of it is home already.
                world.is_as(&errand, &expected);
                assert!(!ended.stderr.contains("as it was"), "{}", ended.stderr);
            }
            refused += 1;
        }
        assert!(refused > 2, "{refused}");
        disk.make_room();
        world.kugetsu(&["wait", &record.id]).expect_success();
        world.is_over(&errand);
        world.is_as(&errand, &expected);
    });
}
