//! A run that did not do its work: exit status 5, and the session is home nevertheless.

use super::scene::{Scene, harmless};
use crate::support::host::Host;
use crate::support::opencode::Release;
use serde_json::{Value, json};

impl Scene {
    /// With a host whose opencode is the real one.
    fn with_real_host() -> Self {
        let mut scene = Self::alone();
        let host = Host::start("pi", Release::New, &scene.model);
        host.machine.has_been_used();
        scene.home.add_host("pi", &host, json!({}));
        scene.host = Some(host);
        scene
    }

    /// A round trip that ends with exit status 5: what a script is told.
    #[track_caller]
    fn fails_there(&self, args: &[&str]) -> Value {
        let all = [&["--json", "--round-trip"], args].concat();
        let done = self.home.kugetsu(&self.remote(&all)).expect_code(5);
        harmless(&done.stderr);
        let report = done.json();
        assert_eq!((&report["run"]["ok"], &report["state"]), (&json!(false), &json!("home")), "{report}");
        let error = report["run"]["error"].as_str().unwrap();
        let told = done.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("the run on pi did not do its work: {error}")), "{}", done.stderr);
        report
    }
}

fn words(report: &Value) -> &str {
    report["run"]["error"].as_str().unwrap()
}

#[test]
fn a_provider_that_refuses_is_quoted() {
    let scene = Scene::with_real_host();
    let report = scene.fails_there(&["[[status 401]]"]);
    assert!(words(&report).contains("401"), "{report}");
    scene.is_home_with(2);
    assert_eq!(scene.model.prompts_of("pi").len(), 1);
    let report = scene.fails_there(&["[[status 400]]"]);
    assert!(words(&report).contains("400"), "{report}");
    scene.is_home_with(4);
    assert_eq!(scene.model.prompts_of("pi").len(), 2);
    scene.is_quiet();
}

#[test]
fn a_permission_that_nobody_could_give_is_named_with_its_cure() {
    let scene = Scene::with_real_host();
    let prompt = "[[tool read {\"filePath\":\"/etc/hostname\"}]]\n[[say read it]]";
    let report = scene.fails_there(&[prompt]);
    assert!(words(&report).contains("permission") && words(&report).contains("--auto"), "{report}");
    scene.is_home_with(2);
    let done = scene.home.kugetsu(&scene.remote(&[prompt, "--round-trip", "--auto"])).expect_success();
    assert_eq!(done.stdout, "read it\n");
}

#[test]
fn a_run_that_did_nothing_is_not_done() {
    let scene = Scene::new();
    let report = scene.fails_there(&["[[nothing]]"]);
    assert!(words(&report).contains("did nothing (exit status 0)"), "{report}");
    assert_eq!(report["new_messages"], 0);
    scene.is_home_with(0);
    scene.is_quiet();

    let broken =
        "if [ \"$1\" = run ]; then cat >/dev/null; printf '\\033[31mno such\\007 thing\\n' >&2; exit 7; fi";
    scene.host().machine.stand_in_with(broken);
    let report = scene.fails_there(&["go on"]);
    assert!(words(&report).contains("exit status 7") && words(&report).contains("no such thing"), "{report}");
    assert_eq!(report["run"]["exit"], 7);
    // A person is told the same, and there is no answer.
    let done = scene.home.kugetsu(&scene.remote(&["go on", "--round-trip"])).expect_code(5);
    harmless(&done.stderr);
    assert_eq!(done.stdout, "");
}

#[test]
fn an_export_there_that_fails_keeps_the_session_there() {
    let scene = Scene::new();
    let broken = "if [ \"$1\" = export ]; then echo 'disk \u{1b}[1mfull' >&2; exit 1; fi";
    scene.host().machine.stand_in_with(&format!("[ \"$BUN_BE_BUN\" = 1 ] && exit 1; {broken}"));
    scene.host().machine.refuse_back_files();
    let fault = scene.fault_once(&scene.remote(&["[[say x]]", "--round-trip"]));
    fault.is(1, "failed", "fetch").says(&["pi", "could not be written", "disk full", "kugetsu wait"]);
    scene.is_intact();
    let fault = scene.fault(&scene.remote(&["again"]));
    fault.is(4, "refused", "lock").says(&["kugetsu fetch"]);
    assert_eq!(scene.host().machine.asked().len(), 1);
}
