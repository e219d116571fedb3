//! Copies of a session beside the original, in the database of a real opencode.

use crate::support::machine::Machine;
use crate::support::model::Model;
use crate::support::opencode::Release;
use crate::support::sample;
use kugetsu::session::{CopySpec, FreshIds, copy, new_session_id, scan};
use serde_json::{Value, json};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;

fn copied(original: &Value, title: &str, directory: &Path) -> (String, FreshIds, Value) {
    let mut random = || RandomState::new().hash_one(0);
    let now_ms = original["info"]["time"]["updated"].as_i64().unwrap() + 1;
    let session = new_session_id(now_ms, &mut random);
    let directory = Some(directory.to_str().unwrap().to_owned());
    let spec = CopySpec { session: session.clone(), title: title.into(), directory, now_ms };
    let json = original.to_string();
    let mut out = Vec::new();
    let ids = copy(json.as_bytes(), &mut out, &scan(json.as_bytes()).unwrap(), &spec, &mut random).unwrap();
    (session, ids, serde_json::from_slice(&out).unwrap())
}

fn texts(session: &Value) -> Vec<String> {
    let parts = session["messages"].as_array().unwrap().iter().flat_map(|m| m["parts"].as_array().unwrap());
    parts.map(|part| format!("{} {} {}", part["type"], part["text"], part["state"]["output"])).collect()
}

fn a_copy_goes_on_beside_the_original(release: Release) {
    let model = Model::start();
    let home = Machine::start("home", release, &model);
    let (project, elsewhere) = (home.project("app"), home.project("copy"));
    let id = home.new_session(&project, "[[bash echo once]]\n[[say remember the heron]]");
    let mut original = home.export(&id);

    let (session, ids, file) = copied(&original, "github.com/a/b#1", &elsewhere);
    home.import(&elsewhere, &file);
    let row: (String, String, Option<String>, Option<String>, i64) = home
        .database()
        .query_row(
            "SELECT title, directory, parent_id, permission, time_created FROM session WHERE id = ?",
            [&session],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .unwrap();
    let created = file["info"]["time"]["created"].as_i64().unwrap();
    let directory = elsewhere.to_str().unwrap().to_owned();
    assert_eq!(row, ("github.com/a/b#1".into(), directory.clone(), None, None, created));
    let here = home.export(&session);
    assert_eq!(texts(&here), texts(&original), "what was said is there, in order");

    home.continue_session(&elsewhere, &session, "[[bash pwd]]\n[[say and on]]", &[]).expect_success();
    let last = model.prompts().last().unwrap().clone();
    assert!(last.messages().iter().any(|message| message.to_string().contains("the heron")));
    let newer = home.export(&session);
    let said = texts(&newer);
    assert_eq!(said[..texts(&original).len()], texts(&original)[..]);
    assert!(said.iter().any(|text| text.contains("and on")) && said.concat().contains(&directory));
    assert_eq!(home.export(&id), original, "the original is as it was");

    // Where the user has undone a message, the copy has undone it, too.
    let undone = original["messages"][0]["info"]["id"].as_str().unwrap().to_owned();
    original["info"]["revert"] = json!({"messageID": undone});
    let (second, again, file) = copied(&original, "x", &project);
    home.import(&project, &file);
    let revert: String = home
        .database()
        .query_row("SELECT revert FROM session WHERE id = ?", [&second], |row| row.get(0))
        .unwrap();
    let revert: Value = serde_json::from_str(&revert).unwrap();
    assert_eq!(revert["messageID"], json!(again.get(&undone)));
    assert_ne!(ids.get(&undone), again.get(&undone));
}

#[test]
fn a_copy_goes_on_with_any_release() {
    sample::of(&Release::ALL).into_iter().for_each(a_copy_goes_on_beside_the_original);
}
