#![allow(clippy::disallowed_methods, reason = "tests put files wherever and however a fault would")]

use super::*;
use std::fs;

const RECORD: &str = include_str!("../../../tests/fixtures/dispatch-2.json");

/// A home with ended trips, each of a session of its own.
fn home_with(trips: usize) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let mut record: serde_json::Value = serde_json::from_str(RECORD).unwrap();
    record["state"] = serde_json::json!({"name": "home", "new_messages": 1});
    record["doing"] = serde_json::json!([]);
    record["there"] = serde_json::json!(false);
    record["sent"] = serde_json::Value::Null;
    for n in 0..trips {
        let id = format!("20261120-103015-{n:08}");
        record["id"] = id.as_str().into();
        record["session"] = format!("ses_{n:026}").into();
        let directory = home.path().join("dispatches").join(id);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("dispatch.json"), record.to_string()).unwrap();
    }
    home
}

#[cfg(target_os = "linux")]
/// Nanoseconds that this thread was at work.
fn worked() -> u64 {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    statistics.split(' ').next().unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_removal_takes_grows_no_faster_than_what_is_removed() {
    let took = |trips: usize| {
        let home = home_with(trips);
        let found = removable(home.path(), Path::new("/nowhere")).unwrap();
        let before = worked();
        let pruned = found.remove().unwrap();
        assert_eq!((pruned.removed.len(), pruned.left.len()), (trips, 0));
        assert!(names(&home.path().join("dispatches")).unwrap().is_empty());
        worked() - before
    };
    let (few, many) = (took(100), took(800));
    // Eight times as many; where each removal reads all records, it is sixty times as much.
    assert!(many < few * 24, "{few} ns and {many} ns");
}

#[test]
fn a_session_that_went_away_since_it_was_looked_at_keeps_all_that_is_its() {
    let home = home_with(70);
    let found = removable(home.path(), Path::new("/nowhere")).unwrap();
    let store = dispatch::Store::new(home.path());
    let mut record = store.open("20261120-103015-00000007").unwrap().unwrap().record;
    record.id = "20261120-103016-00000007".to_owned();
    record.state = State::Finished;
    store.create_with(record, &[]).unwrap();
    let pruned = found.remove().unwrap();
    assert_eq!((pruned.removed.len(), pruned.left.len()), (69, 1));
    assert_eq!(pruned.left[0].what, "20261120-103015-00000007");
    assert_eq!(store.each().unwrap().len(), 2);
}
