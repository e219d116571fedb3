//! SQLite gives up at any of its steps, or has no room: all of it is there afterwards, or nothing.

use super::super::undo::undo_on;
use super::*;
use crate::opencode::apply::apply_with;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A session of some size, and work that touches all that can be touched.
fn world() -> (World, Fingerprint, PathBuf) {
    let world = World::new(NEW);
    for n in 0..8 {
        let id = format!("msg_1{n}");
        world.message(AWAY, &id, THEN + n, &json!({"role": "user", "time": {"created": THEN + n}}));
        world.part(AWAY, &id, &format!("prt_1{n}"), &json!({"type": "text", "text": "x".repeat(2000)}));
        world.todo(AWAY, n, "do it");
    }
    let mut ops = vec![json!({"patch": {"session": AWAY, "title": "Another", "cost": 1.5}})];
    for n in 0..8 {
        ops.push(message(AWAY, &format!("msg_1{n}"), THEN + n, "changed"));
        ops.push(part(AWAY, &format!("msg_1{n}"), &format!("prt_1{n}"), &"y".repeat(3000)));
    }
    ops.push(session("ses_child", Some(AWAY), "Child"));
    for (session, kind) in [(AWAY, "a"), ("ses_child", "c")] {
        for n in 0..8 {
            let id = format!("msg_2{kind}{n}");
            ops.push(message(session, &id, THEN + 100 + n, "new"));
            ops.push(part(session, &id, &format!("prt_2{kind}{n}"), &"z".repeat(5000)));
        }
    }
    ops.push(
        json!({"todos": {"session": AWAY, "todos": [{"content": "a", "status": "b", "priority": "c"}]}}),
    );
    let sent = world.fingerprint(AWAY).unwrap();
    let file = world.file(&ops);
    (world, sent, file)
}

/// Has SQLite give up at its step of this number; tells how many it has made.
fn interrupt(connection: &Connection, at: u64) -> Arc<AtomicU64> {
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    connection.progress_handler(1, Some(move || counted.fetch_add(1, Ordering::Relaxed) == at));
    steps
}

/// Some numbers below `end`: all at either end, and a spread between them.
fn sampled(end: u64) -> impl Iterator<Item = u64> {
    let stride = usize::try_from(end / 60).unwrap().max(1);
    let mut all: Vec<u64> =
        (0..8).chain((0..end).step_by(stride)).chain(end.saturating_sub(12)..end).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().filter(move |n| *n < end)
}

#[test]
fn interrupted_at_any_step_it_is_before_or_after() {
    let (world, sent, file) = world();
    let input = world.input(Some(&sent), &file);
    let apply = |at: u64| {
        let mut connection = world.connection();
        let steps = interrupt(&connection, at);
        let done = apply_with(&mut connection, &world.database, &input, &|| ());
        (done, steps.load(Ordering::Relaxed))
    };
    let undo = |at: u64| {
        let mut connection = world.connection();
        let steps = interrupt(&connection, at);
        let done = undo_on(&mut connection, &world.database, &world.before, &world.path("undone"));
        (done, steps.load(Ordering::Relaxed))
    };

    let before = world.dump();
    let (done, there) = apply(u64::MAX);
    done.unwrap();
    let after = world.dump();
    let (done, back) = undo(u64::MAX);
    done.unwrap();
    assert!(world.dump() == before);
    assert!(there > 1000 && back > 1000, "{there} {back}");

    // What gives up behind its last write has done it: whoever tries again is told so.
    let (mut befores, mut afters) = (0, 0);
    for at in sampled(there) {
        let (done, _) = apply(at);
        let now = world.dump();
        assert!(now == before && done.is_err() || now == after, "step {at}");
        if let Err(error) = done {
            assert!(matches!(error, ApplyError::Database(_)), "{error:?}");
        }
        (befores, afters) = if now == before { (befores + 1, afters) } else { (befores, afters + 1) };
        assert_eq!(apply(u64::MAX).0.unwrap().already, now == after, "step {at}");
        assert!(world.dump() == after, "step {at}");
        undo(u64::MAX).0.unwrap();
    }
    assert!(befores > 50 && afters < befores, "{befores} {afters}");
    apply(u64::MAX).0.unwrap();

    for at in sampled(back) {
        let (done, _) = undo(at);
        let now = world.dump();
        assert!(now == after && done.is_err() || now == before, "step {at}");
        assert_eq!(undo(u64::MAX).0.unwrap().already, now == before, "step {at}");
        assert!(world.dump() == before, "step {at}");
        apply(u64::MAX).0.unwrap();
    }
    world.assert_sound();
}

#[test]
fn without_room_nothing_comes_home() {
    let (world, sent, file) = world();
    let before = world.dump();
    let input = world.input(Some(&sent), &file);
    let pages = world.values("PRAGMA page_count")[0][0].as_u64().unwrap();
    let mut refused = 0;
    loop {
        let mut connection = world.connection();
        connection.pragma_update(None, "max_page_count", pages + refused).unwrap();
        match apply_with(&mut connection, &world.database, &input, &|| ()) {
            Ok(applied) => break assert!(!applied.already),
            Err(error) => {
                assert!(error.to_string().contains("no space is left"), "{error}");
                assert!(world.dump() == before);
                assert_eq!(world.files(), ["arrival"]);
                refused += 1;
            }
        }
    }
    assert!(refused > 10, "{refused}");
    world.assert_sound();
}

#[test]
fn without_an_image_nothing_becomes_true() {
    let (world, sent, file) = world();
    let before = world.dump();
    let nowhere = world.path("nowhere/before");
    let input = ApplyInput { undo_log: &nowhere, ..world.input(Some(&sent), &file) };
    let error = apply(&world.database, &input).unwrap_err();
    assert!(matches!(error, ApplyError::Disk(_)), "{error:?}");
    // Its place is taken: it fails only at the very end.
    fs::create_dir(world.path("before")).unwrap();
    let error = world.apply_to(Some(&sent), &file).unwrap_err();
    assert!(matches!(error, ApplyError::UndoLog(_) | ApplyError::Disk(_)), "{error:?}");
    assert!(world.dump() == before);
}
