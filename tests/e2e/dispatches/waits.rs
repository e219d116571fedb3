//! Waits that come to nothing for a while, or for good: what is said of them is true.

use super::verbs::told;
use crate::faults::scene::Scene;
use crate::support::process::PATIENCE;

#[test]
fn a_host_that_starts_nothing_for_a_while_is_waited_for() {
    let mut scene = Scene::new();
    let dispatch = scene.launch("[[hold it]]");
    scene.begun(1);
    scene.host.as_mut().unwrap().sshd.restart_starting_nothing(true);
    let waiting = scene.home.spawn(&["wait", &dispatch]);
    waiting.wait_for_output(PATIENCE, |_, err| err.contains("would start nothing"));
    // What has not begun there is not begun.
    let other = scene.home.machine.insert_big_session(&scene.project, 2, 6_000);
    let refused = scene.home.kugetsu(&["remote", "pi", &other, "go on"]).expect_code(3);
    assert!(told(&refused).contains("would start nothing"), "{}", refused.stderr);
    scene.host.as_mut().unwrap().sshd.restart_starting_nothing(false);
    scene.host().machine.release_run("it");
    waiting.wait(PATIENCE).expect_success();
    scene.is_home();
}
