//! Absolute paths of the directory here are those of the directory there, while the session is there.

use super::{World, new_rows};
use crate::faults::scene::Scene;
use crate::support::opencode::Release;
use crate::support::process::PATIENCE;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;

#[test]
fn paths_lead_somewhere_on_either_side() {
    let world = World::new(Release::New, Release::New);
    let here = world.project.display().to_string();
    let there = world.host.machine.home().join("projects/app").display().to_string();
    let words = format!("my words name {here}/notes.txt");
    let session =
        world.session(&format!("{words}\n[[bash cat {here}/notes.txt; true]]\n[[say {here} was looked at]]"));
    let before = world.here(&session);
    world.round_trip(&session, &format!("[[bash echo new >{there}/made.txt]]\n[[say done]]"), &[]);

    let request = world.model.prompts_of("pi").into_iter().next().unwrap();
    let calls: Vec<&Value> =
        request.messages().iter().filter(|message| message["tool_calls"].is_array()).collect();
    let told = serde_json::to_string(&calls).unwrap();
    assert!(told.contains(&format!("{there}/notes.txt")) && !told.contains(&here), "{told}");
    let all = serde_json::to_string(request.messages()).unwrap();
    assert!(all.contains(&words), "the user's own words are never changed");

    let after = world.here(&session);
    assert!(new_rows(&before, &after) > 4);
    let new: Vec<&String> =
        after.iter().filter(|(id, _)| !before.contains_key(*id)).map(|(_, row)| row).collect();
    let call = new.iter().find(|row| row.contains("made.txt") && row.contains("\"callID\"")).unwrap();
    assert!(call.contains(&format!("{here}/made.txt")), "{call}");
    let cwd = new.iter().filter(|row| row.contains("\"cwd\"")).collect::<Vec<_>>();
    assert!(!cwd.is_empty() && cwd.iter().all(|row| row.contains(&here)), "{cwd:?}");

    let kept =
        world.home.machine.new_session(&world.project, &format!("[[bash cat {here}/notes.txt; true]]"));
    world.round_trip(&kept, "[[say done]]", &["--keep-paths"]);
    let told = serde_json::to_string(world.model.prompts_of("pi").last().unwrap().messages()).unwrap();
    assert!(told.contains(&format!("{here}/notes.txt")), "{told}");
}

#[test]
fn another_directory_there_changes_no_path_here() {
    let world = World::new(Release::New, Release::New);
    let here = world.project.display().to_string();
    let session = world.session(&format!("[[bash cat {here}/notes.txt; true]]"));
    world.round_trip(&session, "[[say first]]", &[]);
    for (n, flags) in [&["--dir", "~/elsewhere"][..], &["--keep-paths"]].iter().enumerate() {
        let name = format!("mark-{n}");
        let message = format!("[[hold {name}]]\n[[say done]]");
        let args = [&["remote", "pi", &session, &message, "--round-trip", "--json"][..], *flags].concat();
        let trip = world.home.spawn(&args);
        world.model.wait_for_hold(&name, PATIENCE);
        // As a compaction does.
        let mark = "UPDATE part SET data = json_set(data, '$.state.time.compacted', ?2), time_updated = ?2
                    WHERE session_id = ?1 AND data ->> '$.type' = 'tool'";
        let marked = world.host.machine.database().execute(mark, rusqlite::params![session, 5 + n]);
        assert_eq!(marked.unwrap(), 1);
        world.model.release(&name);
        trip.wait(PATIENCE).expect_success();
        let rows = world.here(&session);
        let call = rows.values().find(|row| row.contains("\"callID\"")).unwrap();
        assert!(call.contains(&format!("\"compacted\":{}", 5 + n)), "{call}");
        assert!(call.contains(&format!("cat {here}/notes.txt")), "{call}");
    }
}

/// The directory of a session below HOME is that below the home there, however both are written.
#[test]
fn a_home_behind_a_link_is_the_same_home() {
    for written in ["HOME is the link", "projects/app", "linked/projects/app"] {
        let mut scene = Scene::new();
        let link = scene.home.machine.outside().join("linked");
        symlink(scene.home.machine.home(), &link).unwrap();
        if written == "HOME is the link" {
            scene.home.machine.set_env("HOME", link.display().to_string());
        } else {
            let directory = written.replace("linked", &link.display().to_string());
            let set = "UPDATE session SET directory = ?2 WHERE id = ?1";
            scene.home.machine.database().execute(set, [&scene.session, &directory]).unwrap();
        }
        let trip = scene.home.kugetsu(&scene.remote(&["[[say done]]", "--round-trip", "--json"]));
        let report = trip.expect_success().json();
        let there = scene.host().machine.home().join("projects/app");
        assert_eq!(report["directory"], json!(there), "{written}");
        assert_eq!((&report["state"], &report["new_messages"]), (&json!("home"), &json!(2)), "{written}");
    }
}
