//! Several want the same session at once: one of them goes, and the others are told.

use super::{Errand, KUGETSU, World, hinted};
use crate::support::home::Home;
use crate::support::opencode::Release;
use crate::support::process::{Finished, PATIENCE, Running, until};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const MANY: usize = 10;

/// The one that went, and those that were refused.
#[track_caller]
fn sorted(ended: Vec<Finished>) -> (Finished, Vec<Finished>) {
    let said: Vec<String> = ended.iter().map(|one| format!("{}: {}", one.code(), one.stderr)).collect();
    let (mut went, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(|one| one.code() == 0);
    assert!(went.len() == 1 && refused.iter().all(|one| one.code() == 4), "{said:#?}");
    (went.remove(0), refused)
}

fn all_but_one_ended(running: &mut [Running]) {
    until(PATIENCE, || match running.iter_mut().filter_map(|one| one.is_running().then_some(())).count() {
        1 => Ok(()),
        more => Err(format!("{more} are still at it")),
    });
}

impl World {
    /// As many at once as there are flags.
    fn go_at_once(&self, errand: &Errand, flags: &[&str]) -> Vec<Running> {
        (0..MANY).map(|_| self.start(&errand.remote(flags), None)).collect()
    }

    fn asked_there(&self) -> usize {
        self.model.prompts_of("pi").len()
    }
}

#[test]
fn of_ten_round_trips_at_once_one_is_made() {
    let world = World::new();
    let expected = world.undisturbed_though_held();
    let errand = Errand { hold: Some("all"), ..world.errand() };
    let mut running = world.go_at_once(&errand, &["--round-trip"]);
    world.model.wait_for_hold("all", SOON);
    all_but_one_ended(&mut running);
    assert_eq!(world.asked_there(), 2, "the undisturbed trip's, and one");
    world.model.release("all");
    let (_, refused) = sorted(running.into_iter().map(|one| one.wait(PATIENCE)).collect());
    for one in refused {
        assert!(one.stderr.contains(&errand.session) && one.stderr.contains("in use"), "{}", one.stderr);
    }
    assert_eq!(world.records(&errand.session).len(), 1, "whoever is refused writes nothing down");
    world.is_over(&errand);
    world.is_as(&errand, &expected);
}

#[test]
fn of_ten_one_way_trips_at_once_one_is_made() {
    let world = World::new();
    let errand = Errand { hold: Some("all"), ..world.errand() };
    let running = world.go_at_once(&errand, &[]);
    let (went, refused) = sorted(running.into_iter().map(|one| one.wait(PATIENCE)).collect());
    for one in refused {
        assert!(one.stderr.contains(&errand.session), "{}", one.stderr);
        let away = hinted(&one.stderr).is_some() && one.stderr.contains("on pi");
        assert!(one.stderr.contains("in use") || away, "{}", one.stderr);
    }
    world.model.release("all");
    world.kugetsu(&hinted(&went.stderr).unwrap()).expect_success();
    assert_eq!(world.records(&errand.session).len(), 1);
    world.is_over(&errand);
}

#[test]
fn of_two_machines_one_has_the_session_run_and_the_other_is_told() {
    let world = World::new();
    let errand = Errand { hold: Some("both"), ..world.errand() };
    let mut other = Home::start(KUGETSU, Release::New, &world.model);
    other.add_host("pi", &world.host, json!({}));
    let project = other.machine.project("app");
    other.machine.import(&project, &world.home.machine.export(&errand.session));
    // Two that start on a host without a database at once fail both.
    let there = &world.host.machine;
    there.opencode(&there.project("app"), &["agent", "list"]).expect_success();
    let rows = |home: &Home| super::rows(&home.machine.database(), &errand.session);
    let before = [rows(&world.home), rows(&other)];

    let arguments = errand.remote(&["--round-trip"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut running = vec![world.start(&arguments, None), other.spawn(&arguments)];
    world.model.wait_for_hold("both", SOON);
    all_but_one_ended(&mut running);
    assert_eq!(world.asked_there(), 1);
    world.model.release("both");
    let ended: Vec<Finished> = running.into_iter().map(|one| one.wait(PATIENCE)).collect();
    let ours_went = ended[0].code() == 0;
    let (_, refused) = sorted(ended);
    assert!(
        refused[0].stderr.contains("another kugetsu works with this session on pi"),
        "{}",
        refused[0].stderr
    );
    assert_eq!(world.asked_there(), 1);

    // Whoever was refused has the session as it was, and no trip under way.
    let (refused, its_rows) = if ours_went { (&other, &before[1]) } else { (&world.home, &before[0]) };
    assert_eq!(rows(refused), *its_rows);
    let left = kugetsu::dispatch::Store::new(&refused.state()).of(&errand.session).unwrap();
    assert!(left.iter().all(|dispatch| dispatch.record.state.is_end()), "{left:#?}");
    world.is_quiet();
    assert_eq!(world.dispatches_there(), Vec::<String>::new());
}
